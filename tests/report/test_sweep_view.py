"""The picture of a sweep: bars that keep their lengths, figures that add up, and where the formula ends."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from groupcalc.bench.base import Compared
from groupcalc.bench.data import bench_data
from groupcalc.bench.points import points
from groupcalc.bench.result import Bench, BenchResult, Case, Failure, Timing
from groupcalc.conv import conv
from groupcalc.costs.roofline import Ceilings, Estimate, Level
from groupcalc.report.document import Report, Table
from groupcalc.report.render import renderer
from groupcalc.report.render.cells import width_of
from groupcalc.report.render.table import table
from groupcalc.report.views.sweep import Bar, show_ideal, show_realised, sweep_view

GOLDEN = Path(__file__).parent.parent / "golden"

CONV = conv(128, 128, 3, (56, 56), padding=1, bias=False)
CEILINGS = Ceilings(
    threads=2,
    peak_flops_per_s=235e9,
    levels=(
        Level(name="L3", working_set=2**21, bandwidth_bytes_per_s=72e9),
        Level(name="DRAM", working_set=2**27, bandwidth_bytes_per_s=34e9),
    ),
    launch_s=3e-6,
)


def result(groups: int, seconds: float, backend: str = "numba", **rest: Any) -> BenchResult:
    """Rounds of which each second one is 1 % below or above."""
    samples = (seconds * 0.99, seconds, seconds * 1.01, seconds) * 3
    macs = CONV.regroup(groups)
    estimate = Estimate(
        compute_s=2 * 128 * (128 // groups) * 9 * 56 * 56 / 235e9, memory_s=3.2e6 / 72e9, launch_s=3e-6,
        memory_level="L3",
    )  # fmt: skip
    return BenchResult(
        case=Case(name="layer1", conv=macs, threads=2),
        backend=backend,
        variant="",
        timing=Timing(samples_s=samples, rounds=(1,) * 12, compile_s=0.85),
        kernel="grouped" if groups < 64 else "depthwise",
        estimate=estimate,
        **rest,
    )


RESULTS = (
    result(1, 4.05e-3),
    result(8, 530e-6, warnings=("the samples spread 29 % around their median: run again",)),
    result(32, 150e-6),
    result(128, 125e-6, idle_lanes=0.125),
)
BENCH = Bench(
    results=RESULTS,
    machine={"processor": "abacus", "versions": {"numba": "0.68"}},
    ceilings=CEILINGS,
)


def view(bench: Bench = BENCH, compared: dict[int, Compared] | None = None) -> Report:
    every = points(bench.results)
    return sweep_view(bench, every, compared=compared, data=bench_data(bench, every, compared))


def lines_of(shown: Table) -> list[dict[str, Any]]:
    return [dict(zip((column.key for column in shown.columns), row, strict=True)) for row in shown.rows]


def test_every_group_count_has_its_promise_and_what_the_clock_gives() -> None:
    lines = lines_of(view().tables[0])
    assert [line["groups"] for line in lines] == [1, 8, 32, 128]
    assert [line["macs"] for line in lines] == [128 * 128 * 9 * 56 * 56 // groups for groups in (1, 8, 32, 128)]
    assert [line["ideal_speedup"].factor for line in lines] == [1, 8, 32, 128]
    assert lines[0]["speedup"] is None
    assert lines[2]["speedup"].factor == pytest.approx(4050 / 150)
    assert lines[2]["efficiency"] == pytest.approx(4050 / 150 / 32)
    assert lines[2]["flops_per_s"] == pytest.approx(2 * 128 * 4 * 9 * 56 * 56 / 150e-6)


@pytest.mark.parametrize(
    ("bar", "ideal", "realised"),
    [
        (Bar(1.0, 128.0), "  1×", "  1×"),
        (Bar(128.0, 128.0), "128× ░░░░░░░░░░", "128× ██████████"),
        (Bar(16.0, 256.0), " 16× ░░░░░", " 16× █████"),  # 4 of 8 doublings
        (Bar(2.0, 2**80), "  2×", "  2× ▏"),  # an eighth of a cell is what there is
        (Bar(0.5, 128.0), "0.50×", "0.50×"),
        (Bar(3.84, 16.0), "3.8× ░░░░░", "3.8× ████▉"),
    ],
)
def test_a_bar_is_as_long_as_its_doublings(bar: Bar, ideal: str, realised: str) -> None:
    assert (show_ideal(bar), show_realised(bar)) == (ideal, realised)


def test_the_last_line_names_the_fastest_and_where_and_why_the_formula_ends() -> None:
    [verdict] = view().tables[0].notes
    # At 128: 32.4 of 128 times; moving takes 44.4 µs of 125, the arithmetic 30.8 µs.
    assert verdict == (
        "Fastest: G=128, 32× as fast as G=1. Up to G=32 the clock follows the formula; at G=128 it gives 25 % of it: "
        "moving 3.07 MiB through L3 is 36 % of the time, the arithmetic takes 25 % of the time unless the memory "
        "traffic hides it, 12 % of the vector lanes are idle."
    )


def test_a_clock_that_follows_to_the_end_is_said_to() -> None:
    good = replace(BENCH, results=(RESULTS[0], result(32, 140e-6)))
    assert view(good).tables[0].notes == (
        "Fastest: G=32, 29× as fast as G=1. The clock follows the formula to the end: 90 % of it at least, at G=32.",
    )


def test_without_a_reason_that_is_measured_none_is_made_up() -> None:
    slow = replace(BENCH, results=(RESULTS[0], result(8, 3e-3)))
    [line] = view(slow).tables[0].notes
    assert line == (
        "Fastest: G=8, 1.3× as fast as G=1. At G=8 it gives 17 % of it: 16 % of its bound is reached, and no "
        "reason for that is measured here."
    )


def test_where_the_samples_are_too_noisy_there_is_no_verdict() -> None:
    wild = Timing(samples_s=(100e-6, 150e-6, 250e-6) * 2)
    noisy = replace(BENCH, results=(*RESULTS[:2], replace(RESULTS[2], timing=wild)))
    [line] = view(noisy).tables[0].notes
    assert line.startswith("Too noisy to tell where the clock follows the formula: G=32 is only sure to ±")


def test_where_others_made_the_median_there_is_no_verdict() -> None:
    foreign = Timing(samples_s=(150e-6, *[8e-3] * 11), rounds=(1,) * 12)
    disturbed = replace(BENCH, results=(*RESULTS[:2], replace(RESULTS[2], timing=foreign)))
    [line] = view(disturbed).tables[0].notes
    assert line == (
        "Too much else runs to tell where the clock follows the formula: the fastest sample of G=32 takes 98 % less "
        "than its median."
    )


def test_one_group_count_alone_has_no_verdict() -> None:
    assert view(replace(BENCH, results=RESULTS[:1])).tables[0].notes == ()


def test_warnings_name_the_group_count() -> None:
    failed = Failure(case=RESULTS[0].case, engine="numba", reason="its process was killed by SIGSEGV")
    bench = replace(BENCH, failures=(failed,), warnings=("the machine is busy",))
    assert view(bench).tables[0].warnings == (
        "the machine is busy",
        "G=1: numba: its process was killed by SIGSEGV",
        "G=8: the samples spread 29 % around their median: run again",
    )


def test_a_layer_that_beats_its_bound_tells_of_the_ceilings() -> None:
    fast = replace(BENCH, results=(RESULTS[0], result(32, 100e-6)))
    assert view(fast).tables[0].warnings[-1] == (
        "G=32 reaches 126 % of its bound: the ceilings are too low (--remeasure)"
    )


def test_several_engines_stand_below_each_other_with_a_verdict_each() -> None:
    both = replace(BENCH, results=(*RESULTS, *(result(groups, 1e-3, "torch") for groups in (1, 8, 32, 128))))
    [shown] = view(both).tables
    assert [line["backend"] for line in lines_of(shown)] == ["numba"] * 4 + ["torch"] * 4
    assert [note.partition(":")[0] for note in shown.notes] == ["numba", "torch"]


def test_a_base_has_a_column_of_its_own() -> None:
    compared = {
        2: Compared(verdict="slower", median_s=140e-6, ratio=1.07, ratio_ci=(1.06, 1.08)),
        3: Compared(verdict="inconclusive", median_s=125e-6, ratio=1.0, ratio_ci=(0.97, 1.04)),
    }
    text = table(view(compared=compared), width=200)
    assert "slower +7 %" in text
    assert "inconclusive -3 to +4 %" in text


def test_nothing_measured_is_said() -> None:
    assert "nothing was measured" in table(view(Bench(results=())))


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_golden_picture(width: int) -> None:
    text = table(view(), width=width, elide=True)
    path = GOLDEN / f"bench_{width}.txt"
    assert text == path.read_text("utf-8")
    assert all(width_of(line) <= width for line in text.splitlines())


def test_the_golden_figures_agree_with_each_other() -> None:
    """Efficiency is realised over ideal, as printed."""
    rows = [line.split() for line in (GOLDEN / "bench_80.txt").read_text("utf-8").splitlines() if "█" in line][1:]
    assert len(rows) == 3
    for row in rows:
        ideal, realised = (float(word.removesuffix("×")) for word in row if word.endswith("×"))
        efficiency = float(row[row.index("%", row.index("%") + 1) - 1])
        assert efficiency == pytest.approx(100 * realised / ideal, abs=1.5)


def test_no_colour_and_a_pipe_show_the_same_figures() -> None:
    plain, coloured = (table(view(), width=120, color=color, elide=True) for color in (False, True))
    assert "\x1b" not in plain
    assert "\x1b[1m" in coloured
    assert "32× ░░░░░░░" in table(view())  # a pipe


@pytest.mark.parametrize("name", ["csv", "markdown", "html"])
def test_every_format_has_every_group_count(name: str) -> None:
    text = renderer(name)(view())
    assert ("14450688" if name == "csv" else "14.45 M") in text
    assert ("27.0" if name == "csv" else "27× ██████▊") in text


def test_json_holds_the_raw_samples() -> None:
    data = json.loads(renderer("json")(view()))
    assert [len(row["samples_s"]) for row in data["bench"]] == [12] * 4


def test_the_drawing_is_xml_with_a_roofline_and_a_curve() -> None:
    root = ElementTree.fromstring(renderer("svg")(view()))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Roofline", "Conv 128→128 k3 s1 @ 56×56", "ideal", "numba", "G=32", "GFLOP/s", "groups"} <= set(texts)
    assert len(list(root.iter("{http://www.w3.org/2000/svg}polyline"))) == 2 + 2  # two memories; ideal and numba
    assert len(list(root.iter("{http://www.w3.org/2000/svg}circle"))) == 4 + 4


def test_the_marks_of_a_drawing_stay_within_it() -> None:
    root = ElementTree.fromstring(renderer("svg")(view()))
    for circle in root.iter("{http://www.w3.org/2000/svg}circle"):
        assert 0 < float(circle.attrib["cx"]) < 720
        assert 0 < float(circle.attrib["cy"]) < 420


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "\x1b[31m", 'a"b&c', "\ud800", "]]>"])
def test_a_hostile_name_is_text_in_a_drawing(name: str) -> None:
    case = replace(RESULTS[0].case, name=name)
    other = replace(RESULTS[1], case=replace(RESULTS[1].case, name="b"))
    bench = replace(BENCH, results=(replace(RESULTS[0], case=case), other))
    text = renderer("svg")(view(bench))
    root = ElementTree.fromstring(text)
    assert "script" not in {element.tag.rpartition("}")[2] for element in root.iter()}
    assert "\x1b" not in text


def test_a_report_without_charts_is_an_empty_drawing() -> None:
    root = ElementTree.fromstring(renderer("svg")(Report()))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
