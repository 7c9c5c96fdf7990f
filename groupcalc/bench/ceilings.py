"""The ceilings of this machine, and the least time that they allow a case."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from math import prod
from multiprocessing import get_context

from groupcalc.bench.machine import caches
from groupcalc.bench.result import BenchResult, Case
from groupcalc.costs.roofline import Ceilings, Estimate, Level, attain
from groupcalc.kernels.plan import real_taps
from groupcalc.kernels.probes import Probed, probe


def measure_ceilings(threads: int) -> Ceilings:
    """Peak and bandwidths with so many threads, measured in a process of their own: its threads end with it."""
    with ProcessPoolExecutor(
        1, mp_context=get_context("spawn"), initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_DFL)
    ) as process:
        return ceilings(process.submit(probe, threads).result(), threads, caches())


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
    return replace(one, peak_flops_per_s=max(one.peak_flops_per_s, other.peak_flops_per_s), levels=tuple(levels))


def estimate(case: Case, ceilings: Ceilings) -> Estimate:
    """The least time of one layer of a case. A tap that falls on padding is no work: a kernel may leave it out."""
    conv = case.conv
    macs = conv.batch * conv.out_channels * (conv.in_channels // conv.groups) * prod(real_taps(conv))
    return attain(ceilings, macs, case.traffic, working_set=case.traffic * case.chain)


def with_estimate(result: BenchResult, ceilings: Ceilings) -> BenchResult:
    """The result beside the least time of its case."""
    return replace(result, estimate=estimate(result.case, ceilings))
