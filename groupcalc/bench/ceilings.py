"""The ceilings of this machine: measured once and kept, or given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import reduce
from time import perf_counter

import numpy as np

from groupcalc import kernels
from groupcalc.bench.apart import apart
from groupcalc.bench.machine import caches
from groupcalc.costs.roofline import Ceilings, Level
from groupcalc.kernels.probes import Probed, probe

LAUNCHES, LAUNCH_S = 200, 0.2
"""The smallest layer is called so often at least, over so many seconds."""


def measure_ceilings(threads: int) -> Ceilings:
    """Peak, bandwidths and launch with so many threads, measured in a process of their own: its threads end with it.

    Twice, with those of a single thread between, and the higher of each: what disturbs a measurement often has passed
    when the next one comes, and many threads can do what one does, the others idle.
    """
    with apart() as process:
        found = [process.submit(_measured, count, threads).result() for count in (threads, 1, threads)]
    return falling(reduce(higher, found))


def _measured(count: int, threads: int) -> Ceilings:
    """With `count` of the threads."""
    return replace(ceilings(probe(count), threads, caches()), launch_s=launch(threads))


def falling(ceilings: Ceilings) -> Ceilings:
    """Each working set at least as fast as the larger ones: what is slower was disturbed."""
    levels: list[Level] = []
    for level in reversed(ceilings.levels):
        fastest = max([level.bandwidth_bytes_per_s, *(larger.bandwidth_bytes_per_s for larger in levels)])
        levels.insert(0, replace(level, bandwidth_bytes_per_s=fastest))
    return replace(ceilings, levels=tuple(levels))


def launch(threads: int, clock: Callable[[], float] = perf_counter) -> float:
    """Seconds of the smallest layer there is, at best: the call, and the start and the end of its threads."""
    one = np.ones((1, 1, 1, 1), np.float32)
    run, out = kernels.prepare(one, one.shape, threads=threads), np.empty_like(one)
    start, best, calls = clock(), float("inf"), 0
    while calls < LAUNCHES or clock() - start < LAUNCH_S:
        before = clock()
        run(one, out)
        best = min(best, clock() - before)
        calls += 1
    return best


def ceilings(probed: Probed, threads: int, cache_bytes: Mapping[str, int]) -> Ceilings:
    """What was probed, each working set under the name of the smallest cache that holds it.

    cache_bytes  of one core: the last cache is shared by all, those before it every thread has for itself
    """
    last = list(cache_bytes)[-1:]
    holds = {name: size if name in last else size * threads for name, size in cache_bytes.items()}
    levels = []
    for working_set, bandwidth in sorted(probed.bandwidths.items()):
        name = next((name for name, size in holds.items() if working_set <= size), "DRAM")
        levels.append(Level(name=name, working_set=working_set, bandwidth_bytes_per_s=bandwidth))
    return Ceilings(threads=threads, peak_flops_per_s=probed.peak_flops_per_s, levels=tuple(levels))


def higher(one: Ceilings, other: Ceilings) -> Ceilings:
    """The higher of two measurements of one machine, figure by figure: what disturbs it only lowers them."""
    levels = [
        max(pair, key=lambda level: level.bandwidth_bytes_per_s) for pair in zip(one.levels, other.levels, strict=True)
    ]
    return replace(
        one,
        peak_flops_per_s=max(one.peak_flops_per_s, other.peak_flops_per_s),
        levels=tuple(levels),
        launch_s=min(one.launch_s, other.launch_s),
    )


def given_ceilings(
    threads: int, peak: float | None, bandwidth: float | None, measured: Callable[[], Ceilings]
) -> Ceilings:
    """Those that a person gives in place of the measured ones; nothing is measured when both are given."""
    if peak is None and bandwidth is None:
        return measured()
    if peak is not None and bandwidth is not None:
        return Ceilings(threads=threads, peak_flops_per_s=peak, levels=(_memory(bandwidth),), given=True)
    found = replace(measured(), given=True)
    if peak is not None:
        return replace(found, peak_flops_per_s=peak)
    return replace(found, levels=(_memory(bandwidth or 0.0),))


def _memory(bandwidth: float) -> Level:
    return Level(name="memory", working_set=0, bandwidth_bytes_per_s=bandwidth)
