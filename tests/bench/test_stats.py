"""Intervals and verdicts over samples that an injected clock made: noise, drift, outliers, ties."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from groupcalc.bench.result import Timing
from groupcalc.bench.stats import SAME, median_interval, ratio_interval, verdict
from groupcalc.bench.timing import burst

ROUNDS = 10
CALL_S = 0.002
"""Four of them fill a turn."""

Disturbed = Callable[[int], float]


class World:
    """A clock that only calls move: call n takes `takes(n)` seconds."""

    def __init__(self, takes: Disturbed) -> None:
        self.takes = takes
        self.calls = 0
        self.now = 0.0

    def call(self) -> None:
        self.now += self.takes(self.calls)
        self.calls += 1

    def clock(self) -> float:
        return self.now


def measured(takes: Disturbed) -> Timing:
    """What the measurement makes of a call that takes so long."""
    world = World(takes)
    turns = [burst(world.call, 1, world.clock) for _ in range(ROUNDS)]
    return Timing(samples_s=tuple(s for turn in turns for s in turn), rounds=tuple(map(len, turns)))


def noisy(seed: int, spread: float, slower: float = 1.0, outliers: float = 0.0) -> Disturbed:
    """Calls around CALL_S: normal noise, and now and then one of three times the length."""
    numbers = np.random.default_rng(seed)

    def takes(_: int) -> float:
        late = 3.0 if numbers.random() < outliers else 1.0
        return CALL_S * slower * late * float(max(0.1, numbers.normal(1.0, spread)))

    return takes


def test_the_interval_holds_the_median() -> None:
    timing = measured(noisy(0, 0.05))
    low, high = median_interval(timing)
    assert low < timing.median_s < high


def test_the_same_seed_draws_the_same_interval() -> None:
    timing = measured(noisy(0, 0.05))
    assert median_interval(timing, seed=3) == median_interval(timing, seed=3)


def test_ties_leave_an_interval_of_no_width() -> None:
    timing = Timing(samples_s=(0.25,) * 40, rounds=(4,) * 10)
    assert median_interval(timing) == (0.25, 0.25)
    assert ratio_interval(timing, timing, paired=True) == (1.0, 1.0)
    assert verdict(timing, timing) == "inconclusive"


def test_one_sample_is_its_own_interval() -> None:
    assert median_interval(Timing(samples_s=(0.5,))) == (0.5, 0.5)


def test_between_two_samples_lies_their_mean() -> None:
    # Two rounds of one sample: a draw has both (median 1.5), or one of them twice.
    low, high = median_interval(Timing(samples_s=(1.0, 2.0)))
    assert (low, high) == (1.0, 2.0)


def test_a_round_counts_as_one_however_many_samples_it_has() -> None:
    # All of a round's samples are equal: more of them tell nothing new, and the interval must not shrink.
    levels = np.random.default_rng(1).normal(1.0, 0.05, 10)
    few = Timing(samples_s=tuple(float(level) for level in levels))
    many = Timing(samples_s=tuple(float(level) for level in levels for _ in range(50)), rounds=(50,) * 10)
    assert median_interval(few) == median_interval(many)


def test_the_median_lies_in_its_interval_as_often_as_promised() -> None:
    holds = 0
    for seed in range(400):
        low, high = median_interval(measured(noisy(seed, 0.05)))
        holds += low <= CALL_S <= high
    assert holds >= 0.90 * 400


def test_outliers_hardly_widen_the_interval() -> None:
    clean, struck = (median_interval(measured(noisy(5, 0.01, outliers=share))) for share in (0.0, 0.1))
    assert struck[1] < clean[1] * 1.05  # each outlier is three times as long


def test_drift_that_hits_both_falls_out_of_their_ratio() -> None:
    def drifting(slower: float) -> Disturbed:
        return lambda call: CALL_S * slower * (1 + 0.02 * (call // 6))  # six calls a turn, two of them to warm up

    once, twice = measured(drifting(1.0)), measured(drifting(2.0))
    apart = ratio_interval(twice, once, paired=False)
    low, high = ratio_interval(
        Timing(samples_s=tuple(2 * s for s in once.samples_s), rounds=once.rounds), once, paired=True
    )
    assert low == pytest.approx(2.0)
    assert high == pytest.approx(2.0)
    assert apart[1] - apart[0] > 0.1


def test_a_slowdown_of_5_percent_on_quiet_samples_is_found() -> None:
    found = [
        verdict(measured(noisy(2 * seed, 0.01, 1.05)), measured(noisy(2 * seed + 1, 0.01))) for seed in range(1000)
    ]
    assert found.count("slower") >= 950
    assert found.count("faster") == 0


@pytest.mark.parametrize(("spread", "outliers"), [(0.05, 0.0), (0.03, 0.1)])
def test_equal_noise_is_seldom_taken_for_a_slowdown(spread: float, outliers: float) -> None:
    found = [
        verdict(measured(noisy(2 * seed, spread, 1.0, outliers)), measured(noisy(2 * seed + 1, spread, 1.0, outliers)))
        for seed in range(1000)
    ]
    assert found.count("slower") <= 50
    assert found.count("faster") <= 50


def test_a_speed_up_is_found_as_well() -> None:
    assert verdict(measured(noisy(0, 0.01, 0.95)), measured(noisy(1, 0.01))) == "faster"


def test_what_two_runs_differ_by_anyway_is_no_verdict() -> None:
    base = Timing(samples_s=(1.0,) * 10)
    assert verdict(Timing(samples_s=(1 + SAME / 2,) * 10), base) == "inconclusive"
    assert verdict(Timing(samples_s=(1 + SAME * 2,) * 10), base) == "slower"
