"""Samples by an injected clock: how many calls, how long, and nothing of the clock's own in them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from groupcalc.bench.timing import BURST_S, MAX_LOOPS, SAMPLE_S, WARM_CALLS, WARM_S, burst, loops_for, sample, warm


class World:
    """A clock that only calls move: each takes what `takes` says of how many came before it."""

    def __init__(self, takes: Callable[[int], float]) -> None:
        self.takes = takes
        self.calls = 0
        self.now = 1000.0

    def call(self) -> None:
        self.now += self.takes(self.calls)
        self.calls += 1

    def clock(self) -> float:
        return self.now


def steady(seconds: float) -> World:
    return World(lambda _: seconds)


def test_a_sample_is_the_mean_of_its_calls() -> None:
    world = World(lambda call: 0.001 * (call + 1))
    assert sample(world.call, 4, world.clock) == pytest.approx(0.001 * (1 + 2 + 3 + 4) / 4)
    assert world.calls == 4


@pytest.mark.parametrize("seconds", [1e-7, 1e-6, 15e-6, 0.0004, 0.0006, 0.3])
def test_a_sample_lasts_long_enough_and_not_twice_as_long(seconds: float) -> None:
    world = steady(seconds)
    lasts = loops_for(world.call, world.clock) * seconds
    assert lasts * (1 + 1e-9) >= SAMPLE_S
    assert lasts < max(2 * SAMPLE_S, 1.01 * seconds)


def test_a_clock_that_stands_still_is_not_waited_for() -> None:
    world = World(lambda call: WARM_S if call < WARM_CALLS else 0.0)
    assert loops_for(world.call, world.clock) == MAX_LOOPS


def test_the_calls_that_warm_up_are_in_no_sample() -> None:
    world = World(lambda call: 1.0 if call < WARM_CALLS else 0.001)
    samples = burst(world.call, 1, world.clock)
    assert samples == pytest.approx([0.001] * len(samples))


def test_a_slow_call_warms_up_by_count_and_a_fast_one_by_time() -> None:
    slow, fast = steady(1.0), steady(WARM_S / 100.5)
    warm(slow.call, slow.clock)
    warm(fast.call, fast.clock)
    assert (slow.calls, fast.calls) == (WARM_CALLS, 101)


def test_a_turn_ends_after_its_time_and_has_one_sample_at_least() -> None:
    slow, fast = steady(1.0), steady(BURST_S / 9.5)
    assert len(burst(slow.call, 1, slow.clock)) == 1
    assert len(burst(fast.call, 1, fast.clock)) == 10


def test_drift_within_a_turn_stays_in_the_samples() -> None:
    world = World(lambda call: 0.001 + 0.0001 * call)
    samples = burst(world.call, 1, world.clock)
    assert samples == sorted(samples)
    assert samples[0] < samples[-1]
