"""Points: each result beside its baseline, and the reasons why it does not keep up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from groupcalc.bench.points import points
from groupcalc.bench.reasons import all_reasons, reasons, share_of_bound
from groupcalc.bench.result import BenchResult, Case, Timing
from groupcalc.conv import conv
from groupcalc.costs.roofline import Estimate

CONV = conv(64, 64, 3, (56, 56), padding=1, bias=False)


def result(
    groups: int,
    seconds: float,
    backend: str = "numba",
    name: str = "a",
    compute_s: float = 0.0,
    memory_s: float = 0.0,
    launch_s: float = 0.0,
    idle: float | None = None,
) -> BenchResult:
    return BenchResult(
        case=Case(name=name, conv=CONV.regroup(groups), threads=1),
        backend=backend,
        variant="",
        timing=Timing(samples_s=(seconds,) * 10),
        estimate=Estimate(compute_s=compute_s, memory_s=memory_s, launch_s=launch_s, memory_level="L3"),
        idle_lanes=idle,
    )


def test_the_formula_promises_the_ratio_of_macs() -> None:
    one, eight = points([result(1, 1.0), result(8, 0.25)])
    assert (one.ideal_speedup, one.speedup, one.efficiency) == (1.0, 1.0, 1.0)
    assert (eight.baseline_groups, eight.ideal_speedup, eight.speedup, eight.efficiency) == (1, 8.0, 4.0, 0.5)
    assert eight.speedup_ci == (4.0, 4.0)


def test_without_dense_the_fewest_groups_are_the_baseline() -> None:
    points_ = points([result(8, 0.5), result(4, 1.0)])
    assert [point.baseline_groups for point in points_] == [4, 4]
    assert points_[0].ideal_speedup == 2.0


def test_each_engine_and_each_layer_has_a_baseline_of_its_own() -> None:
    found = points([result(1, 1.0), result(1, 2.0, "torch"), result(4, 1.0, "torch"), result(4, 1.0, name="b")])
    assert [point.speedup for point in found] == [1.0, 1.0, 2.0, 1.0]


def test_idle_lanes_the_launch_and_the_bytes_are_reasons_with_their_numbers() -> None:
    slow = result(8, 10e-6, compute_s=3e-6, memory_s=2e-6, launch_s=1.5e-6, idle=0.44)
    stored, read = 64 * 56 * 56 * 4 / 2**10, (64 * 56 * 56 + 64 * 8 * 9) * 4 / 2**10
    assert share_of_bound(slow) == pytest.approx((3 + 1.5) / 10)
    assert [(reason.kind, reason.part) for reason in reasons(slow)] == [
        ("lanes", 0.44), ("bytes", pytest.approx(0.2)), ("launch", pytest.approx(0.15)),
    ]  # fmt: skip
    assert [reason.text for reason in reasons(slow)] == [
        "44 % of the vector lanes are idle",
        f"{stored:.0f} KiB stored and {read:.0f} KiB read take 20 % of the time unless arithmetic hides them",
        "the launch of 1.50 µs is 15 % of the time",
    ]


def test_arithmetic_that_does_not_overlap_is_a_reason_where_memory_is_the_bound() -> None:
    [reason] = reasons(result(8, 10e-6, compute_s=2e-6, memory_s=3e-6))
    assert (reason.kind, reason.part) == ("arithmetic", pytest.approx(0.2))


def test_memory_that_slows_before_the_next_measured_working_set_is_a_reason_with_its_number() -> None:
    bound = result(8, 10e-6, compute_s=0.5e-6, memory_s=3e-6)
    assert bound.estimate is not None
    slows = replace(bound, estimate=replace(bound.estimate, slower_memory_s=4.5e-6))
    [reason] = reasons(slows)
    assert (reason.kind, reason.part) == ("memory", pytest.approx((4.5 - 3) / 10))
    assert reason.text.startswith("at the bandwidth of the next larger working set 784 KiB stored and ")
    assert reason.text.endswith(" read take 15 % more of the time")


def test_bytes_that_arithmetic_may_hide_move_at_the_lower_bandwidth() -> None:
    bound = result(8, 10e-6, compute_s=3e-6, memory_s=0.9e-6)
    assert bound.estimate is not None
    [reason] = reasons(replace(bound, estimate=replace(bound.estimate, slower_memory_s=2e-6)))
    assert (reason.kind, reason.part) == ("bytes", pytest.approx(0.2))


def test_the_general_kernel_is_a_reason() -> None:
    [reason] = reasons(replace(result(8, 10e-6, compute_s=2e-6), kernel="general"))
    assert (reason.kind, reason.part) == ("kernel", pytest.approx(0.8))
    assert reason.text == "no kernel is made for this geometry, the general one reaches 20 % of the bound"


def test_noise_is_a_reason_by_how_much_faster_the_fastest_sample_is() -> None:
    disturbed = replace(result(8, 10e-6, compute_s=3e-6), timing=Timing(samples_s=(5e-6, 10e-6, 10e-6, 10e-6, 40e-6)))
    [reason] = reasons(disturbed)
    assert (reason.kind, reason.part) == ("noise", 0.5)
    assert reason.text == "the fastest sample takes 50 % less than the median: something else ran"


def test_a_reason_is_absent_where_it_does_not_hold() -> None:
    small = result(8, 10e-6, compute_s=3e-6, memory_s=0.9e-6, launch_s=0.9e-6, idle=0.09)
    assert reasons(small) == ()


def test_what_comes_near_its_bound_owes_no_reason() -> None:
    near = result(8, 10e-6, compute_s=6e-6, idle=0.3)
    assert reasons(near) == ()
    assert [reason.kind for reason in all_reasons(near)] == ["lanes"]


def test_of_other_libraries_no_reason_is_known() -> None:
    assert reasons(result(8, 10e-6, "torch", compute_s=1e-6, launch_s=5e-6)) == ()


def test_without_an_estimate_there_is_neither_share_nor_reason() -> None:
    bare = replace(result(8, 10e-6, idle=0.9), estimate=None)
    assert share_of_bound(bare) is None
    assert reasons(bare) == ()
