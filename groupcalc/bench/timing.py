"""Taking samples of a call by a clock that is handed in."""

from __future__ import annotations

from collections.abc import Callable

Clock = Callable[[], float]
"""Seconds from an arbitrary start, never going back."""

Call = Callable[[], object]

SAMPLE_S = 0.0005
"""A sample lasts at least this long: ten thousand times the resolution of the clock, five hundred times the cost of
reading it."""

BURST_S = 0.008
"""How long an engine takes samples before the next has its turn: two hundred turns a second would go to waking up,
and a machine that changes its frequency does so over longer times."""

WARM_S = 0.002
WARM_CALLS = 2
"""What an engine runs unmeasured at the beginning of each turn: its operands come back to the caches, its threads
wake, and the predictors forget the one before it."""

MAX_LOOPS = 2**20

COLD_CALLS = 3
"""Samples of a turn when each needs its caches emptied first, which takes a thousand times as long as the call."""


def warm(call: Call, clock: Clock) -> None:
    """Call for WARM_S seconds, WARM_CALLS times at least."""
    start, calls = clock(), 0
    while calls < WARM_CALLS or clock() - start < WARM_S:
        call()
        calls += 1


def sample(call: Call, loops: int, clock: Clock) -> float:
    """Seconds of one call, the mean of `loops` in a row."""
    counted = range(loops)
    start = clock()
    for _ in counted:
        call()
    return (clock() - start) / loops


def loops_for(call: Call, clock: Clock, least_s: float = SAMPLE_S) -> int:
    """How many calls in a row last `least_s` seconds: doubled until they do, the first time they may be slow."""
    warm(call, clock)
    loops = 1
    while loops < MAX_LOOPS and sample(call, loops, clock) * loops < least_s:
        loops *= 2
    return loops


def burst(call: Call, loops: int, clock: Clock) -> list[float]:
    """One turn: warm up, then samples for BURST_S seconds, one at least."""
    warm(call, clock)
    start = clock()
    samples = [sample(call, loops, clock)]
    while clock() - start < BURST_S:
        samples.append(sample(call, loops, clock))
    return samples


def cold_burst(call: Call, evict: Call, clock: Clock) -> list[float]:
    """One turn of single calls, the caches emptied before each."""
    samples = []
    for _ in range(COLD_CALLS):
        evict()
        samples.append(sample(call, 1, clock))
    return samples
