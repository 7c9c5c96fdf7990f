"""The roofline: compute or memory, whichever takes longer, after the launch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from groupcalc.costs.roofline import Ceilings, Level, attain

CEILINGS = Ceilings(
    threads=1,
    peak_flops_per_s=100e9,
    levels=(
        Level(name="L2", working_set=1 << 20, bandwidth_bytes_per_s=50e9),
        Level(name="L3", working_set=4 << 20, bandwidth_bytes_per_s=40e9),
        Level(name="DRAM", working_set=128 << 20, bandwidth_bytes_per_s=20e9),
    ),
)


def test_much_arithmetic_on_few_bytes_is_bound_by_compute() -> None:
    found = attain(CEILINGS, flops=2 * 10**9, traffic=10**6, working_set=10**6)
    assert found.bound == "compute"
    assert found.estimate_s == pytest.approx(2 * 10**9 / 100e9)


def test_little_arithmetic_on_many_bytes_is_bound_by_memory() -> None:
    found = attain(CEILINGS, flops=2 * 10**6, traffic=10**7, working_set=10**7)
    assert (found.bound, found.memory_level) == ("memory", "L3")
    assert found.estimate_s == pytest.approx(10**7 / 40e9)


def test_at_the_ridge_point_both_take_as_long() -> None:
    level = CEILINGS.levels[0]
    traffic = 10**6
    found = attain(CEILINGS, flops=round(traffic * CEILINGS.ridge_point(level)), traffic=traffic, working_set=traffic)
    assert found.compute_s == pytest.approx(found.memory_s)


@pytest.mark.parametrize(
    ("working_set", "name"),
    [(1, "L2"), (1 << 20, "L2"), ((4 << 20) - 1, "L2"), (4 << 20, "L3"), (127 << 20, "L3"), (1 << 40, "DRAM")],
)
def test_a_working_set_has_the_bandwidth_of_the_largest_measured_one_that_is_no_larger(
    working_set: int, name: str
) -> None:
    assert CEILINGS.level(working_set).name == name


@pytest.mark.parametrize(
    ("working_set", "rate"), [(1, 50e9), (1 << 20, 50e9), (1 + (1 << 20), 40e9), (5 << 20, 20e9), (1 << 30, 20e9)]
)
def test_a_working_set_may_be_down_to_the_bandwidth_of_the_next_larger_measured_one(
    working_set: int, rate: float
) -> None:
    assert attain(CEILINGS, 1, 10**6, working_set).slower_memory_s == pytest.approx(10**6 / rate)


def test_what_lies_in_a_larger_working_set_moves_slower() -> None:
    near = attain(CEILINGS, flops=2, traffic=1 << 20, working_set=1 << 20)
    far = attain(CEILINGS, flops=2, traffic=1 << 20, working_set=128 << 20)
    assert far.estimate_s == pytest.approx(near.estimate_s * 50 / 20)


def test_the_launch_comes_before_the_longer_of_both() -> None:
    launching = replace(CEILINGS, launch_s=3e-6)
    found = attain(launching, flops=10**6, traffic=10**6, working_set=10**6)
    # 1 MFLOP at 100 GFLOP/s take 10 µs, 1 MB at 50 GB/s 20 µs.
    assert found.estimate_s == pytest.approx(3e-6 + 20e-6)
    assert found.bound == "memory"


def test_what_takes_less_than_its_launch_is_bound_by_overhead() -> None:
    launching = replace(CEILINGS, launch_s=3e-6)
    found = attain(launching, flops=2 * 10**5, traffic=10**5, working_set=10**5)  # 2 µs each
    assert found.bound == "overhead"
    assert found.estimate_s == pytest.approx(3e-6 + 2e-6)


def test_layers_one_after_the_other_add_up() -> None:
    once = attain(replace(CEILINGS, launch_s=3e-6), flops=10**6, traffic=10**6, working_set=10**6)
    assert (once * 4).estimate_s == pytest.approx(4 * once.estimate_s)
    assert (once * 4).bound == once.bound
