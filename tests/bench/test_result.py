"""Cases and timings."""

from __future__ import annotations

from groupcalc.bench.result import Case, Timing
from groupcalc.conv import conv

CASE = Case(name="grouped/kxk/128-56", threads=2, conv=conv(128, 128, 3, (56, 56), padding=1, groups=32, bias=False))


def test_a_case_belongs_to_every_family_before_its_last_slash() -> None:
    assert CASE.families == ("grouped", "grouped/kxk")
    assert Case(name="conv1", conv=CASE.conv, threads=1).families == ()


def test_the_cost_of_a_case_is_that_of_its_layer() -> None:
    # 128 outputs see 4 channels each, 9 taps, 56×56 places; float32.
    assert CASE.cost.macs == 128 * 4 * 9 * 56 * 56
    assert CASE.traffic == 4 * (128 * 4 * 9 + 2 * 128 * 56 * 56)


def test_one_slow_sample_moves_neither_minimum_nor_median_far() -> None:
    timing = Timing(samples_s=(0.5, 0.25, 4.0, 0.75))
    assert (timing.min_s, timing.median_s) == (0.25, (0.5 + 0.75) / 2)


def test_a_sample_without_a_turn_had_one_of_its_own() -> None:
    assert Timing(samples_s=(1.0, 2.0)).rounds == (1, 1)
    assert Timing(samples_s=(1.0, 2.0), rounds=(2,)).rounds == (2,)
