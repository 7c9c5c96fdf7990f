"""Sequences and optionals: which tensors they hold, where that is known while the model is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from groupcalc.graph import Tensor
from groupcalc.sources.onnx.scope import VALUE_ELEMENTS, Scope, Value, known_integers

Values = Sequence[Value | None]
Parts = tuple[Value, ...]


def sequence(parts: Parts) -> Value:
    """A sequence of known tensors."""
    return Value(lost="it is a sequence", parts=parts)


def _split(node: onnx.NodeProto, inputs: Values, scope: Scope) -> Value | None:
    """By given sizes, or in pieces of one size, the last one perhaps smaller (ONNX SplitToSequence-24)."""
    x = inputs[0].tensor if inputs and inputs[0] else None
    ends = {attribute.name: attribute.i for attribute in node.attribute}
    if x is None or not x.shape or not -len(x.shape) <= ends.get("axis", 0) < len(x.shape):
        return None
    axis = ends.get("axis", 0) % len(x.shape)
    split = inputs[1] if len(inputs) > 1 else None
    sizes = _sizes(x.shape[axis], split)
    if sizes is None or len(sizes) > VALUE_ELEMENTS or sum(sizes) != x.shape[axis]:
        return None
    keeps = split is not None or ends.get("keepdims", 1)
    shapes = [(*x.shape[:axis], *((size,) if keeps else ()), *x.shape[axis + 1 :]) for size in sizes]
    name = scope.named(node.output[0])
    tensors = (Tensor(name=f"{name}.{place}", shape=shape, dtype=x.dtype) for place, shape in enumerate(shapes))
    return sequence(tuple(Value(tensor=tensor) for tensor in tensors))


def _sizes(length: int, split: Value | None) -> list[int] | None:
    if split is None:
        return [1] * length if length <= VALUE_ELEMENTS else None
    values = known_integers(split)
    if values is None:
        return None
    if values.ndim:
        return [int(value) for value in values.ravel()] if (values >= 0).all() else None
    step = int(values)
    if step < 1 or length > step * VALUE_ELEMENTS:
        return None
    starts = range(0, length, step)
    return [min(step, length - start) for start in starts]


def _construct(node: onnx.NodeProto, inputs: Values, scope: Scope) -> Value | None:
    parts = tuple(value for value in inputs if value is not None)
    return sequence(parts) if all(part.tensor is not None for part in parts) else None


def _empty(node: onnx.NodeProto, inputs: Values, scope: Scope) -> Value | None:
    return sequence(())


def _at(node: onnx.NodeProto, inputs: Values, scope: Scope) -> Value | None:
    parts = _parts(inputs)
    place = _place(inputs, 1, len(parts)) if parts else None
    return None if parts is None or place is None else parts[place]


def _insert(node: onnx.NodeProto, inputs: Values, scope: Scope) -> Value | None:
    parts, new = _parts(inputs), inputs[1] if len(inputs) > 1 else None
    if parts is None or new is None or new.tensor is None or len(parts) >= VALUE_ELEMENTS:
        return None
    place = _place(inputs, 2, len(parts), past=1) if len(inputs) > 2 else len(parts)
    return None if place is None else sequence((*parts[:place], new, *parts[place:]))


def _erase(node: onnx.NodeProto, inputs: Values, scope: Scope) -> Value | None:
    parts = _parts(inputs)
    place = None if parts is None else _place(inputs, 1, len(parts)) if len(inputs) > 1 else len(parts) - 1
    return None if not parts or place is None else sequence((*parts[:place], *parts[place + 1 :]))


def _length(node: onnx.NodeProto, inputs: Values, scope: Scope) -> Value | None:
    parts = _parts(inputs)
    return None if parts is None else number(scope.named(node.output[0]), np.array(len(parts), dtype=np.int64))


def _joined(node: onnx.NodeProto, inputs: Values, scope: Scope) -> Value | None:
    """Along an axis that is there, or with new_axis along one of its own (ONNX ConcatFromSequence-11)."""
    tensors = [part.tensor for part in _parts(inputs) or () if part.tensor is not None]
    ends = {attribute.name: attribute.i for attribute in node.attribute}
    if not tensors:
        return None
    new, shape = bool(ends.get("new_axis", 0)), tensors[0].shape
    rank = len(shape) + new
    if not -rank <= ends.get("axis", 0) < rank:
        return None
    axis = ends.get("axis", 0) % rank
    rests = {(each.dtype, each.shape if new else (*each.shape[:axis], *each.shape[axis + 1 :])) for each in tensors}
    if len(rests) != 1 or any(len(each.shape) != len(shape) for each in tensors):
        return None
    size = len(tensors) if new else sum(each.shape[axis] for each in tensors)
    shape = (*shape[:axis], size, *shape[axis if new else axis + 1 :])
    return Value(tensor=Tensor(name=scope.named(node.output[0]), shape=shape, dtype=tensors[0].dtype))


def _same(node: onnx.NodeProto, inputs: Values, scope: Scope) -> Value | None:
    """An optional that holds something is that, and so is a sequence behind Identity."""
    value = inputs[0] if inputs else None
    return value if value is not None and (value.tensor is not None or value.parts is not None) else None


def _identity(node: onnx.NodeProto, inputs: Values, scope: Scope) -> Value | None:
    return _same(node, inputs, scope) if _parts(inputs) is not None else None


def _has(node: onnx.NodeProto, inputs: Values, scope: Scope) -> Value | None:
    value = inputs[0] if inputs else None
    if value is not None and value.tensor is None and value.parts is None:
        return None
    return number(scope.named(node.output[0]), np.array(value is not None))


SEQUENCES: Mapping[str, Callable[[onnx.NodeProto, Values, Scope], Value | None]] = {
    "SplitToSequence": _split, "SequenceConstruct": _construct, "SequenceEmpty": _empty, "SequenceAt": _at,
    "SequenceInsert": _insert, "SequenceErase": _erase, "SequenceLength": _length, "ConcatFromSequence": _joined,
    "Optional": _same, "OptionalGetElement": _same, "OptionalHasElement": _has, "Identity": _identity,
}  # fmt: skip
"""What a node on sequences makes; None when that is not known."""

MOVING = frozenset({"SplitToSequence", "ConcatFromSequence"})
"""Those that write their elements anew: a layer each."""


def number(name: str, value: NDArray[Any]) -> Value:
    """A number that follows from the structure of the network: a count, a place, a condition."""
    tensor = Tensor(name=name, shape=value.shape, dtype=str(value.dtype), constant=True, literal=True)
    return Value(tensor=tensor, data=onnx.numpy_helper.from_array(value), from_shape=True)


def _parts(inputs: Values) -> Parts | None:
    return inputs[0].parts if inputs and inputs[0] else None


def _place(inputs: Values, slot: int, length: int, past: int = 0) -> int | None:
    """A place in a sequence, counted from its start; None when it is not known, or there is no such place."""
    value = inputs[slot] if slot < len(inputs) else None
    places = known_integers(value)
    if places is None or places.size != 1 or not -length <= places.item() < length + past:
        return None
    return int(places.item()) % length if places.item() < 0 else int(places.item())
