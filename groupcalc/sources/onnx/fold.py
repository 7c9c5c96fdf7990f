"""Arithmetic on shapes: a node whose inputs are small and known is computed while the model is read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx

from groupcalc.graph import Tensor
from groupcalc.sources.onnx.scope import VALUE_ELEMENTS, Value

TOTAL_ELEMENTS = 2**22
"""All computed values together, so that a file made of them costs bounded time and memory."""

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


class Folder:
    """Computes nodes, within a budget for the whole model."""

    def __init__(self, opsets: Sequence[onnx.OperatorSetIdProto]) -> None:
        self._opsets = opsets
        self._left = TOTAL_ELEMENTS

    def fold(
        self, node: onnx.NodeProto, inputs: Sequence[Value | None], sizes: Sequence[int | None]
    ) -> list[onnx.TensorProto] | None:
        """The values of the outputs, or None when an input is not known, the operator is none of `FOLDED`, or an output
        would be large; `sizes` are the elements of the outputs where inference knows them."""
        if node.op_type not in FOLDED or node.domain not in ("", "ai.onnx"):
            return None
        if any(value is not None and value.data is None for value in inputs) or self._left <= 0:
            return None
        if any(size is not None and size > VALUE_ELEMENTS for size in sizes):
            return None
        outputs = self._evaluate(node, inputs)
        if outputs is not None:
            self._left -= sum(int(np.prod(proto.dims)) for proto in outputs)
        return outputs

    def _evaluate(self, node: onnx.NodeProto, inputs: Sequence[Value | None]) -> list[onnx.TensorProto] | None:
        # Imported here: most models have fixed shapes, and this costs a tenth of a second.
        from onnx.reference import ReferenceEvaluator

        known = {name: value.data for name, value in zip(node.input, inputs, strict=True) if value and value.data}
        graph = onnx.helper.make_graph(
            [node],
            "fold",
            [onnx.helper.make_tensor_value_info(name, data.data_type, None) for name, data in known.items()],
            [onnx.helper.make_empty_tensor_value_info(name) for name in node.output if name],
        )
        try:
            model = onnx.helper.make_model(graph, opset_imports=self._opsets)
            arrays = {name: onnx.numpy_helper.to_array(data) for name, data in known.items()}
            with np.errstate(all="ignore"):
                results = [np.asarray(result) for result in ReferenceEvaluator(model).run(None, arrays)]
        except Exception:  # a file can be at fault in many ways: the value stays unknown, and what needs it says so
            return None
        if any(result.dtype.hasobject or result.size > VALUE_ELEMENTS for result in results):
            return None
        return [onnx.numpy_helper.from_array(result) for result in results]
