"""Taking samples of launches by a device's clock, on buffers that have left its cache when they are used again."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from groupcalc.bench.result import Case
from groupcalc.bench.timing import BURST_S, SAMPLE_S, Clock
from groupcalc.kernels.cuda.events import MOST_QUEUED, Sample, rotations

Take = Callable[[int, int], list[Sample]]
"""So many samples of so many launches each."""

FEW = 4

LATE = "the host does not queue launches ahead of the device: its own time is in the figure"


def buffer_sets(case: Case, l2_bytes: int) -> int:
    """Inputs and outputs to take in turn on a device with such a cache."""
    cost = case.cost
    return rotations(cost.input_bytes + cost.output_bytes, l2_bytes)


def held_bytes(case: Case, l2_bytes: int) -> int:
    """What those and the weights take of the device's memory; a chain of layers has two outputs."""
    cost = case.cost
    one = cost.input_bytes + cost.output_bytes * min(case.chain, 2)
    return one * buffer_sets(case, l2_bytes) + cost.weight_bytes * case.chain


def late(take: Take) -> str:
    """A line when the host waits for the device between two launches, whatever the queue holds; "" otherwise."""
    return "" if all(sample.queued for sample in take(1, FEW)) else LATE


def launches_for(take: Take, least_s: float = SAMPLE_S) -> int:
    """How many launches last `least_s` seconds: no more than the queue holds, so that the host is not in them.

    Where the host waits in any case, as many as last that long.
    """
    (first,) = take(1, FEW)
    loops = max(1, min(MOST_QUEUED, ceil(least_s / max(first.device_s, 1e-9))))
    while first.queued and loops > FEW and not take(1, loops)[0].queued:
        loops //= 2
    return loops


def launch_burst(take: Take, loops: int, clock: Clock) -> list[float]:
    """One turn: seconds of a launch, samples for BURST_S seconds of the host, one at least."""
    start = clock()
    samples = [sample.device_s for sample in take(1, loops)]
    while clock() - start < BURST_S:
        samples += [sample.device_s for sample in take(1, loops)]
    return samples
