"""Sequences of tensors: which tensor an element is, where that is known while the model is read."""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from groupcalc.graph import Tensor
from groupcalc.sources.onnx.scope import VALUE_ELEMENTS, Value, text


def split_to_sequence(node: onnx.NodeProto, inputs: Sequence[Value | None], prefix: str) -> tuple[Value, ...] | None:
    """The parts of a SplitToSequence (ONNX SplitToSequence-24): by given sizes, or in pieces of one size, the last
    one perhaps smaller. None when the sizes are not known, or the parts are too many to be told apart."""
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
    shapes = ((*x.shape[:axis], *((size,) if keeps else ()), *x.shape[axis + 1 :]) for size in sizes)
    name = prefix + text(node.output[0])
    return tuple(
        Value(tensor=Tensor(name=f"{name}.{place}", shape=shape, dtype=x.dtype)) for place, shape in enumerate(shapes)
    )


def _sizes(length: int, split: Value | None) -> list[int] | None:
    if split is None:
        return [1] * length if length <= VALUE_ELEMENTS else None
    if split.data is None:
        return None
    values = onnx.numpy_helper.to_array(split.data)
    if values.ndim:
        return [int(value) for value in values.ravel()] if (values >= 0).all() else None
    step = int(values)
    if step < 1 or length > step * VALUE_ELEMENTS:
        return None
    starts = range(0, length, step)
    return [min(step, length - start) for start in starts]


def element(inputs: Sequence[Value | None]) -> Value | None:
    """The tensor that a SequenceAt takes (ONNX SequenceAt-11); None when sequence or place is not known."""
    if len(inputs) < 2 or inputs[0] is None or inputs[1] is None or inputs[1].data is None:
        return None
    parts, places = inputs[0].parts, onnx.numpy_helper.to_array(inputs[1].data).ravel()
    if len(places) != 1 or not -len(parts) <= int(places[0]) < len(parts):
        return None
    return parts[int(places[0])]
