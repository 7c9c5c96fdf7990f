"""FlexAttention: its products, and what it puts its scores through."""

from __future__ import annotations

from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from groupcalc.costs.model import cost
from groupcalc.errors import InputError
from groupcalc.graph import Graph
from groupcalc.sources.given import Given
from groupcalc.sources.onnx.load import load_onnx

pytestmark = pytest.mark.skipif(
    not onnx.defs.has("FlexAttention", "ai.onnx.preview"), reason="this onnx does not have the operator"
)

Q, K, V, Y = [1, 4, 3, 5], [1, 2, 6, 5], [1, 2, 6, 7], [1, 4, 3, 7]
SCORES = 4 * 3 * 6


def info(name: str, shape: list[int] | None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def body(*ops: str, inputs: int = 1) -> onnx.GraphProto:
    """Operators one after the other, from the scores."""
    names = ["s", *(f"t{place}" for place in range(len(ops)))]
    nodes = [helper.make_node(op, [a], [b]) for op, a, b in zip(ops, names[:-1], names[1:], strict=True)]
    return helper.make_graph(
        nodes, "body", [info(f"{'s' * (place + 1)}", None) for place in range(inputs)], [info(names[-1], None)]
    )


def read(**modifiers: Any) -> Graph:
    node = helper.make_node("FlexAttention", ["q", "k", "v"], ["y"], domain="ai.onnx.preview", name="a", **modifiers)
    graph = helper.make_graph([node], "g", [info("q", Q), info("k", K), info("v", V)], [info("y", Y)])
    opsets = [helper.make_opsetid("", 25), helper.make_opsetid("ai.onnx.preview", 1)]
    return load_onnx(helper.make_model(graph, opset_imports=opsets).SerializeToString(), Given(), "m")


def test_queries_of_a_group_share_keys_and_values() -> None:
    found = cost(read())
    assert found.uncounted == ()
    assert found.totals.macs == SCORES * (5 + 7)
    assert found.totals.flops == 2 * SCORES * (5 + 7) + 6 * SCORES


def test_modifiers_are_layers_of_their_own_over_all_scores() -> None:
    graph = read(score_mod=body("Tanh", "Neg"), prob_mod=body("Sqrt"))
    assert [layer.op for layer in graph.layers] == ["Tanh", "Neg", "Sqrt", "ai.onnx.preview::FlexAttention"]
    assert all(layer.outputs[0].shape == (1, 4, 3, 6) for layer in graph.layers[:3])
    assert cost(graph).totals.flops == 2 * SCORES * (5 + 7) + (6 + 3) * SCORES


def test_the_scores_have_the_precision_that_is_asked_for() -> None:
    graph = read(score_mod=body("Neg"), softmax_precision=TensorProto.FLOAT16)
    assert graph.layers[0].outputs[0].dtype == "float16"


def test_a_modifier_of_other_inputs_is_refused() -> None:
    with pytest.raises(InputError, match="score_mod has 2 inputs where it takes the scores"):
        read(score_mod=body("Neg", inputs=2))
