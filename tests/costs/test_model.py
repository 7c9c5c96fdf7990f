"""Params, buffers and bytes: each tensor once, wherever the file keeps it."""

from __future__ import annotations

from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from groupcalc.costs.cost import Cost, GraphCost
from groupcalc.costs.model import cost
from groupcalc.sources.given import Given
from groupcalc.sources.onnx.lower import Lowering


def stored(name: str, *dims: int, kind: int = TensorProto.FLOAT) -> onnx.TensorProto:
    """A tensor without its payload."""
    return TensorProto(name=name, dims=dims, data_type=kind)


def ints(name: str, *values: int) -> onnx.TensorProto:
    return helper.make_tensor(name, TensorProto.INT64, [len(values)], values)


def priced(nodes: list[onnx.NodeProto], initializers: list[onnx.TensorProto], **inputs: tuple[int, ...]) -> GraphCost:
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()]
    output = helper.make_empty_tensor_value_info(nodes[-1].output[0])
    graph = helper.make_graph(nodes, "g", infos, [output], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    return cost(Lowering(model, Given()).graph("g"))


def node(op: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, inputs.split(), output.split(), name=output.split()[0], **attributes)


MATMUL = node("MatMul", "x held", "y")
W = 64 * 32
"""Elements of the weight in every case below."""

HELD = {
    "an initializer": ([], [stored("held", 64, 32)]),
    "a Constant node": ([node("Constant", "", "held", value=stored("", 64, 32))], []),
    "a ConstantOfShape node": ([node("ConstantOfShape", "shape", "held")], [ints("shape", 64, 32)]),
    "Identity": ([node("Identity", "w", "held")], [stored("w", 64, 32)]),
    "Cast": ([node("Cast", "w", "held", to=TensorProto.FLOAT)], [stored("w", 64, 32, kind=TensorProto.FLOAT16)]),
    "Transpose": ([node("Transpose", "w", "held", perm=[1, 0])], [stored("w", 32, 64)]),
    "Reshape": ([node("Reshape", "w shape", "held")], [stored("w", 2, 32, 32), ints("shape", 64, 32)]),
    "DequantizeLinear": (
        [node("DequantizeLinear", "w scale zero", "held")],
        [stored("w", 64, 32, kind=TensorProto.INT8), stored("scale"), stored("zero", kind=TensorProto.INT8)],
    ),
    "Identity, Transpose and Cast": (
        [
            node("Identity", "w", "a"),
            node("Transpose", "a", "b", perm=[1, 0]),
            node("Cast", "b", "held", to=TensorProto.FLOAT),
        ],
        [stored("w", 32, 64, kind=TensorProto.FLOAT16)],
    ),
    "Concat of two": ([node("Concat", "a b", "held", axis=0)], [stored("a", 48, 32), stored("b", 16, 32)]),
}


@pytest.mark.parametrize("where", HELD)
def test_a_weight_counts_wherever_it_is_held(where: str) -> None:
    nodes, initializers = HELD[where]
    found = priced([*nodes, MATMUL], initializers, x=(5, 64))
    (row,) = found.layers
    assert row.op == "MatMul"
    assert row.cost.params == found.totals.params == W
    assert row.cost.macs == 5 * 32 * 64
    # At its own dtype: half a float behind a Cast, a byte behind DequantizeLinear.
    size = {"Cast": 2, "Identity, Transpose and Cast": 2, "DequantizeLinear": 1}.get(where, 4)
    assert row.cost.weight_bytes == W * size
    assert found.uncounted == ()


def test_packed_types_count_elements_and_exact_bytes() -> None:
    weights = [stored("w", 3, 5, kind=TensorProto.INT4), stored("scale"), stored("zero", kind=TensorProto.INT4)]
    found = priced([node("DequantizeLinear", "w scale zero", "held"), MATMUL], weights, x=(5, 3))
    assert found.totals.params == 3 * 5
    assert found.totals.weight_bytes == (3 * 5 + 1) // 2


def test_a_tied_weight_stands_in_the_row_of_its_first_user() -> None:
    nodes = [node("MatMul", "x w", "a"), node("Transpose", "w", "t", perm=[1, 0]), node("MatMul", "a t", "b")]
    found = priced(nodes, [stored("w", 64, 32)], x=(5, 64))
    first, second = found.layers
    assert (first.cost.params, second.cost.params) == (W, 0)
    assert (first.cost.weight_bytes, second.cost.weight_bytes) == (4 * W, 0)
    assert (first.shared, second.shared) == ((), ("a",))
    assert second.cost.macs == 5 * 64 * 32


def test_parts_of_one_packed_weight_count_it_once() -> None:
    nodes = [
        node("Split", "w", "q k", axis=1, num_outputs=2),
        node("MatMul", "x q", "a"),
        node("MatMul", "x k", "b"),
    ]
    found = priced(nodes, [stored("w", 64, 32)], x=(5, 64))
    assert found.totals.params == W
    assert found.totals.macs == 2 * 5 * 16 * 64


def test_running_statistics_are_buffers() -> None:
    weights = [stored(name, 8) for name in ("scale", "bias", "mean", "var")]
    found = priced([node("BatchNormalization", "x scale bias mean var", "y")], weights, x=(1, 8, 4, 4))
    assert (found.totals.params, found.totals.buffers) == (2 * 8, 2 * 8)
    assert found.totals.weight_bytes == 4 * 8 * 4


def test_arguments_are_neither_params_nor_traffic() -> None:
    nodes = [
        node("Clip", "x low high", "a"),
        node("Reshape", "a shape", "b"),
        node("Gather", "b places", "c", axis=0),
        node("Slice", "c starts ends", "d"),
    ]
    weights = [
        stored("low"),
        stored("high"),
        ints("shape", 16, 4),
        ints("places", 0, 3, 5),
        ints("starts", 0),
        ints("ends", 2),
    ]
    found = priced(nodes, weights, x=(8, 8))
    assert (found.totals.params, found.totals.weight_bytes) == (0, 0)
    # Clip reads and writes 64, Gather reads 64 and writes 3·4, Slice reads these and writes 2·4; the Reshape is a view.
    assert [row.op for row in found.layers] == ["Clip", "Gather", "Slice"]
    assert found.totals.input_bytes == 4 * (64 + 64 + 12)
    assert found.totals.output_bytes == 4 * (64 + 12 + 8)


def test_a_scalar_is_a_number_of_the_formula() -> None:
    nodes = [node("Constant", "", "half", value_float=0.5), node("Mul", "x half", "a"), node("Add", "a one", "b")]
    assert priced(nodes, [stored("one")], x=(2, 3)).totals.params == 0


def test_a_tensor_that_is_read_twice_moves_once() -> None:
    assert priced([node("Mul", "x x", "y")], [], x=(2, 3)).totals.input_bytes == 2 * 3 * 4


def test_a_stored_tensor_that_nothing_reads_is_warned_about_and_not_counted() -> None:
    found = priced([node("Relu", "x", "y")], [stored("left", 1000)], x=(2, 3))
    assert found.totals.params == 0
    assert found.warnings == ("1 stored tensor is read by no node, and not counted: left",)


def test_nodes_without_names_and_with_equal_names_are_all_kept() -> None:
    nodes = [helper.make_node("Relu", [a], [b], name=name) for a, b, name in (("x", "a", ""), ("a", "b", "r"))]
    nodes.append(helper.make_node("Relu", ["b"], ["c"], name="r"))
    found = priced(nodes, [], x=(2, 3))
    assert [row.name for row in found.layers] == ["a", "r", "r"]
    assert found.totals.flops == 3 * (2 * 3)


def test_an_operator_without_a_rule_is_uncounted_never_zero() -> None:
    foo = helper.make_node("Foo", ["x"], ["y"], name="n7", domain="com.acme")
    found = priced([foo, node("Relu", "y", "z")], [], x=(2, 3))
    assert [(n.name, n.op, n.reason) for n in found.uncounted] == [
        ("n7", "com.acme::Foo", "no rule, and no shape for 'y'"),
        ("z", "Relu", "no shape for 'y': its own node is uncounted"),
    ]


def test_figures_are_exact_beyond_any_float() -> None:
    side = 2**20 + 1
    found = priced([node("MatMul", "x w", "y")], [stored("w", side, side)], x=(side, side))
    assert found.totals.macs == side**3 > 2**60
    assert found.totals.flops == 2 * side**3


def test_totals_are_the_sum_of_the_rows() -> None:
    nodes = [node("MatMul", "x w", "a"), node("Relu", "a", "b"), node("MatMul", "b v", "c")]
    found = priced(nodes, [stored("w", 64, 32), stored("v", 32, 8)], x=(5, 64))
    assert found.totals == sum((row.cost for row in found.layers), Cost())
