"""Nodes that leave nothing to run: a constant in another form, arithmetic on shapes."""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from groupcalc.graph import Tensor
from groupcalc.sources.onnx.infer import Inferred
from groupcalc.sources.onnx.payload import dtype
from groupcalc.sources.onnx.scope import INDEX_DTYPES, Scope, Value

HOLDERS: dict[str, slice] = {
    **dict.fromkeys(
        ("Identity", "Cast", "CastLike", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Split",
         "Expand", "QuantizeLinear", "DequantizeLinear", "com.microsoft::QuantizeLinear",
         "com.microsoft::DequantizeLinear"),
        slice(0, 1),
    ),
    "Concat": slice(None),
}  # fmt: skip
"""Operators that only give a constant another form, and the inputs they take it from: such a node over constants is
no layer, and the layer that reads it counts the stored tensors behind it."""


def constants(
    op: str,
    node: onnx.NodeProto,
    inputs: Sequence[Value | None],
    outputs: Sequence[Inferred],
    data: Sequence[onnx.TensorProto | None] | None,
    scope: Scope,
) -> list[Value] | None:
    """The outputs of a node that leaves nothing to run; None when it is a layer.

    A stored constant in another form holds what is stored; a ConstantOfShape of a stored shape is stored itself;
    arithmetic on shapes and indices, or on literals alone, gives literals. Arithmetic on the network's own
    numbers is work, however small they are.
    """
    sources = [value.tensor for value in inputs[HOLDERS[op]] if value is not None] if op in HOLDERS else []
    stored: tuple[Tensor, ...] = ()
    if sources and all(tensor is not None and tensor.constant for tensor in sources):
        stored = tuple(dict.fromkeys(s for t in sources if t is not None and not t.literal for s in t.stored))
    is_stored = bool(stored) or (
        op == "ConstantOfShape" and bool(inputs) and inputs[0] is not None and inputs[0].is_stored
    )
    computed = data is not None and (
        op in ("Shape", "Size")
        or any(value is not None and value.from_shape for value in inputs)
        or all(value is None or (value.tensor is not None and value.tensor.literal) for value in inputs)
    )
    if not (is_stored or computed) or (data is None and any(output.shape is None for output in outputs)):
        return None
    named = scope.stored_name if is_stored else scope.named
    known: Sequence[onnx.TensorProto | None] = data or [None] * len(node.output)
    return [
        _constant(named(name), output, proto, held=stored, literal=not is_stored) if name else Value()
        for name, output, proto in zip(node.output, outputs, known, strict=True)
    ]


def _constant(
    name: str, found: Inferred, proto: onnx.TensorProto | None, held: tuple[Tensor, ...], literal: bool
) -> Value:
    """An output that is a constant: with its elements if they were computed, else as inference has it."""
    if proto is not None:
        shape, kind = tuple(proto.dims), dtype(proto.data_type)
    else:
        assert found.shape is not None
        shape, kind = found.shape, found.dtype
    tensor = Tensor(name=name, shape=shape, dtype=kind, constant=True, held=held, literal=literal)
    return Value(tensor=tensor, data=proto, from_shape=proto is not None and (literal or kind in INDEX_DTYPES))
