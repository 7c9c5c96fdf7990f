"""Results as values and as data."""

from __future__ import annotations

import json

from groupcalc.bench.result import Bench, BenchResult, Case, Failure, Timing, bench_data
from groupcalc.conv import conv
from groupcalc.costs.roofline import Ceilings, Estimate, Level

CASE = Case(name="grouped/kxk/128-56", threads=2, conv=conv(128, 128, 3, (56, 56), padding=1, groups=32, bias=False))
RESULT = BenchResult(
    case=CASE,
    backend="torch",
    variant="nchw",
    timing=Timing(samples_s=(0.5, 0.25, 4.0, 0.75), compile_s=1.5),
    estimate=Estimate(estimate_s=0.125, bound="memory", memory_level="L3"),
)


def test_a_case_belongs_to_every_family_before_its_last_slash() -> None:
    assert CASE.families == ("grouped", "grouped/kxk")
    assert Case(name="conv1", conv=CASE.conv, threads=1).families == ()


def test_the_cost_of_a_case_is_that_of_its_layer() -> None:
    # 128 outputs see 4 channels each, 9 taps, 56×56 places; float32.
    assert CASE.cost.macs == 128 * 4 * 9 * 56 * 56
    assert CASE.traffic == 4 * (128 * 4 * 9 + 2 * 128 * 56 * 56)


def test_one_slow_sample_moves_neither_minimum_nor_median_far() -> None:
    assert (RESULT.timing.min_s, RESULT.timing.median_s) == (0.25, (0.5 + 0.75) / 2)


def test_the_data_hold_the_geometry_every_sample_and_the_estimate() -> None:
    data = json.loads(json.dumps(bench_data(Bench(results=(RESULT,)))))
    [row] = data["bench"]
    assert row["case"] == {
        "name": CASE.name, "in_channels": 128, "out_channels": 128, "groups": 32, "batch": 1, "bias": False,
        "dtype": "float32", "in_size": [56, 56], "out_size": [56, 56], "kernel_size": [3, 3], "stride": [1, 1],
        "padding": [[1, 1], [1, 1]], "dilation": [1, 1], "threads": 2, "chain": 1, "seed": 0,
    }  # fmt: skip
    assert (row["backend"], row["variant"], row["groups"]) == ("torch", "nchw", 32)
    assert row["samples_s"] == [0.5, 0.25, 4.0, 0.75]
    assert (row["estimate_s"], row["bound"], row["memory_level"]) == (0.125, "memory", "L3")


def test_the_data_hold_failures_and_ceilings() -> None:
    levels = (Level(name="L2", working_set=1024, bandwidth_bytes_per_s=1e9),)
    bench = Bench(
        results=(),
        failures=(Failure(case=CASE, engine="torch nchw", reason="crashed"),),
        machine={"processor": "abacus"},
        ceilings=Ceilings(threads=2, peak_flops_per_s=2e9, levels=levels),
    )
    data = json.loads(json.dumps(bench_data(bench)))
    assert data["failures"] == [{"name": CASE.name, "engine": "torch nchw", "reason": "crashed"}]
    assert data["machine"] == {
        "processor": "abacus",
        "ceilings": {
            "threads": 2,
            "peak_flops_per_s": 2e9,
            "levels": [{"name": "L2", "working_set": 1024, "bandwidth_bytes_per_s": 1e9}],
        },
    }
