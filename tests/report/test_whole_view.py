"""The table of a network that ran whole: its rows add up to the profile's total."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from groupcalc.bench.whole import Ran, Whole
from groupcalc.costs.cost import GraphCost
from groupcalc.costs.roofline import Ceilings, Level
from groupcalc.report.document import Report, Table
from groupcalc.report.render import renderer
from groupcalc.report.render.table import table
from groupcalc.report.views.whole import whole_view

LEVELS = (Level(name="L2", working_set=1, bandwidth_bytes_per_s=1e11),)
CEILINGS = Ceilings(threads=2, peak_flops_per_s=118e9, levels=LEVELS)


@pytest.fixture
def model(make: SimpleNamespace) -> GraphCost:
    return make.model(  # type: ignore[no-any-return]
        make.row("stem", make.conv(3, 64, 3, (16, 16), bias=False)),
        make.plain("relu", "Relu", (1, 64, 14, 14), flops=64 * 14 * 14),
        make.row("grouped", make.conv(64, 64, 3, (14, 14), groups=8, bias=False)),
    )


@pytest.fixture
def view(model: GraphCost) -> Report:
    stem, relu, grouped = model.layers
    ran = (
        Ran(name="stem", op="Conv", seconds=50e-6, rows=(stem, relu), fused=("Relu",)),
        Ran(name="ReorderOutput", op="ReorderOutput", seconds=10e-6),
        Ran(name="grouped", op="FusedConv", seconds=30e-6, rows=(grouped,)),
    )
    return whole_view([(model, Whole(ran=ran, total_s=100e-6, plain_s=(95e-6,), filled=2))], CEILINGS, {})


def lines_of(shown: Table, rows: str = "rows") -> list[dict[str, Any]]:
    return [dict(zip((column.key for column in shown.columns), row, strict=True)) for row in getattr(shown, rows)]


def test_the_rows_and_what_lies_between_add_up_to_the_total(view: Report, model: GraphCost) -> None:
    [shown] = view.tables
    rows, (between, total) = lines_of(shown), lines_of(shown, "closing")
    assert sum(line["measured_s"] for line in rows) + between["measured_s"] == pytest.approx(total["measured_s"])
    assert sum(line["share"] for line in rows) + between["share"] == pytest.approx(total["share"]) == 1.0
    assert total["macs"] == model.totals.macs


def test_inserted_and_fused_nodes_are_shown_as_such(view: Report) -> None:
    rows = lines_of(view.tables[0])
    assert [(line["op"], line["fused"], line["kernel"]) for line in rows] == [
        ("Conv 3→64 k3 s1", "Relu", "Conv"),
        ("inserted", None, "ReorderOutput"),
        ("Conv 64→64 k3 s1 g8", None, "FusedConv"),
    ]
    assert view.tables[0].notes == (
        "Without the profiler a run takes 95.0 µs (median of 1 run), with it 100 µs.",
        "onnxruntime inserted 1 node (ReorderOutput): 10.0 µs, 10 % of the run.",
        "It computed 1 node within others, named under `with`.",
        "The file lacks the numbers of 2 tensors: random ones stood in their place.",
    )


def test_the_rate_is_that_of_the_macs(view: Report) -> None:
    first = lines_of(view.tables[0])[0]
    assert first["flops_per_s"] == pytest.approx(2 * 64 * 3 * 9 * 14 * 14 / 50e-6)


@pytest.mark.parametrize("name", ["json", "csv", "markdown", "html", "svg"])
def test_every_format_names_the_nodes(view: Report, name: str) -> None:
    assert "grouped" in renderer(name)(view)


def test_the_text_fits(view: Report) -> None:
    assert max(map(len, table(view, width=80, elide=True).splitlines())) <= 80
