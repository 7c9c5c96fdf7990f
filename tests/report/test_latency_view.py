"""The table of a network's convolutions: what each takes, what they take together, and why some take longer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from groupcalc.bench.points import points
from groupcalc.bench.result import Bench, BenchResult, Case, Timing
from groupcalc.conv import conv
from groupcalc.costs.roofline import Ceilings, Estimate, Level
from groupcalc.report.document import Report, Table
from groupcalc.report.render import renderer
from groupcalc.report.render.table import table
from groupcalc.report.views.latency import latency_view

LEVELS = (Level(name="L2", working_set=1, bandwidth_bytes_per_s=1e11),)
CEILINGS = Ceilings(threads=1, peak_flops_per_s=118e9, levels=LEVELS)


def result(name: str, groups: int, seconds: float, count: int = 1, share: float = 0.9, **rest: Any) -> BenchResult:
    estimate = Estimate(compute_s=seconds * share, memory_s=0.0, launch_s=0.0, memory_level="L2")
    layer = conv(64, 64, 3, (14, 14), padding=1, groups=groups, bias=False)
    return BenchResult(
        case=Case(name=name, conv=layer, threads=1, count=count),
        backend="numba",
        variant="",
        timing=Timing(samples_s=(seconds * 0.99, seconds, seconds * 1.01) * 4),
        kernel="grouped",
        estimate=estimate,
        **rest,
    )


BENCH = Bench(
    results=(
        result("stem", 1, 400e-6),
        result("block", 8, 50e-6, count=3),
        result("slow", 64, 20e-6, share=0.4, idle_lanes=0.44),
    ),
    ceilings=CEILINGS,
    machine={"processor": "abacus", "versions": {"numba": "0.68"}},
)


def view(bench: Bench = BENCH) -> Report:
    return latency_view(bench, points(bench.results), name="net.toml")


def lines_of(shown: Table, rows: str = "rows") -> list[dict[str, Any]]:
    return [dict(zip((column.key for column in shown.columns), row, strict=True)) for row in getattr(shown, rows)]


def test_every_layer_counts_as_often_as_it_stands_in_the_network() -> None:
    [shown] = view().tables
    assert [(line["name"], line["count"]) for line in lines_of(shown)] == [("stem", 1), ("block", 3), ("slow", 1)]
    [total] = lines_of(shown, "closing")
    assert total["count"] == 1 + 3 + 1
    assert total["measured"] == pytest.approx(400e-6 + 3 * 50e-6 + 20e-6)
    assert total["estimate_s"] == pytest.approx(0.9 * (400e-6 + 3 * 50e-6) + 0.4 * 20e-6)
    dense = 64 * 64 * 9 * 14 * 14
    assert total["macs"] == dense + 3 * dense // 8 + dense // 64


def test_a_layer_far_below_its_bound_has_its_reason_and_the_others_none() -> None:
    [note] = view().tables[0].notes
    assert note == "slow reaches 40 % of its bound: 44 % of the vector lanes are idle."


def test_a_reason_that_is_not_known_is_not_made_up() -> None:
    [note] = view(replace(BENCH, results=(result("odd", 8, 1e-3, share=0.3),))).tables[0].notes
    assert note == "odd reaches 30 % of its bound: no reason for that is measured here."


def test_the_text_has_figures_kernel_and_sum() -> None:
    text = table(view(), width=160, elide=True)
    for word in (
        "net.toml",
        "peak 118 GFLOP/s",
        "Conv 64→64 k3 s1 g8 @ 14×14",
        "50.0 µs ±",
        "90 %",
        "grouped",
        "570 µs",
    ):
        assert word in text


@pytest.mark.parametrize("name", ["csv", "markdown", "html", "svg"])
def test_every_format_names_every_layer(name: str) -> None:
    text = renderer(name)(view())
    assert all(layer in text for layer in ("stem", "block", "slow"))


def test_nothing_measured_is_an_empty_table() -> None:
    [shown] = view(Bench(results=())).tables
    assert (shown.rows, shown.closing) == ((), ())
