"""The nine networks that onnx ships, against a count of our own over its whole-model inference."""

from __future__ import annotations

from math import prod
from pathlib import Path

import onnx
import onnx.backend.test
import pytest
from onnx.shape_inference import infer_shapes

from groupcalc.costs.cost import GraphCost
from groupcalc.costs.model import cost
from groupcalc.sources.given import Given
from groupcalc.sources.onnx.load import load_onnx

FOLDER = Path(onnx.backend.test.__file__).parent / "data" / "light"
FILES = sorted(FOLDER.glob("*.onnx"))


def priced(path: Path) -> GraphCost:
    return cost(load_onnx(path, Given(), path.stem))


def independent(path: Path) -> tuple[int, int, int]:
    """Conv and Gemm MACs, the same without groups, and the elements of their weights and biases."""
    model = infer_shapes(onnx.load(path), strict_mode=True)
    infos = (*model.graph.value_info, *model.graph.input, *model.graph.output)
    shapes = {info.name: [dim.dim_value for dim in info.type.tensor_type.shape.dim] for info in infos}
    macs = dense = params = 0
    for node in model.graph.node:
        if node.op_type not in ("Conv", "Gemm"):
            continue
        attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        weight = shapes[node.input[1]]
        # One output element is one inner product: with a filter, or with a row (transB) or column of the matrix.
        inner = prod(weight[1:]) if node.op_type == "Conv" or attributes.get("transB") else weight[0]
        macs += prod(shapes[node.output[0]]) * inner
        dense += prod(shapes[node.output[0]]) * inner * attributes.get("group", 1)
        params += sum(prod(shapes[name]) for name in node.input[1:])
    return macs, dense, params


def test_onnx_still_ships_nine_light_networks() -> None:
    assert len(FILES) == 9


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_all_is_counted_and_equals_an_independent_count(path: Path) -> None:
    found = priced(path)
    macs, dense, params = independent(path)
    assert found.uncounted == ()
    assert found.totals.macs == macs
    assert found.totals.dense_macs == dense
    products = [row for row in found.layers if row.op in ("Conv", "Gemm")]
    assert sum(row.cost.params for row in products) == params
    assert sum(row.cost.macs for row in products) == macs


def test_resnet50_has_its_params_and_buffers_though_nodes_make_its_weights() -> None:
    found = priced(FOLDER / "light_resnet50.onnx")
    # torchvision's count; 53 BatchNorms over 26,560 channels in all, a mean and a variance each.
    assert found.totals.params == 25_557_032
    assert found.totals.buffers == 53_120 == 2 * 26_560


def test_alexnet_shows_what_its_two_gpus_saved() -> None:
    found = priced(FOLDER / "light_bvlc_alexnet.onnx")
    grouped = {row.outputs[0][1:]: row for row in found.layers if row.groups > 1}
    assert [row.groups for row in grouped.values()] == [2, 2, 2]
    # conv2: 96 -> 256 channels in two groups, 5×5, at 26×26 in this file (its pooling rounds down).
    (conv2,) = [row for shape, row in grouped.items() if shape[1:] == (26, 26)]
    assert conv2.cost.macs == 256 * 26 * 26 * (96 // 2) * 5 * 5
    assert conv2.cost.dense_macs == 256 * 26 * 26 * 96 * 5 * 5
    assert conv2.cost.params == 256 * (96 // 2) * 5 * 5 + 256
    assert conv2.cost.dense_params == 256 * 96 * 5 * 5 + 256
    assert found.totals.params == 60_965_224  # Krizhevsky et al. 2012, with their groups


def test_shufflenet_is_an_eighteenth_of_its_dense_equivalent() -> None:
    found = priced(FOLDER / "light_shufflenet.onnx")
    grouped = [row for row in found.layers if row.groups > 1]
    saved = sum(row.cost.macs * (row.groups - 1) for row in grouped)
    assert found.totals.dense_macs == found.totals.macs + saved
    assert found.totals.dense_macs // found.totals.macs == 18
