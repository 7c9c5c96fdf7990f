"""What-if: the figures of a regrouped network are those of the network written with these groups."""

from __future__ import annotations

import pytest

from groupcalc.costs.cost import GraphCost
from groupcalc.costs.model import cost
from groupcalc.costs.snapshot import model_data, read_models
from groupcalc.graph import Graph, Layer, Tensor
from groupcalc.sources.spec import load_lines
from groupcalc.whatif import Skipped, whatif

BLOCK = (
    "Conv2d(64, 128, 1, bias=False) @ 56x56",
    "Conv2d(128, 128, 3, padding=1, groups={groups})",
    "ReLU()",
    "ConvTranspose2d(128, 32, 2, stride=2, groups={groups})",
)


def block(groups: int) -> GraphCost:
    return cost(load_lines([line.format(groups=groups) for line in BLOCK]))


@pytest.mark.parametrize("groups", [1, 2, 8, 32])
def test_the_figures_are_those_of_the_network_written_so(groups: int) -> None:
    (found,) = whatif(block(4), [groups])
    written = block(groups)
    plain, spatial, up = found.layers
    assert (spatial.cost, up.cost) == tuple(row.cost for row in written.layers if row.op != "Relu")[1:]
    # The 1×1 layer has no groups of its own: 64 -> 128 channels at 56×56.
    assert plain.cost.macs == 128 * 56 * 56 * 64 // groups
    assert found.totals.macs == plain.cost.macs + spatial.cost.macs + up.cost.macs
    assert found.peak_activation_bytes == written.peak_activation_bytes


def test_a_group_count_that_does_not_divide_leaves_the_layer_as_it_is_and_says_so() -> None:
    present = block(4)
    (found,) = whatif(present, [64])
    # 64 divides 64 and 128 channels, but not the 32 that the last layer makes.
    assert [row.name for row in found.layers] == ["layer1", "layer2"]
    assert found.skipped == (Skipped(name="layer4", reason="groups=64 does not divide out_channels=32"),)
    assert found.totals.dense_macs == present.totals.dense_macs


def test_a_saved_result_has_no_weights_to_regroup() -> None:
    (saved,) = read_models({"schema_version": 1, "models": [model_data(block(4))]})
    (found,) = whatif(saved, [2])
    assert found.layers == ()
    assert {skip.reason for skip in found.skipped} == {"a saved result has no weights"}
    assert found.totals == saved.totals


def test_a_weight_used_twice_counts_once_at_every_group_count() -> None:
    w = Tensor(name="w", shape=(8, 8, 1, 1), constant=True)
    attributes = {
        "groups": 1, "stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "kernel_size": (1, 1)
    }  # fmt: skip
    x, y, z = (Tensor(name=name, shape=(1, 8, 4, 4)) for name in "xyz")
    layers = tuple(
        Layer(name=b.name, op="Conv", inputs=(a, w), outputs=(b,), attributes=attributes) for a, b in ((x, y), (y, z))
    )
    (found,) = whatif(cost(Graph(name="tied", layers=layers, inputs=(x,), outputs=("z",))), [4])
    assert [row.cost.params for row in found.layers] == [8 * 8 // 4, 0]
    assert found.layers[1].shared == ("y",)
    assert found.totals.dense_params == 8 * 8


def test_a_weight_that_is_computed_while_the_network_runs_stays() -> None:
    w = Tensor(name="w", shape=(8, 8, 1, 1))
    x, y = Tensor(name="x", shape=(1, 8, 4, 4)), Tensor(name="y", shape=(1, 8, 4, 4))
    attributes = {
        "groups": 1, "stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "kernel_size": (1, 1)
    }  # fmt: skip
    layer = Layer(name="y", op="Conv", inputs=(x, w), outputs=(y,), attributes=attributes)
    (found,) = whatif(cost(Graph(name="dynamic", layers=(layer,), inputs=(x, w), outputs=("y",))), [4])
    assert found.skipped == (Skipped(name="y", reason="its weight is computed while it runs"),)
