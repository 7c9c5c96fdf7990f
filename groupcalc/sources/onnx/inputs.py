"""The shapes of a model's inputs, from the file and from what the user gives for its dynamic dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from shlex import quote

import onnx

from groupcalc.errors import GeometryError, InputError, MissingDimsError
from groupcalc.graph import Tensor
from groupcalc.sources.given import Given
from groupcalc.sources.onnx.dims import computed, names, size_of
from groupcalc.sources.onnx.payload import dtype
from groupcalc.sources.onnx.scope import text
from groupcalc.units import show_name, show_shape

Dim = int | str
"""A size, a name as it is shown to people, or "" for a dimension of which the file says nothing."""

MAX_DIMS = 10_000
"""Dimensions of all inputs together; a model that is handed the memory of a hundred attention layers has a thousand."""

PIXELS = 224
"""What the suggested command puts for height and width; it puts 1 for everything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """An input as the file declares it; `dims` is None when not even the rank is known."""

    name: str
    dtype: str
    dims: tuple[Dim, ...] | None


def declared_inputs(values: Sequence[onnx.ValueInfoProto]) -> list[Declared]:
    """The inputs that are tensors."""
    kinds = [(text(value.name), value.type.tensor_type) for value in values if value.type.HasField("tensor_type")]
    if sum(max(len(kind.shape.dim), 1) for _, kind in kinds) > MAX_DIMS:
        raise InputError(f"its inputs have more than {MAX_DIMS:,} dimensions", "export the model again")
    return [_declared(name, kind) for name, kind in kinds]


def _declared(name: str, kind: onnx.TypeProto.Tensor) -> Declared:
    try:
        dims = tuple(map(_dim, kind.shape.dim)) if kind.HasField("shape") else None
        return Declared(name=name, dtype=dtype(kind.elem_type), dims=dims)
    except InputError as error:
        raise error.within(f"input '{show_name(name)}'") from error


def _dim(dim: onnx.TensorShapeProto.Dimension) -> Dim:
    if dim.HasField("dim_value") and dim.dim_value >= 0:
        return int(dim.dim_value)
    return symbol(dim)


def symbol(dim: onnx.TensorShapeProto.Dimension) -> str:
    """The name of a dimension as it is shown to people, and as they give it; "" without one."""
    return show_name(text(dim.dim_param))


def resolve_inputs(inputs: Sequence[Declared], given: Given) -> tuple[tuple[Tensor, ...], dict[str, int]]:
    """The inputs with every dimension known, and what the names of dimensions stand for.

    A shape given for an input binds the names of its dimensions, so that other inputs know them too.
    Raises MissingDimsError, which names every dimension still unknown, and GeometryError for a given shape that
    contradicts the file.
    """
    if "" in given.shapes and len(inputs) > 1:
        known = ", ".join(show_name(each.name) for each in inputs)
        raise InputError(f"--shape has no name, and the model has {len(inputs)} inputs", f"name one of {known}")
    shapes = {each.name: given.shapes.get(show_name(each.name), given.shapes.get("")) for each in inputs}
    sizes = dict(given.dims)
    for each in inputs:
        shape = shapes[each.name]
        if shape is not None and each.dims is not None:
            _bind(each, each.dims, shape, sizes)
    for symbol, size in sizes.items():
        again = computed(symbol, sizes)
        if again is not None and again != size:
            raise GeometryError(f"dimension '{symbol}' is {again} and {size} at once", "give it one value")
    tensors = []
    unknown: list[Declared] = []
    for each in inputs:
        found = shapes[each.name] or _known(each, sizes)
        if found is None:
            unknown.append(each)
        else:
            tensors.append(Tensor(name=each.name, shape=found, dtype=each.dtype))
    if unknown:
        missing = _Missing(inputs, sizes)
        facts = (fact for each in unknown for fact in missing.facts(each))
        raise MissingDimsError("; ".join(facts), (*_flags(inputs, given), *missing.flags(unknown)))
    return tuple(tensors), sizes


def symbols(inputs: Sequence[Declared]) -> tuple[str, ...]:
    """The names that the inputs give to their dimensions, and those in their arithmetic, each once."""
    found = (dim for each in inputs for dim in each.dims or () if dim and isinstance(dim, str))
    return tuple(dict.fromkeys(name for dim in found for name in (dim, *sorted(names(dim)))))


def _bind(each: Declared, dims: tuple[Dim, ...], shape: tuple[int, ...], sizes: dict[str, int]) -> None:
    """Check a given shape against the file, and learn the names of its dimensions from it."""
    where = f"input '{show_name(each.name)}'"
    if len(dims) != len(shape):
        raise GeometryError(f"{where} has {len(dims)} dimensions, --shape gives {len(shape)}", "give as many")
    for dim, size in zip(dims, shape, strict=True):
        if isinstance(dim, int) and dim != size:
            has = "×".join(str(d) or "?" for d in dims)
            fact = f"{where} is {has} in the file, --shape gives {show_shape(shape)}"
            raise GeometryError(fact, "leave its fixed dimensions as they are")
        if dim and isinstance(dim, str) and sizes.setdefault(dim, size) != size:
            fact = f"dimension '{dim}' is {sizes[dim]} and {size} at once"
            raise GeometryError(fact, "give it one value")


def _flags(inputs: Sequence[Declared], given: Given) -> tuple[str, ...]:
    """What is given for this model already, as the flags that give it."""
    known = {"", *(show_name(each.name) for each in inputs)}
    shapes = [(f"{name}=" if name else "") + "x".join(map(str, s)) for name, s in given.shapes.items() if name in known]
    dims = [f"{name}={size}" for name, size in given.dims.items() if name in symbols(inputs)]
    return (*(f"--shape {quote(shape)}" for shape in shapes), *(f"--dim {quote(dim)}" for dim in dims))


def _known(each: Declared, sizes: Mapping[str, int]) -> tuple[int, ...] | None:
    """The shape of an input, if each of its dimensions has a size."""
    found = [dim if isinstance(dim, int) else size_of(dim, sizes) for dim in each.dims or ()]
    known = tuple(size for size in found if size is not None)
    return known if each.dims is not None and len(known) == len(found) else None


class _Missing:
    """What to say of inputs whose shapes are not known.

    alone  the names that are dimensions by themselves: where one of them stands in arithmetic, the names in it are
           what is missing, and else the arithmetic is a name itself, `batch-size` perhaps
    """

    def __init__(self, inputs: Sequence[Declared], sizes: Mapping[str, int]) -> None:
        self.sizes = sizes
        dims = {dim for each in inputs for dim in each.dims or () if isinstance(dim, str) and dim}
        self.alone = sizes.keys() | {dim for dim in dims if not names(dim)}

    def facts(self, each: Declared) -> list[str]:
        """A phrase for each dimension of an input that is not known."""
        name = show_name(each.name)
        if each.dims is None:
            return [f"the shape of input '{name}' is not known"]
        shown = dict.fromkeys(
            f"'{wanted}'" if wanted else str(axis) for axis, dim in enumerate(each.dims) for wanted in self._wanted(dim)
        )
        return [f"dimension {dim} of input '{name}' is not known" for dim in shown]

    def flags(self, unknown: Sequence[Declared]) -> tuple[str, ...]:
        """The flags to add. A dimension without a name takes the whole shape, which gives the named ones too."""
        found: dict[str, None] = {}
        guesses = dict(self.sizes)  # of each name one, wherever it stands
        for each in unknown:
            dims = ("", "", "", "") if each.dims is None else each.dims
            if "" not in dims:
                for axis, dim in enumerate(dims):
                    for name in self._wanted(dim):
                        size = guess(name, axis if name == dim else -1, len(dims), guesses)
                        found["--dim " + quote(f"{name}={size}")] = None
                continue
            shape = [self._guess(dim, axis, len(dims), guesses) for axis, dim in enumerate(dims)]
            found["--shape " + quote(f"{show_name(each.name)}={'x'.join(map(str, shape))}")] = None
        return tuple(found)

    def _guess(self, dim: Dim, axis: int, rank: int, guesses: dict[str, int]) -> int:
        if isinstance(dim, str) and _names(dim) & self.alone:
            for name in sorted(_names(dim)):
                guess(name, -1, rank, guesses)
            return size_of(dim, guesses) or 1
        return guess(dim, axis, rank, guesses)

    def _wanted(self, dim: Dim) -> list[str]:
        """The names that a dimension waits for: its own, or some of those in its arithmetic; "" without a name."""
        if isinstance(dim, int) or (dim and size_of(dim, self.sizes) is not None):
            return []
        inner = _names(dim)
        return sorted(inner - self.sizes.keys()) if inner & self.alone else [dim]


def _names(dim: Dim) -> frozenset[str]:
    return names(dim) if isinstance(dim, str) and dim else frozenset()


def guess(dim: Dim, axis: int, rank: int, guesses: dict[str, int]) -> int:
    """A value that makes the suggested command run on most vision models; what is known stays. An axis below zero is
    that of a name in some arithmetic."""
    if isinstance(dim, int):
        return dim
    size = (1, 3, PIXELS, PIXELS)[axis] if rank == 4 and axis >= 0 else 1
    return guesses.setdefault(dim, size) if dim else size
