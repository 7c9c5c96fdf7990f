"""A whole network in onnxruntime: which nodes stand for which layers, and that they add up to the profile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from groupcalc.bench.backends.profile import Profile, Timed, mean_run, profile, runs_of
from groupcalc.bench.whole import Whole, joined
from groupcalc.costs.cost import GraphCost
from groupcalc.costs.model import cost
from groupcalc.errors import EngineError
from groupcalc.graph import Tensor
from groupcalc.sources.given import Given
from groupcalc.sources.onnx.load import load_onnx
from groupcalc.sources.onnx.wiring import Node, runnable, wiring


def weight(name: str, *dims: int) -> onnx.TensorProto:
    """A tensor whose numbers are not in the file."""
    return TensorProto(name=name, dims=dims, data_type=TensorProto.FLOAT)


def block() -> bytes:
    """A bottleneck as exporters write it: 1×1, grouped 3×3, both with BatchNorm and Relu, added to the input."""
    norms = [weight(f"{bn}.{part}", 16) for bn in ("bn1", "bn2") for part in ("weight", "bias", "mean", "var")]
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["c1"], name="/conv1/Conv"),
        helper.make_node("BatchNormalization", ["c1", "bn1.weight", "bn1.bias", "bn1.mean", "bn1.var"], ["b1"],
                         name="/bn1/BatchNormalization"),
        helper.make_node("Relu", ["b1"], ["r1"], name="/relu/Relu"),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], name="/conv2/Conv", group=4, pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["c2", "bn2.weight", "bn2.bias", "bn2.mean", "bn2.var"], ["b2"],
                         name="/bn2/BatchNormalization"),
        helper.make_node("Add", ["b2", "x"], ["s"], name="/Add"),
        helper.make_node("Relu", ["s"], ["y"], name="/relu_1/Relu"),
    ]  # fmt: skip
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 16, 8, 8])  # noqa: E731
    graph = helper.make_graph(
        nodes, "block", [value("x")], [value("y")], [weight("w1", 16, 16, 1, 1), weight("w2", 16, 4, 3, 3), *norms]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.fixture(scope="module")
def costed() -> GraphCost:
    return cost(load_onnx(block(), Given(), "block"), path="block.onnx")


def profile_of(*nodes: tuple[str, str], optimized: tuple[Node, ...] = ()) -> Profile:
    """Each node takes a second, and the run half a second more."""
    timed = tuple(Timed(name=name, op=op, seconds=1.0) for name, op in nodes)
    return Profile(nodes=timed, total_s=len(nodes) + 0.5, plain_s=(1.0,), optimized=optimized)


def shown(whole: Whole) -> list[tuple[str, tuple[str, ...]]]:
    return [(ran.name, ran.fused) for ran in whole.ran]


def test_nodes_that_kept_their_names_are_their_rows(costed: GraphCost) -> None:
    names = [(node.name, node.op) for node in wiring(block())]
    whole = joined(wiring(block()), profile_of(*names), costed)
    assert shown(whole) == [(name, ()) for name in ("conv1", "bn1", "relu", "conv2", "bn2", "Add", "relu_1")]
    assert whole.gone == ()


def test_a_blocked_node_stands_for_all_back_to_its_convolution(costed: GraphCost) -> None:
    # onnxruntime names it after the last output, and reads and writes tensors of its own.
    whole = joined(wiring(block()), profile_of(("r1_nchwc", "Conv"), ("s_nchwc", "Conv")), costed)
    assert shown(whole) == [
        ("conv1", ("BatchNormalization", "Relu")), ("conv2", ("BatchNormalization", "Add", "Relu"))
    ]  # fmt: skip
    first, second = whole.ran
    assert sum(row.cost.macs for row in first.rows) == 16 * 16 * 8 * 8
    assert sum(row.cost.macs for row in second.rows) == 16 * 4 * 9 * 8 * 8


def test_a_fused_node_is_known_by_what_it_writes(costed: GraphCost) -> None:
    optimized = (
        Node(name="/conv1/Conv", row="conv1", op="FusedConv", inputs=("x", "w"), outputs=("r1",)),
        Node(name="/conv2/Conv", row="conv2", op="FusedConv", inputs=("r1", "v", "x"), outputs=("y",)),
    )
    found = profile_of(("/conv1/Conv", "FusedConv"), ("/conv2/Conv", "FusedConv"), optimized=optimized)
    whole = joined(wiring(block()), found, costed)
    assert shown(whole) == [
        ("conv1", ("BatchNormalization", "Relu")), ("conv2", ("BatchNormalization", "Add", "Relu"))
    ]  # fmt: skip


def test_what_was_added_behind_a_convolution_belongs_to_the_node_that_ran_last(costed: GraphCost) -> None:
    whole = joined(wiring(block()), profile_of(("r1_nchwc", "Conv"), ("b2_nchwc", "Conv")), costed)
    assert shown(whole)[1] == ("conv2", ("BatchNormalization", "Add", "Relu"))


def test_a_constant_is_no_node_that_was_fused() -> None:
    clip = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv"),
        helper.make_node("Constant", [], ["low"], value_float=0.0),
        helper.make_node("Clip", ["c", "low"], ["y"], name="clip"),
    ]
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4, 8, 8])  # noqa: E731
    graph = helper.make_graph(clip, "g", [value("x")], [value("y")], [weight("w", 4, 4, 1, 1)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    clipped = cost(load_onnx(model, Given(), "g"))
    assert shown(joined(wiring(model), profile_of(("y_nchwc", "Conv")), clipped)) == [("conv", ("Clip",))]


def test_inserted_nodes_are_said_to_be_and_count(costed: GraphCost) -> None:
    whole = joined(
        wiring(block()), profile_of(("r1_nchwc", "Conv"), ("ReorderOutput", "ReorderOutput"), ("y", "Conv")), costed
    )
    assert [ran.inserted for ran in whole.ran] == [False, True, False]
    assert whole.between_s == pytest.approx(0.5)


def test_rows_that_no_node_computes_are_gone(costed: GraphCost) -> None:
    whole = joined(wiring(block()), profile_of(("ReorderOutput", "ReorderOutput")), costed)
    assert [row.name for row in whole.gone] == ["conv1", "bn1", "relu", "conv2", "bn2", "Add", "relu_1"]


def test_the_middle_runs_are_averaged_and_add_up() -> None:
    events: list[dict[str, Any]] = []
    for number, (one, other, between) in enumerate([(900, 900, 200), (10, 30, 2), (20, 30, 4), (1, 1, 1)]):
        start = 10_000 * number
        events += [
            {"cat": "Session", "name": "model_run", "ts": start, "dur": one + other + between, "args": {}},
            {"cat": "Node", "name": "b_kernel_time", "ts": start + one, "dur": other, "args": {"op_name": "Relu"}},
            {"cat": "Node", "name": "a_kernel_time", "ts": start, "dur": one, "args": {"op_name": "Conv"}},
        ]
    nodes, total_s = mean_run(runs_of(events))
    assert [(node.name, node.op) for node in nodes] == [("a", "Conv"), ("b", "Relu")]
    assert [node.seconds for node in nodes] == pytest.approx([15e-6, 30e-6])
    assert total_s == pytest.approx((42 + 54) / 2 * 1e-6)


def test_a_network_in_earnest_adds_up_to_its_profile(costed: GraphCost) -> None:
    model, filled = runnable(block())
    found = profile(model, costed.inputs, threads=1, runs=4, min_time_s=0.0, warmup=1, seed=0)
    whole = joined(wiring(block()), found, costed, filled)
    assert whole.filled == 2 + 8
    assert len(whole.plain_s) == 4
    assert sum(ran.seconds for ran in whole.ran) + whole.between_s == pytest.approx(whole.total_s)
    assert whole.between_s >= 0
    assert sum(row.cost.macs for ran in whole.ran for row in ran.rows) == costed.totals.macs
    assert len([row for ran in whole.ran for row in ran.rows]) + len(whole.gone) == len(costed.layers)


def test_a_model_that_onnxruntime_refuses_is_one_line() -> None:
    with pytest.raises(EngineError) as caught:
        profile(block(), (Tensor(name="x", shape=(1, 16, 8, 8)),), 1, 1, 0.0, 0, 0)  # without its weights
    assert str(caught.value).startswith("onnxruntime: ")
    assert "\n" not in str(caught.value)


def test_a_model_with_all_of_its_numbers_is_left_as_it_is(tmp_path: Path) -> None:
    model, _ = runnable(block())
    assert isinstance(model, bytes)
    path = tmp_path / "full.onnx"
    path.write_bytes(model)
    assert runnable(path) == (path, 0)


def test_random_weights_depend_on_the_seed_alone() -> None:
    assert runnable(block(), seed=1) == runnable(block(), seed=1)
    assert runnable(block(), seed=1) != runnable(block(), seed=2)
