"""Networks of ONNX's first operator sets, whose operators came without inference, are counted as those of today."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from groupcalc.costs.cost import GraphCost
from groupcalc.costs.model import cost
from groupcalc.sources.given import Given
from groupcalc.sources.onnx.load import load_onnx

X, F = [2, 4, 6, 5], TensorProto.FLOAT


def read(*nodes: onnx.NodeProto, opset: int = 1, **weights: tuple[int, ...]) -> GraphCost:
    arrays = [numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in weights.items()]
    names = [name for node in nodes for name in node.output if name]
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", F, X)],
        [onnx.ValueInfoProto(name=names[-1])],
        arrays,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=3)
    return cost(load_onnx(model.SerializeToString(), Given(), "m"))


def node(op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, ["x", *inputs], [f"{op}{place}" for place in range(outputs)], **attributes)


SAME = [
    *(node(op) for op in ("Abs", "Ceil", "Elu", "Exp", "Floor", "HardSigmoid", "LeakyRelu", "Log", "Neg", "Reciprocal",
                          "Relu", "Selu", "Sigmoid", "Sqrt", "Tanh", "Max", "Mean", "Min", "Sum")),
    node("Clip", min=0.0, max=6.0),
    *(node(op, "v", broadcast=1, axis=1) for op in ("Add", "Sub", "Mul", "Div")),
    node("PRelu", "v"),
    node("BatchNormalization", "v", "v", "v", "v", consumed_inputs=[0, 0, 0, 1, 1], is_test=1),
    node("InstanceNormalization", "v", "v"),
    node("Dropout", is_test=1),
]  # fmt: skip


@pytest.mark.parametrize("each", SAME, ids=lambda each: each.op_type)
def test_an_operator_of_one_element_at_a_time_keeps_the_shape(each: onnx.NodeProto) -> None:
    found = read(each, helper.make_node("Relu", [each.output[0]], ["y"]), v=(4,))
    assert found.uncounted == ()
    assert found.layers[-1].outputs == (tuple(X),)


@pytest.mark.parametrize(
    ("each", "shape"),
    [
        (node("Concat", "x"), (2, 8, 6, 5)),  # along the channels where nothing else is said
        (node("Cast", to="DOUBLE"), tuple(X)),
        (node("Pad", paddings=[0, 0, 1, 2, 0, 0, 1, 2]), (2, 4, 8, 9)),
        (node("Reshape", shape=[0, -1]), (2, 120)),
        (node("Split", axis=1, outputs=2), (2, 2, 6, 5)),
        (node("Upsample", height_scale=2.0, width_scale=1.5, mode="nearest"), (2, 4, 12, 7)),
        (node("GlobalLpPool", p=2.0), (2, 4, 1, 1)),
        (node("LpPool", kernel_shape=[2, 2], strides=[2, 2], p=2.0), (2, 4, 3, 2)),
    ],
    ids=lambda value: getattr(value, "op_type", ""),
)
def test_an_attribute_by_its_first_name_is_understood(each: onnx.NodeProto, shape: tuple[int, ...]) -> None:
    found = read(each)
    assert found.uncounted == ()
    assert found.layers == () or found.layers[0].outputs[0] == shape
    after = read(each, helper.make_node("Relu", [each.output[0]], ["y"]))
    assert after.layers[-1].outputs == (shape,)


@pytest.mark.parametrize(("opset", "scales"), [(18, 2), (21, 4)])
def test_group_normalization_is_counted_at_every_version(opset: int, scales: int) -> None:
    """Version 18 is deprecated, 21 came without inference; they differ in one scale a group or a channel."""
    found = read(node("GroupNormalization", "s", "s", num_groups=2), opset=opset, s=(scales,))
    assert found.uncounted == ()
    assert found.totals.flops == 7 * 2 * 4 * 6 * 5


def test_attributes_that_make_no_sense_are_no_error() -> None:
    (found,) = read(node("Cast", to="NOTHING")).uncounted
    assert found.op == "Cast"
    empty = onnx.AttributeProto(name="paddings", type=onnx.AttributeProto.INTS)
    pad = node("Pad")
    pad.attribute.append(empty)
    assert [each.op for each in read(pad).uncounted] == ["Pad"]


def test_sizes_that_are_an_input_are_not_taken_for_equal_parts() -> None:
    (found,) = read(node("Split", "sizes", axis=1, outputs=2), sizes=(2,)).uncounted
    assert found.op == "Split"


def test_the_products_of_a_network_of_2017() -> None:
    """Convolution, pooling, Reshape by an attribute, Gemm with broadcasting."""
    found = read(
        node("Conv", "w", kernel_shape=[3, 3]),
        helper.make_node("Relu", ["Conv0"], ["r"]),
        helper.make_node("Reshape", ["r"], ["f"], shape=[2, -1]),
        helper.make_node("Gemm", ["f", "v", "b"], ["y"], transB=1, broadcast=1),
        w=(8, 4, 3, 3),
        v=(10, 8 * 4 * 3),
        b=(10,),
        opset=3,
    )
    assert found.uncounted == ()
    assert found.totals.macs == 2 * 8 * 4 * 3 * (4 * 9) + 2 * 10 * (8 * 4 * 3)
