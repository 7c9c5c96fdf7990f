"""The shapes of a model's inputs, from the file and from what the user gives for its dynamic dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from shlex import quote

import onnx

from groupcalc.errors import GeometryError, InputError, MissingDims
from groupcalc.graph import Tensor
from groupcalc.sources.given import Given
from groupcalc.sources.onnx.scope import dtype
from groupcalc.units import show_name, show_shape

GUESSES = {"h": 224, "w": 224}
"""What the suggested command puts for height and width; it puts 1 for everything else."""


@dataclass(slots=True)
class _Dims:
    """What is known of the dimensions so far, and what is missing."""

    values: dict[str, int]
    facts: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)


def resolve_inputs(values: Sequence[onnx.ValueInfoProto], given: Given) -> tuple[Tensor, ...]:
    """The graph's inputs with every dimension known.

    A shape given for an input binds the names of its dimensions, so that other inputs know them too.
    Raises MissingDims that names every dimension still unknown, GeometryError when a given shape contradicts the file.
    """
    dims = _Dims(values=dict(given.dims))
    shapes = {value.name: _given_shape(value, values, given) for value in values}
    for value in values:
        _bind(value, shapes[value.name], dims)
    tensors = []
    for value in values:
        if value.type.HasField("tensor_type"):
            shape = _shape(value, shapes[value.name], dims)
            tensors.append(Tensor(name=value.name, shape=shape, dtype=dtype(value.type.tensor_type.elem_type)))
    if dims.flags:
        raise MissingDims("; ".join(dims.facts), tuple(dict.fromkeys(dims.flags)))
    return tuple(tensors)


def symbols(values: Sequence[onnx.ValueInfoProto]) -> tuple[str, ...]:
    """The names that the inputs give to their dimensions, each once."""
    names = (dim.dim_param for value in values for dim in value.type.tensor_type.shape.dim if dim.dim_param)
    return tuple(dict.fromkeys(names))


def sizes_of(values: Sequence[onnx.ValueInfoProto], inputs: Sequence[Tensor]) -> dict[str, int]:
    """What the names of the inputs' dimensions stand for."""
    declared = {value.name: value.type.tensor_type.shape.dim for value in values}
    return {
        dim.dim_param: size
        for tensor in inputs
        if len(declared[tensor.name]) == len(tensor.shape)
        for dim, size in zip(declared[tensor.name], tensor.shape, strict=True)
        if dim.dim_param
    }


def _given_shape(
    value: onnx.ValueInfoProto, values: Sequence[onnx.ValueInfoProto], given: Given
) -> tuple[int, ...] | None:
    shape = given.shapes.get(value.name)
    if shape is None and "" in given.shapes:
        if len(values) > 1:
            names = ", ".join(show_name(v.name) for v in values)
            raise InputError(f"--shape has no name, and the model has {len(values)} inputs", f"name one of {names}")
        shape = given.shapes[""]
    return shape


def _bind(value: onnx.ValueInfoProto, shape: tuple[int, ...] | None, dims: _Dims) -> None:
    """Check a given shape against the file, and learn the names of its dimensions from it."""
    tensor_type = value.type.tensor_type
    if shape is None or not tensor_type.HasField("shape"):
        return
    declared = tensor_type.shape.dim
    where = f"input {show_name(value.name)!r}"
    if len(declared) != len(shape):
        raise GeometryError(f"{where} has {len(declared)} dimensions, --shape gives {len(shape)}", "give as many")
    for dim, size in zip(declared, shape, strict=True):
        if dim.HasField("dim_value") and dim.dim_value > 0 and dim.dim_value != size:
            fact = f"{where} is fixed to {_declared(declared)} in the file, --shape gives {show_shape(shape)}"
            raise GeometryError(fact, "leave its fixed dimensions as they are")
        if dim.dim_param and dims.values.setdefault(dim.dim_param, size) != size:
            fact = f"dimension {show_name(dim.dim_param)!r} is {dims.values[dim.dim_param]} and {size} at once"
            raise GeometryError(fact, "give it one value")


def _shape(value: onnx.ValueInfoProto, shape: tuple[int, ...] | None, dims: _Dims) -> tuple[int, ...]:
    if shape is not None:
        return shape
    tensor_type, name = value.type.tensor_type, show_name(value.name)
    if not tensor_type.HasField("shape"):
        dims.facts.append(f"the shape of input {name!r} is not known")
        dims.flags.append(f"--shape {quote(name)}=1x3x224x224")
        return ()
    found: list[int] = []
    unnamed = False
    for axis, dim in enumerate(tensor_type.shape.dim):
        if dim.HasField("dim_value") and dim.dim_value >= 0:
            found.append(dim.dim_value)
        elif dim.dim_param in dims.values:
            found.append(dims.values[dim.dim_param])
        else:
            found.append(guess(dim.dim_param, axis, len(tensor_type.shape.dim)))
            symbol = show_name(dim.dim_param)
            dims.facts.append(f"dimension {symbol!r} of input {name!r} is not known" if symbol else
                              f"dimension {axis} of input {name!r} is not known")
            if symbol:
                dims.flags.append(f"--dim {quote(symbol)}={found[-1]}")
            unnamed = unnamed or not symbol
    if unnamed:
        # A dimension without a name can only be given with the whole shape, which then gives the named ones too.
        dims.flags = [flag for flag in dims.flags if not _names_one_of(flag, tensor_type.shape.dim)]
        dims.flags.append(f"--shape {quote(name)}={'x'.join(map(str, found))}")
    return tuple(found)


def _names_one_of(flag: str, declared: Sequence[onnx.TensorShapeProto.Dimension]) -> bool:
    return any(dim.dim_param and flag.startswith(f"--dim {quote(show_name(dim.dim_param))}=") for dim in declared)


def guess(symbol: str, axis: int, rank: int) -> int:
    """A value that makes the suggested command run on most vision models."""
    if rank == 4 and axis in (2, 3):
        return 224
    return GUESSES.get(symbol[:1].lower(), 1) if rank == 4 and axis else 1


def _declared(dims: Sequence[onnx.TensorShapeProto.Dimension]) -> str:
    return "×".join(str(dim.dim_value) if dim.HasField("dim_value") else show_name(dim.dim_param) or "?" for dim in dims)

