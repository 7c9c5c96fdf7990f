"""Arithmetic on shapes: a node whose inputs are small and known is computed while the model is read."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import onnx

from groupcalc.graph import Tensor
from groupcalc.sources.onnx.infer import Inferred, domain_of
from groupcalc.sources.onnx.payload import DTYPES, has_payload
from groupcalc.sources.onnx.scope import Value, is_small, readable

TOTAL_ELEMENTS = 2**22
"""All computed values together, so that a file made of them costs bounded time and memory."""

EVALUATION = 128
"""What computing one node takes of that besides, as it takes time: the whole is worth 7 seconds."""

FOLDED = frozenset({
    "Abs", "Add", "And", "ArgMax", "ArgMin", "Cast", "CastLike", "Ceil", "Clip", "Compress", "Concat",
    "ConstantOfShape", "CumSum", "Div", "Equal", "Expand", "Flatten", "Floor", "Gather", "GatherElements", "GatherND",
    "Greater", "GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Max", "Mean", "Min", "Mod", "Mul", "Neg",
    "NonZero", "Not", "OneHot", "Or", "Pad", "Pow", "Range", "Reciprocal", "ReduceMax", "ReduceMean", "ReduceMin",
    "ReduceProd", "ReduceSum", "Reshape", "Round", "ScatterElements", "ScatterND", "Sign", "Slice", "Split", "Sqrt",
    "Squeeze", "Sub", "Sum", "Tile", "TopK", "Transpose", "Trilu", "Unsqueeze", "Where", "Xor",
})  # fmt: skip
"""What exporters write between a Shape and the operator that takes the result. Each costs time and memory in
proportion to its inputs and outputs, and inference tells the size of its output before it is computed."""


def shape_value(node: onnx.NodeProto, x: Tensor) -> onnx.TensorProto:
    """The value of a Shape or Size node, which needs no more than the shape (ONNX Shape-25, Size-25)."""
    if node.op_type == "Size":
        return onnx.numpy_helper.from_array(np.array(x.size, dtype=np.int64))
    ends = {attribute.name: attribute.i for attribute in node.attribute}
    sizes = x.shape[ends.get("start", 0) : ends.get("end", len(x.shape))]
    return onnx.numpy_helper.from_array(np.array(sizes, dtype=np.int64))


BOUNDED = frozenset({"Compress", "NonZero"})
"""The exceptions: the size of their output follows from elements, but is never more than that of an input."""


class Folder:
    """Computes nodes, within a budget for the whole model."""

    def __init__(self) -> None:
        self._left = TOTAL_ELEMENTS

    def fold(
        self,
        node: onnx.NodeProto,
        inputs: Sequence[Value | None],
        outputs: Sequence[Inferred],
        opsets: Sequence[onnx.OperatorSetIdProto],
    ) -> list[onnx.TensorProto | None] | None:
        """The values of the outputs, None for one that is left out. None for all when an input is not known, the
        operator is none of `FOLDED`, or an output is too large to be worth knowing, or of unknown size."""
        if node.op_type not in FOLDED or domain_of(node.domain) or self._left <= 0:
            return None
        if any(value is not None and value.data is None for value in inputs):
            return None
        if any(attribute.HasField("t") and not has_payload(attribute.t) for attribute in node.attribute):
            return None
        if not all(_is_worth(node.op_type, output) for name, output in zip(node.output, outputs, strict=True) if name):
            return None
        values = _evaluate(node, inputs, opsets)
        self._left -= EVALUATION + sum(prod(proto.dims) for proto in values or () if proto is not None)
        return values


def _evaluate(
    node: onnx.NodeProto, inputs: Sequence[Value | None], opsets: Sequence[onnx.OperatorSetIdProto]
) -> list[onnx.TensorProto | None] | None:
    # Imported here: most models have fixed shapes, and this costs a tenth of a second.
    from onnx.reference import ReferenceEvaluator

    node = readable(node)
    known = {name: value.data for name, value in zip(node.input, inputs, strict=True) if value and value.data}
    try:
        graph = onnx.helper.make_graph(
            [node],
            "fold",
            [onnx.helper.make_tensor_value_info(name, data.data_type, None) for name, data in known.items()],
            [onnx.helper.make_empty_tensor_value_info(name) for name in node.output if name],
        )
        model = onnx.helper.make_model(graph, opset_imports=list(opsets))
        arrays = {name: onnx.numpy_helper.to_array(data) for name, data in known.items()}
        with np.errstate(all="ignore"):
            results = map(np.asarray, ReferenceEvaluator(model).run(None, arrays))
        values = [onnx.numpy_helper.from_array(next(results)) if name else None for name in node.output]
    except Exception:  # a file can be at fault in many ways: the value stays unknown, and what needs it says so
        return None
    sizes = [(DTYPES[proto.data_type], prod(proto.dims)) for proto in values if proto is not None]
    return values if all(is_small(dtype, size) for dtype, size in sizes) else None


def _is_worth(op: str, output: Inferred) -> bool:
    if output.shape is None:
        return op in BOUNDED
    return is_small(output.dtype, prod(output.shape))
