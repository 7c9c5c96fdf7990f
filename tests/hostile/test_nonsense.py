"""Models that mean nothing are refused at the node that is wrong, though onnx's own inference passes many of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from groupcalc.costs.model import cost
from groupcalc.errors import GroupcalcError
from groupcalc.sources.given import Given
from groupcalc.sources.onnx.load import load_onnx

Shape = Sequence[int]


def model(
    nodes: Sequence[onnx.NodeProto], x: Shape = (1, 64, 8, 8), opset: int = 17, **weights: Shape
) -> onnx.ModelProto:
    """A model of these nodes from x to y; weights are float32 and have no payload."""
    stored = [TensorProto(name=name, dims=dims, data_type=TensorProto.FLOAT) for name, dims in weights.items()]
    for tensor in stored:  # the checker wants a payload, and reads no external one
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="weights")
    start = helper.make_tensor_value_info("x", TensorProto.FLOAT, x)
    end = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    end.type.tensor_type.ClearField("shape")
    graph = helper.make_graph(list(nodes), "g", [start], [end], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def conv(
    x: Shape = (1, 64, 8, 8), w: Shape = (64, 64, 3, 3), b: Shape | None = None, **attributes: Any
) -> onnx.ModelProto:
    names = ["x", "w"] + ["b"] * (b is not None)
    weights = {"w": w} | ({"b": b} if b is not None else {})
    return model([helper.make_node("Conv", names, ["y"], name="conv", **attributes)], x, **weights)


def refusal(proto: onnx.ModelProto) -> str:
    with pytest.raises(GroupcalcError) as caught:
        cost(load_onnx(proto.SerializeToString(), Given(), "m"))
    assert str(caught.value).isprintable()
    return str(caught.value)


CONVOLUTIONS = {
    "group 0": (conv(group=0), "groups=0"),
    "group −1": (conv(group=-1), "groups=-1"),
    "group 3 of 64 channels": (conv(w=(63, 21, 3, 3), group=3), "groups=3 does not divide in_channels=64"),
    "group that does not divide the filters": (
        conv(w=(63, 32, 3, 3), group=2),
        "groups=2 does not divide out_channels=63",
    ),
    "group of 2^62": (conv(group=2**62), f"groups={2**62} does not divide"),
    "weight for another number of channels": (conv(w=(64, 32, 3, 3)), "weight 64×32×3×3 does not fit input 1×64×8×8"),
    "kernel larger than the padded input": (
        conv(w=(64, 64, 11, 11), pads=[1, 1, 1, 1]),
        "the kernel reaches over 11×11",
    ),
    "kernel that dilation makes larger": (conv(dilations=[4, 4]), "the kernel reaches over 9×9"),
    "kernel_shape against the weight": (conv(kernel_shape=[5, 5]), "kernel_shape 5×5 contradicts the weight 64×64×3×3"),
    "kernel_shape of another rank": (conv(kernel_shape=[3]), "kernel_shape=(3,) should have 2 whole numbers"),
    "bias of another length": (conv(b=(63,)), "bias 63 does not fit 64 output channels"),
    "bias of another rank": (conv(b=(64, 1)), "bias 64×1 does not fit 64 output channels"),
    "unknown auto_pad": (conv(auto_pad="SAME"), "auto_pad=SAME is none of ONNX's"),
    "auto_pad in lower case": (conv(auto_pad="valid"), "auto_pad=valid is none of ONNX's"),
    "stride 0": (conv(strides=[0, 1]), "stride"),
    "stride −1": (conv(strides=[-1, 1]), "stride"),
    "dilation 0": (conv(dilations=[0, 1]), "dilation"),
    "strides of another rank": (conv(strides=[1]), "strides=(1,) should have 2 whole numbers"),
    "strides that are floats": (conv(strides=[1.0, 1.0]), "strides=(1.0, 1.0) should have 2 whole numbers"),
    "pads of half the length": (conv(pads=[1, 1]), "pads=(1, 1) should have 4 whole numbers"),
    "pads that leave nothing": (conv(pads=[-4, -4, -4, -4]), "padding=-4 is negative"),
    "pads of 2^62": (conv(pads=[2**62] * 4), "the output has 2^63 elements or more"),
    "weight without spatial axes": (conv(w=(64, 64)), "are no convolution"),
    "weight of another rank": (conv(w=(64, 64, 3)), "are no convolution"),
    "weight with a negative dimension": (conv(w=(64, -64, 3, 3)), "has a negative dimension"),
    "weight of 2^64 elements": (conv(w=(2**32, 2**32, 3, 3)), "has 2^63 elements or more"),
    "input of 2^64 elements": (conv(x=(2**32, 64, 2**32, 2**32)), "has 2^63 elements or more"),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_a_convolution_that_cannot_be_is_refused_at_its_node(name: str) -> None:
    proto, fact = CONVOLUTIONS[name]
    line = refusal(proto)
    assert fact in line
    assert "node 'conv' (Conv): " in line or line.startswith("tensor 'x' has")


def test_onnx_itself_passes_much_of_that() -> None:
    """Else there would be no need for checks of our own."""
    passed = 0
    for proto, _ in CONVOLUTIONS.values():
        for tensor in proto.graph.initializer:  # its checker looks for the file
            tensor.ClearField("data_location")
            del tensor.external_data[:]
            tensor.raw_data = b"\0"
        inferred = copy_without_weights(proto)
        try:
            onnx.shape_inference.infer_shapes(inferred, strict_mode=True)
        except Exception:  # C++ throws of all kinds
            continue
        passed += 1
    assert passed >= 5


def copy_without_weights(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The same with weights as inputs: nothing but shapes is left to object to."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    for tensor in proto.graph.initializer:
        copy.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    del copy.graph.initializer[:]
    return copy


POOL = {"kernel_shape": [3, 3]}

OTHERS = {
    "pool larger than its input": ([helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[9, 9])], "is larger than"),
    "pool with stride 0": ([helper.make_node("MaxPool", ["x"], ["y"], strides=[0, 1], **POOL)], "strides=(0, 1)"),
    "pool without a kernel": ([helper.make_node("MaxPool", ["x"], ["y"])], "kernel_shape"),
    "pool with a negative kernel": (
        [helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[-1, 3])],
        "kernel_shape",
    ),
    "pool of padding alone": (
        [helper.make_node("AveragePool", ["x"], ["y"], pads=[2**62] * 4, **POOL)],
        "the output has 2^63 elements or more",
    ),
    "transposed with nothing left": (
        [helper.make_node("ConvTranspose", ["x", "w"], ["y"], pads=[9, 9, 9, 9])],
        "ConvTranspose",
    ),
    "reshape to more elements": (
        [
            helper.make_node("Constant", [], ["s"], value_ints=[1, 64, 9, 9]),
            helper.make_node("Reshape", ["x", "s"], ["y"]),
        ],
        "has 4096 elements and cannot become 1×64×9×9",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_windows_and_shapes_that_cannot_be_are_refused(name: str) -> None:
    nodes, fact = OTHERS[name]
    assert fact in refusal(model(nodes, w=(64, 64, 3, 3)))


DIMS = {
    "negative input": ([-3, 64, 8, 8], None),
    "overflowing input": ([2**62, 2**62], "has 2^63 elements or more: 4611686018427387904×4611686018427387904"),
    "sixty-five dimensions": ([1] * 65, "has 65 dimensions; 64 are the most"),
}


@pytest.mark.parametrize("name", DIMS)
def test_inputs_that_no_runtime_could_hold_are_refused(name: str) -> None:
    dims, fact = DIMS[name]
    line = refusal(model([helper.make_node("Relu", ["x"], ["y"])], dims))
    assert fact in line if fact else "dimension 0 of input 'x' is not known" in line


GRAPHS = {
    "a node that reads itself": ([("Relu", "y", "y")], "reads 'y', which a later node makes, or the node itself"),
    "a cycle of two": ([("Relu", "b", "a"), ("Relu", "a", "b")], "reads 'b', which a later node makes"),
    "a value read before it is made": ([("Relu", "a", "y"), ("Relu", "x", "a")], "reads 'a', which a later node makes"),
    "a value that nobody makes": ([("Relu", "nothing", "y")], "reads 'nothing', which nothing makes"),
    "two producers": ([("Relu", "x", "y"), ("Tanh", "x", "y")], "makes 'y', which is there already"),
    "a node that makes an input": ([("Relu", "x", "x")], "makes 'x', which is there already"),
    "a node that makes a weight": ([("Relu", "x", "w")], "makes 'w', which is there already"),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_out_of_order_is_refused_at_its_node(name: str) -> None:
    nodes, fact = GRAPHS[name]
    line = refusal(model([helper.make_node(op, [x], [y], name="n") for op, x, y in nodes], w=(3,)))
    assert fact in line
    assert line.startswith("node 'n' (")


def test_two_producers_within_one_node_are_refused() -> None:
    split = helper.make_node("Split", ["x"], ["y", "y"], name="n", axis=1)
    assert "makes 'y', which is there already" in refusal(model([split]))


def test_a_value_of_a_branch_is_not_seen_outside() -> None:
    inner = helper.make_tensor_value_info("a", TensorProto.FLOAT, None)
    branch = helper.make_graph([helper.make_node("Relu", ["x"], ["a"])], "b", [], [inner])
    on = helper.make_node("Constant", [], ["on"], value=helper.make_tensor("", TensorProto.BOOL, [], [True]))
    choice = helper.make_node("If", ["on"], ["c"], then_branch=branch, else_branch=branch)
    after = helper.make_node("Relu", ["a"], ["y"], name="after")
    assert "node 'after' (Relu): reads 'a', which nothing makes" in refusal(model([on, choice, after]))


def test_a_function_that_calls_itself_is_refused() -> None:
    body = helper.make_node("F", ["x"], ["y"], domain="f")
    function = helper.make_function("f", "F", ["x"], ["y"], [body], [helper.make_opsetid("f", 1)])
    proto = model([body])
    proto.functions.append(function)
    proto.opset_import.append(helper.make_opsetid("f", 1))
    assert "calls itself" in refusal(proto)


@pytest.mark.parametrize("element_type", [0, 99, -1, 2**31 - 1])
def test_an_element_type_that_onnx_does_not_define_is_refused(element_type: int) -> None:
    proto = model([helper.make_node("Relu", ["x"], ["y"])])
    proto.graph.input[0].type.tensor_type.elem_type = element_type
    assert f"element type {element_type} is not one of ONNX's" in refusal(proto)


def test_nonsense_is_one_line_and_exit_2_at_the_command(groupcalc: Callable[..., Any], here: Path) -> None:
    for name, (proto, fact) in CONVOLUTIONS.items():
        Path("m.onnx").write_bytes(proto.SerializeToString())
        line = groupcalc("analyze", "m.onnx").refusal
        assert line.startswith("m.onnx: "), name
        assert fact in line
