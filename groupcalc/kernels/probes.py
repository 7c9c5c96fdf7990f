"""Probes: the peak of this machine's arithmetic and the bandwidth of its memories, by number of threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groupcalc.kernels.host import this_host
from groupcalc.kernels.prepared import aligned

Clock = Callable[[], float]

FLOAT_BYTES = 4

WORKING_SETS = tuple(2**power for power in range(16, 28))
"""64 KiB to 128 MiB: from what two small caches hold to four times a large one."""

TRIES, PROBE_S = 12, 0.12
"""Each figure is the best of at least so many tries, over at least so many seconds: a neighbour's work passes."""

MOVED_BYTES = 2**22
"""What one try moves at least, some 40 µs in a near cache: many times the launch of its threads."""

ROUNDS = 100_000
"""Multiply-adds one behind the other of one try: some 110 µs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What was reached at best.

    peak_flops_per_s  float32, 2 FLOPs a fused multiply-add
    bandwidths        bytes per second by the bytes of the working set: read only, or half read and half written,
                      whichever is faster
    """

    peak_flops_per_s: float
    bandwidths: Mapping[int, float]


def probe(threads: int, clock: Clock = perf_counter) -> Probed:
    """Measure with so many threads; about 4 s."""
    return Probed(
        peak_flops_per_s=_peak(threads, clock),
        bandwidths={size: _bandwidth(size, threads, clock) for size in WORKING_SETS},
    )


def _peak(threads: int, clock: Clock) -> float:
    from groupcalc.kernels.drivers import probes

    lanes = this_host().lanes
    loop, x, y = probes.peak(lanes)(threads), _numbers(1), _numbers(threads * lanes)
    flops = 2 * probes.CHAINS * lanes * ROUNDS * threads
    return flops / _least(lambda: loop(x, x, x, y, y, (threads, ROUNDS)), clock)


def _bandwidth(working_set: int, threads: int, clock: Clock) -> float:
    """The better of reading a working set, and of reading its one half and writing the other."""
    from groupcalc.kernels.drivers import probes

    lanes = this_host().lanes
    block = probes.UNROLL * lanes
    blocks = working_set // (2 * FLOAT_BYTES * block * threads)  # of each thread, in each half
    x, y, w = _numbers(2 * blocks * block * threads), _numbers(blocks * block * threads), _numbers(1)
    repeats = max(1, MOVED_BYTES // working_set)
    moved = repeats * FLOAT_BYTES * x.size
    reading, scaling = probes.read(lanes)(threads), probes.scale(lanes)(threads)
    read_s = _least(lambda: reading(x, w, w, y, w, (threads, 2 * blocks, repeats)), clock)
    scale_s = _least(lambda: scaling(x, w, w, y, w, (threads, blocks, repeats)), clock)
    return moved / min(read_s, scale_s)


def _least(call: Callable[[], object], clock: Clock) -> float:
    """Seconds of the fastest call; the first is not measured."""
    call()
    best, tries, start = float("inf"), 0, clock()
    while tries < TRIES or clock() - start < PROBE_S:
        before = clock()
        call()
        best = min(best, clock() - before)
        tries += 1
    return best


def _numbers(count: int) -> NDArray[Any]:
    return aligned(np.full(count, 0.5, np.float32))
