"""The view of a benchmark: cases beside their best peer, means by family, failures and noise said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from groupcalc.bench.result import Bench, BenchResult, Case, Failure, Timing
from groupcalc.conv import conv
from groupcalc.costs.roofline import Ceilings, Estimate, Level
from groupcalc.report.document import Table
from groupcalc.report.render import renderer
from groupcalc.report.render.table import table
from groupcalc.report.views.bench import bench_view

CASE = Case(name="grouped/128-56", conv=conv(128, 128, 3, (56, 56), padding=1, groups=32, bias=False), threads=2)
OTHER = Case(name="dense/64-14", conv=conv(64, 64, 1, (14, 14), bias=False), threads=2)


def result(case: Case, backend: str, *samples: float, variant: str = "", warnings: tuple[str, ...] = ()) -> BenchResult:
    return BenchResult(
        case=case,
        backend=backend,
        variant=variant,
        kernel="tile" if backend == "numba" else "",
        timing=Timing(samples_s=samples, compile_s=1.0),
        estimate=Estimate(compute_s=0.0, memory_s=samples[0] / 2, launch_s=0.0, memory_level="L3"),
        warnings=warnings,
    )


BENCH = Bench(
    results=(
        result(CASE, "numba", 100e-6, 110e-6, 120e-6),
        result(CASE, "torch", 400e-6, 440e-6, 440e-6, variant="nchw", warnings=("wide",)),
        result(CASE, "onnxruntime", 200e-6, 550e-6, 550e-6, variant="all"),
        result(OTHER, "numba", 8e-6, 8e-6, 8e-6),
        result(OTHER, "torch", 4e-6, 4e-6, 4e-6, variant="nchw"),
    ),
    failures=(Failure(case=OTHER, engine="onnxruntime all", reason="its process was killed by SIGSEGV"),),
    machine={"processor": "abacus", "versions": {"numba": "0.68", "torch": "2.13"}},
    ceilings=Ceilings(
        threads=2,
        peak_flops_per_s=235e9,
        levels=(
            Level(name="L3", working_set=2**21, bandwidth_bytes_per_s=72e9),
            Level(name="L3", working_set=2**23, bandwidth_bytes_per_s=50e9),
            Level(name="DRAM", working_set=2**27, bandwidth_bytes_per_s=34e9),
        ),
    ),
)


def lines_of(shown: Table) -> list[dict[str, Any]]:
    return [dict(zip((column.key for column in shown.columns), row, strict=True)) for row in shown.rows]


def test_each_case_stands_beside_its_best_peer() -> None:
    first, second = lines_of(bench_view(BENCH, subject="numba").tables[0])
    assert (first["name"], first["macs"]) == ("grouped/128-56", 128 * 4 * 9 * 56 * 56)
    assert (first["peer"], first["ratio"]) == ("onnxruntime all", pytest.approx(200 / 100))
    assert first["flops_per_s"] == pytest.approx(2 * first["macs"] / 100e-6)
    assert (first["share"], first["bound"], first["kernel"]) == (pytest.approx(1 / 2), "L3", "tile")
    assert (second["peer"], second["ratio"]) == ("torch nchw", pytest.approx(4 / 8))


def test_families_have_their_geometric_means_and_their_worst() -> None:
    families = {line["family"]: line for line in lines_of(bench_view(BENCH, subject="numba").tables[1])}
    assert list(families) == ["grouped", "dense", "all"]
    # Twice as fast in one, half as fast in the other: as fast all in all.
    assert families["all"]["ratio"] == pytest.approx(1)
    assert families["all"]["worst"] == "dense/64-14"
    assert families["grouped"]["median_ratio"] == pytest.approx(550 / 110)


def test_the_text_shows_times_rates_factors_and_ceilings() -> None:
    text = table(bench_view(BENCH, subject="numba"))
    heading, header, _, first, *_ = text.splitlines()
    assert heading == ("abacus  float32 · 2 threads · peak 235 GFLOP/s · L3 72.0 GB/s to 50.0 GB/s · DRAM 34.0 GB/s")
    for word in ("layer", "MACs", "numba", "median", "of bound", "best other", "fastest", "factor"):
        assert word in header
    for word in ("grouped/128-56", "14.45 M", "100 µs", "110 µs", "289 GFLOP/s", "50 %", "onnxruntime all", "×2.00"):
        assert word in first
    assert "numba 0.68, torch 2.13" in text


def test_tf32_has_columns_of_its_own_where_it_was_measured() -> None:
    assert "tf32" not in table(bench_view(BENCH, subject="numba")).lower()
    tf32 = result(CASE, "torch", 50e-6, 50e-6, 50e-6, variant="nchw tf32")
    view = bench_view(replace(BENCH, results=(*BENCH.results, tf32)), subject="numba")
    first, second = lines_of(view.tables[0])
    assert (first["peer"], first["tf32"], first["tf32_ratio"]) == (
        "onnxruntime all", "torch nchw tf32", pytest.approx(50 / 100)
    )  # fmt: skip
    assert (second["tf32"], second["tf32_min_s"], second["tf32_ratio"]) == (None, None, None)
    assert [line["tf32_ratio"] for line in lines_of(view.tables[1])] == [
        pytest.approx(1 / 2),
        None,
        pytest.approx(1 / 2),
    ]
    assert "TF32 rounds inputs to 10 bits of mantissa" in table(view)


def test_a_gpu_is_named_with_its_ceilings_in_place_of_the_processor() -> None:
    on_gpu = tuple(replace(each, case=replace(each.case, device="cuda")) for each in BENCH.results)
    machine = BENCH.machine | {"gpu": {"name": "loom", "state": "1980 MHz"}}
    level = Level(name="DRAM", working_set=0, bandwidth_bytes_per_s=3e12)
    ceilings = Ceilings(threads=1, peak_flops_per_s=60e12, levels=(level,), launch_s=2e-6)
    text = table(bench_view(replace(BENCH, results=on_gpu, machine=machine, ceilings=ceilings), subject="numba"))
    assert text.splitlines()[0] == "loom  float32 · peak 60.0 TFLOP/s · DRAM 3.00 TB/s · launch 2.00 µs"
    assert "in the end: 1980 MHz" in text
    assert "launches queued, operands past the L2 cache" in text
    assert "operands hot" not in text


def test_failures_and_noise_are_said() -> None:
    text = table(bench_view(BENCH, subject="numba"))
    assert "! dense/64-14: onnxruntime all: its process was killed by SIGSEGV" in text
    assert "! 1 of 5 measurements is noisy, as grouped/128-56 on torch nchw: wide" in text


def test_a_reason_that_many_layers_share_is_one_line() -> None:
    failures = tuple(replace(BENCH.failures[0], case=replace(OTHER, name=name)) for name in "abc")
    text = table(bench_view(replace(BENCH, failures=failures), subject="numba"))
    assert "! a and 2 more: onnxruntime all: its process was killed by SIGSEGV" in text


def test_faster_than_possible_means_ceilings_measured_too_low() -> None:
    def warned(estimate_s: float) -> bool:
        fast = replace(
            BENCH.results[0], estimate=Estimate(compute_s=estimate_s, memory_s=0.0, launch_s=0.0, memory_level="L2")
        )
        return "the ceilings were measured too low" in table(bench_view(Bench(results=(fast,)), subject="numba"))

    assert warned(103e-6)  # its fastest sample takes 100 µs
    assert not warned(101e-6)


def test_without_peers_their_columns_are_blank() -> None:
    alone = replace(BENCH, results=(BENCH.results[0],), failures=())
    view = bench_view(alone, subject="numba")
    [line] = lines_of(view.tables[0])
    assert (line["peer"], line["peer_min_s"], line["ratio"]) == (None, None, None)
    assert "100 µs" in table(view)


def test_a_chain_is_said_above_the_table() -> None:
    longer = replace(CASE, chain=5)
    chained = replace(BENCH, results=(BENCH.results[0], result(longer, "numba", 500e-6, 510e-6)), failures=())
    view = bench_view(chained, subject="numba")
    assert "one more layer in a chain of 5" in view.tables[0].facts
    [line] = lines_of(view.tables[0])
    assert line["min_s"] == pytest.approx((500e-6 - 100e-6) / 4)


def test_nothing_measured_is_an_empty_table() -> None:
    view = bench_view(Bench(results=()), subject="numba")
    assert [len(shown.rows) for shown in view.tables] == [0]
    assert table(view)


@pytest.mark.parametrize("name", ["csv", "markdown", "html"])
def test_every_format_for_people_and_sheets_has_it(name: str) -> None:
    text = renderer(name)(bench_view(BENCH, subject="numba"))
    assert "grouped/128-56" in text
    assert "numba" in text or "min_s" in text


def test_a_hostile_name_stays_inert() -> None:
    hostile = replace(CASE, name="\x1b[31mred")
    bench = Bench(results=(result(hostile, "numba", 1e-3),), failures=(Failure(case=hostile, engine="e", reason="r"),))
    assert "\x1b" not in table(bench_view(bench, subject="numba"))
