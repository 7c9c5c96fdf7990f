"""The shapes of a model's inputs, from the file and from what the user gives for its dynamic dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from shlex import quote

import onnx

from groupcalc.errors import GeometryError, InputError, MissingDimsError
from groupcalc.graph import Tensor
from groupcalc.sources.given import Given
from groupcalc.sources.onnx.payload import dtype
from groupcalc.sources.onnx.scope import text
from groupcalc.units import show_name, show_shape

Dim = int | str
"""A size, a name as it is shown to people, or "" for a dimension of which the file says nothing."""

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
    return [
        _declared(text(value.name), value.type.tensor_type) for value in values if value.type.HasField("tensor_type")
    ]


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
        names = ", ".join(show_name(each.name) for each in inputs)
        raise InputError(f"--shape has no name, and the model has {len(inputs)} inputs", f"name one of {names}")
    shapes = {each.name: given.shapes.get(show_name(each.name), given.shapes.get("")) for each in inputs}
    sizes = dict(given.dims)
    for each in inputs:
        shape = shapes[each.name]
        if shape is not None and each.dims is not None:
            _bind(each, each.dims, shape, sizes)
    missing = [each for each in inputs if shapes[each.name] is None and not _is_known(each, sizes)]
    if missing:
        facts = (fact for each in missing for fact in _facts(each, sizes))
        raise MissingDimsError("; ".join(facts), _flags(missing, sizes))
    tensors = []
    for each in inputs:
        shape = shapes[each.name] or tuple(_size(dim, sizes) for dim in each.dims or ())
        tensors.append(Tensor(name=each.name, shape=shape, dtype=each.dtype))
    return tuple(tensors), sizes


def symbols(inputs: Sequence[Declared]) -> tuple[str, ...]:
    """The names that the inputs give to their dimensions, each once."""
    return tuple(dict.fromkeys(dim for each in inputs for dim in each.dims or () if dim and isinstance(dim, str)))


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


def _size(dim: Dim, sizes: Mapping[str, int]) -> int:
    return dim if isinstance(dim, int) else sizes[dim]


def _is_known(each: Declared, sizes: Mapping[str, int]) -> bool:
    return each.dims is not None and all(isinstance(dim, int) or dim in sizes for dim in each.dims)


def _facts(each: Declared, sizes: Mapping[str, int]) -> list[str]:
    """What is not known of an input, a phrase each."""
    name = show_name(each.name)
    if each.dims is None:
        return [f"the shape of input '{name}' is not known"]
    unknown = [(axis, dim) for axis, dim in enumerate(each.dims) if isinstance(dim, str) and dim not in sizes]
    shown = [f"'{dim}'" if dim else str(axis) for axis, dim in unknown]
    return [f"dimension {dim} of input '{name}' is not known" for dim in shown]


def _flags(missing: Sequence[Declared], sizes: Mapping[str, int]) -> tuple[str, ...]:
    """The flags to add. A dimension without a name takes the whole shape, which gives the named ones too."""
    flags: dict[str, None] = {}
    guesses = dict(sizes)  # of each name one, wherever it stands
    for each in missing:
        dims = ("", "", "", "") if each.dims is None else each.dims
        shape = [guess(dim, axis, len(dims), guesses) for axis, dim in enumerate(dims)]
        if "" in dims:
            flags["--shape " + quote(f"{show_name(each.name)}={'x'.join(map(str, shape))}")] = None
            continue
        for dim, size in zip(dims, shape, strict=True):
            if isinstance(dim, str) and dim not in sizes:
                flags["--dim " + quote(f"{dim}={size}")] = None
    return tuple(flags)


def guess(dim: Dim, axis: int, rank: int, guesses: dict[str, int]) -> int:
    """A value that makes the suggested command run on most vision models; what is known stays."""
    if isinstance(dim, int):
        return dim
    size = (1, 3, PIXELS, PIXELS)[axis] if rank == 4 else 1
    return guesses.setdefault(dim, size) if dim else size
