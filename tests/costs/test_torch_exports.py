"""Modules as PyTorch exports them, against what PyTorch's own FlopCounterMode counted on the modules themselves.

`tests/data/torch/make.py` made the files and the figures; one MAC is two of its FLOPs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from groupcalc.costs.cost import GraphCost
from groupcalc.costs.model import cost
from groupcalc.sources.given import Given
from groupcalc.sources.onnx.load import load_onnx

FOLDER = Path(__file__).parents[1] / "data" / "torch"
EXPECTED: dict[str, dict[str, Any]] = json.loads((FOLDER / "expected.json").read_text("utf-8"))
DYNAMIC = [name for name, expected in EXPECTED.items() if expected["dims"]]


def priced(name: str, given: Given) -> GraphCost:
    return cost(load_onnx(FOLDER / name, given, name))


def shapes(name: str) -> Given:
    return Given(shapes={x: tuple(shape) for x, shape in EXPECTED[name]["shapes"].items()})


@pytest.mark.parametrize("name", EXPECTED)
def test_macs_are_exactly_those_that_pytorch_counts(name: str) -> None:
    found = priced(name, shapes(name))
    assert found.totals.macs == EXPECTED[name]["macs"]
    assert found.uncounted == ()
    assert found.totals == sum_of_rows(found)


def sum_of_rows(found: GraphCost) -> object:
    total = found.layers[0].cost
    for row in found.layers[1:]:
        total = total + row.cost
    return total


@pytest.mark.parametrize("name", EXPECTED)
def test_params_and_buffers_are_those_in_the_file(name: str) -> None:
    expected = EXPECTED[name]
    found = priced(name, shapes(name))
    # `constants` are floats that the file stores as it stores weights: masks, grids, the ones and zeros of a norm.
    stored = expected.get("onnx_params", expected["params"]) + expected.get("constants", 0)
    # The dynamo exporter stores the scale of an attention as a vector of one, as others store a learned gate.
    assert 0 <= found.totals.params - stored <= 1
    assert found.totals.buffers == expected["buffers"]


@pytest.mark.parametrize("name", DYNAMIC)
def test_dimensions_by_name_give_what_shapes_give(name: str) -> None:
    assert priced(name, Given(dims=EXPECTED[name]["dims"])).totals == priced(name, shapes(name)).totals


def test_at_least_thirty_modules_came_through_both_exporters() -> None:
    exporters: dict[str, set[str]] = {}
    for expected in EXPECTED.values():
        exporters.setdefault(expected["about"], set()).add(expected["exporter"])
    assert sum(kinds == {"ts", "dynamo"} for kinds in exporters.values()) >= 30
