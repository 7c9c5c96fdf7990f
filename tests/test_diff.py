"""What changed between two costings."""

from __future__ import annotations

from pathlib import Path

import pytest

from groupcalc.costs.cost import GraphCost
from groupcalc.costs.model import cost
from groupcalc.diff import diff, diff_all, diff_data
from groupcalc.price import price
from groupcalc.sources.given import Given
from groupcalc.sources.spec import load_lines
from groupcalc.sources.targets import Target

CONV = "Conv2d(128, 128, 3, padding=1, groups={}, bias=False)"
LAYER = 128 * 128 * 9 * 56 * 56
"""MACs without groups."""


def net(*groups: int, path: str = "net.txt") -> GraphCost:
    lines = [f"c{i} = {CONV.format(count)}" for i, count in enumerate(groups)]
    return cost(load_lines([f"{lines[0]} @ 56x56", *lines[1:]]), path=path)


def test_a_changed_layer_is_the_only_one() -> None:
    found = diff(net(32, 32, 32), net(32, 2, 32))
    assert found.status == "changed"
    [layer] = found.changed
    assert (layer.name, layer.status) == ("c1", "changed")
    assert layer.delta("macs") == LAYER // 2 - LAYER // 32 == found.delta("macs")


def test_deltas_of_layers_add_up_to_that_of_the_model() -> None:
    found = diff(net(32, 4), net(8, 16, 2))
    assert sum(layer.delta("macs") for layer in found.layers) == found.delta("macs")
    assert [layer.status for layer in found.layers] == ["changed", "changed", "added"]


def test_a_model_and_itself_are_the_same_and_its_negative_is_removal() -> None:
    assert diff(net(4), net(4)).status == "same"
    assert diff(None, net(4)).status == "added"
    removed = diff(net(4), None)
    assert (removed.status, removed.delta("macs")) == ("removed", -LAYER // 4)


def test_two_single_models_pair_whatever_they_are_called() -> None:
    [found] = diff_all([net(4, path="a")], [net(8, path="b")], str)
    assert found.status == "changed"


def test_the_data_has_both_sides_of_every_layer() -> None:
    data = diff_data(diff(net(32, 4), net(32)))
    assert [(layer["status"], layer["base"] is None, layer["new"] is None) for layer in data["layers"]] == [
        ("same", False, False),
        ("removed", False, True),
    ]
    assert data["totals"]["base"]["macs"] - data["totals"]["new"]["macs"] == LAYER // 4


TORCH = Path(__file__).parent / "data" / "torch"
TWO_EXPORTERS = [
    (path, other)
    for path in sorted(TORCH.glob("*-ts-static*.onnx"))
    if (other := path.with_name(path.name.replace("-ts-", "-dynamo-"))).exists()
]


def test_there_are_networks_of_two_exporters() -> None:
    assert len(TWO_EXPORTERS) > 50


@pytest.mark.parametrize(("old", "new"), TWO_EXPORTERS, ids=[old.stem for old, _ in TWO_EXPORTERS])
def test_another_exporter_renames_layers_and_removes_none(old: Path, new: Path) -> None:
    before, after = (price(Target(path=str(path), kind="onnx"), Given())[0] for path in (old, new))
    found = diff(before, after)
    alone = {row.op for layer in found.layers if not (layer.base and layer.new) and (row := layer.base or layer.new)}
    heavy = {"Conv", "ConvTranspose", "Einsum", "Gemm", "MatMul"}
    if {row.op for row in before.layers} & heavy == {row.op for row in after.layers} & heavy:
        assert not alone & heavy
    else:  # one exporter writes Gemm where the other writes MatMul and Add
        assert alone & heavy <= {"Gemm", "MatMul"}
