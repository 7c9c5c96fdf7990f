"""Pairing: a layer stays the same layer, whatever its exporter calls it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from groupcalc.costs.cost import Cost, GraphCost, LayerCost
from groupcalc.costs.pairing import pair_models, pair_rows

SHAPE = (1, 8, 4, 4)


def row(name: str, op: str = "Conv", macs: int = 1, groups: int = 1, out: tuple[int, ...] = SHAPE) -> LayerCost:
    return LayerCost(name=name, op=op, groups=groups, inputs=(SHAPE,), outputs=(out,), cost=Cost(macs=macs))


def names(base: list[LayerCost], new: list[LayerCost]) -> list[tuple[str | None, str | None]]:
    return [(pair.base and pair.base.name, pair.new and pair.new.name) for pair in pair_rows(base, new)]


def test_layers_pair_by_name() -> None:
    assert names([row("a"), row("b")], [row("b", macs=9), row("a")]) == [("b", "b"), ("a", "a")]


def test_a_renaming_exporter_changes_nothing() -> None:
    base = [row("conv1"), row("relu", "Relu"), row("conv2", groups=2), row("conv3", out=(1, 16, 4, 4))]
    new = [replace(each, name=f"/n{i}") for i, each in enumerate(base)]
    assert names(base, new) == [("conv1", "/n0"), ("relu", "/n1"), ("conv2", "/n2"), ("conv3", "/n3")]


def test_a_renamed_layer_that_changed_its_groups_is_that_layer() -> None:
    base = [row("a", groups=32), row("b", groups=32), row("c", groups=32)]
    new = [row("x", groups=32), row("y", groups=2), row("z", groups=32)]
    # equal ones first; of the three groups-of-32 layers two are left, and the changed one takes what remains
    assert {pair[1] for pair in names(base, new)} == {"x", "y", "z"}
    assert all(None not in pair for pair in names(base, new))


def test_a_renamed_and_widened_network_pairs_in_order() -> None:
    base = [row("a", out=(1, 8, 4, 4)), row("r", "Relu"), row("b", out=(1, 16, 2, 2))]
    new = [row("x", out=(1, 24, 4, 4)), row("s", "Relu"), row("y", out=(1, 48, 2, 2))]
    assert names(base, new) == [("a", "x"), ("r", "s"), ("b", "y")]


def test_where_the_numbers_differ_nothing_is_guessed() -> None:
    base = [row("a", out=(1, 8, 4, 4)), row("b", out=(1, 16, 2, 2))]
    new = [row("x", out=(1, 24, 4, 4))]
    assert names(base, new) == [(None, "x"), ("a", None), ("b", None)]


def test_an_inserted_layer_is_added_and_the_others_stay() -> None:
    base = [row("Conv_0"), row("Relu_1", "Relu"), row("Conv_2", out=(1, 16, 4, 4))]
    new = [
        row("Conv_0"),
        row("Conv_1", macs=7, out=(1, 9, 4, 4)),
        row("Relu_2", "Relu"),
        row("Conv_3", out=(1, 16, 4, 4)),
    ]
    assert names(base, new) == [
        ("Conv_0", "Conv_0"), (None, "Conv_1"), ("Relu_1", "Relu_2"), ("Conv_2", "Conv_3"),
    ]  # fmt: skip


def test_names_that_only_number_the_nodes_come_after_shapes() -> None:
    shapes = [(1, 8 * i, 4, 4) for i in (1, 2, 3)]
    base = [row(f"Conv_{i}", out=shape) for i, shape in enumerate(shapes)]
    new = [
        row("Conv_0", macs=7, out=(1, 9, 9, 9)),
        *(row(f"Conv_{i + 1}", out=shape) for i, shape in enumerate(shapes)),
    ]
    assert names(base, new) == [
        (None, "Conv_0"), ("Conv_0", "Conv_1"), ("Conv_1", "Conv_2"), ("Conv_2", "Conv_3"),
    ]  # fmt: skip


def test_names_of_modules_come_before_shapes() -> None:
    base = [row("layer1", groups=32), row("layer2", groups=16)]
    new = [row("layer1", groups=16), row("layer2", groups=8)]
    assert names(base, new) == [("layer1", "layer1"), ("layer2", "layer2")]


def test_one_name_with_another_operator_has_changed_its_operator() -> None:
    assert names([row("up", "ConvTranspose")], [row("up", "Resize", out=(1, 8, 8, 8))]) == [("up", "up")]


def test_nameless_nodes_pair_by_what_they_are() -> None:
    base, new = [row(""), row("", "Relu")], [row("", "Relu"), row("")]
    pairs = pair_rows(base, new)
    assert [pair.base and pair.base.op for pair in pairs] == ["Relu", "Conv"]


ROWS = st.lists(
    st.builds(
        row, st.sampled_from(["", "a", "b", "c"]), st.sampled_from(["Conv", "Relu"]), st.integers(0, 3),
        st.integers(1, 2), st.sampled_from([SHAPE, (1, 16, 4, 4)]),
    ),
    max_size=8,
)  # fmt: skip


@given(ROWS, ROWS)
def test_every_row_is_in_one_pair(base: list[LayerCost], new: list[LayerCost]) -> None:
    pairs = pair_rows(base, new)
    assert [id(pair.new) for pair in pairs if pair.new] == [id(each) for each in new]
    assert sorted(id(pair.base) for pair in pairs if pair.base) == sorted(map(id, base))


@given(ROWS)
def test_a_network_pairs_with_itself(rows: list[LayerCost]) -> None:
    assert all(pair.base == pair.new for pair in pair_rows(rows, rows))


def model(path: str, name: str) -> GraphCost:
    return GraphCost(name=name, path=path, inputs=(), layers=(), totals=Cost(), peak_activation_bytes=0)


def test_models_pair_by_path_then_by_a_name_that_only_one_has() -> None:
    base = [model("a/x.onnx", "x"), model("b/x.onnx", "x"), model("c/y.onnx", "y"), model("d/z.onnx", "z")]
    new = [model("b/x.onnx", "x"), model("e/y.onnx", "y"), model("f/x.onnx", "x"), model("g/w.onnx", "w")]
    found = pair_models(base, new, str)
    assert {index: cost.path for index, cost in found.items()} == {0: "b/x.onnx", 1: "c/y.onnx", 2: "a/x.onnx"}


def test_a_name_that_several_have_pairs_nothing() -> None:
    base = [model("a/x.onnx", "x"), model("b/x.onnx", "x")]
    assert pair_models(base, [model("c/x.onnx", "x")], str) == {}
