"""What makes a measurement doubtful: one line each, with its number and what to do about it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from statistics import median, quantiles

from groupcalc.bench.result import Timing
from groupcalc.bench.timing import SAMPLE_S
from groupcalc.units import show_part, show_seconds

SPREAD = 0.10
"""Half of the samples lie further apart than this part of their median: neighbours on the machine, by experience."""

FAR = 3.0
"""A sample so many interquartile ranges above the third quartile is an outlier (Tukey's "far out")."""

OUTLIERS = 0.05
"""More than this part of the samples are no accident."""

FOREIGN = 0.5
"""When the fastest sample takes less than this part of the median, most of the median is not the layer's."""

DRIFT = 0.10
"""The last third of the rounds against the first."""

FEW_ROUNDS = 5
"""Fewer rounds are too few to tell how much rounds differ."""

BUSY = 1.0
"""A load above this is a neighbour; below it may be what this command did itself in the last minute."""

GOVERNORS = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
STEADY = ("", "performance")

LOAD: Callable[[], tuple[float, float, float]] | None = getattr(os, "getloadavg", None)
"""The load averages; Windows has none."""


def noise(timing: Timing, *, cold: bool = False) -> Iterator[str]:
    """Of one case on one engine, by its samples alone; `cold` ones are single calls, and short as these are."""
    if len(timing.rounds) < FEW_ROUNDS:
        yield f"{len(timing.rounds)} rounds are too few to tell how far the median is sure: raise --runs"
    elif (drift := _drift(timing)) > DRIFT or drift < -DRIFT:
        way = "slowed down" if drift > 0 else "sped up"
        by = show_part(abs(drift))
        yield f"it {way} by {by} from the first rounds to the last: raise --warmup, or let the machine cool"
    shortest = min(timing.samples_s) * timing.loops
    if shortest < SAMPLE_S / 2 and not cold:
        yield f"a sample lasts only {show_seconds(shortest)}, as others disturbed its calibration: run again quietly"
    if len(timing.samples_s) < 4:
        return
    if timing.disturbed > FOREIGN:
        by = show_part(timing.disturbed)
        yield (
            f"the fastest sample takes {by} less than the median, which tells of what else runs here: close that, "
            "or lower --threads"
        )
    low, _, high = quantiles(timing.samples_s, method="inclusive")
    spread = (high - low) / timing.median_s
    if spread > SPREAD:
        by = show_part(spread)
        yield f"the samples spread {by} around their median: run again on a quiet machine or raise --min-time"
    fence = max(high + FAR * (high - low), 1.2 * timing.median_s)
    outliers = [sample for sample in timing.samples_s if sample > fence]
    if len(outliers) > OUTLIERS * len(timing.samples_s):
        share, worst = f"{len(outliers)} of {len(timing.samples_s)}", max(outliers) / timing.median_s
        yield f"{share} samples are outliers, up to ×{worst:.1f} of the median: close what else runs, or raise --runs"


def _drift(timing: Timing) -> float:
    """How much longer the last third of the rounds took than the first, as a part of the median.

    Only what goes beyond the spread within the thirds is drift.
    """
    ends = list(accumulate(timing.rounds))
    turns = [median(timing.samples_s[end - size : end]) for end, size in zip(ends, timing.rounds, strict=True)]
    third = len(turns) // 3
    first, last = turns[:third], turns[-third:]
    if not (max(first) < min(last) or min(first) > max(last)):
        return 0.0
    return (median(last) - median(first)) / timing.median_s


def unquiet(
    threads: int,
    cpus: int,
    load: Callable[[], tuple[float, float, float]] | None = LOAD,
    governor: Path = GOVERNORS,
) -> Iterator[str]:
    """Of the machine, before anything is measured.

    load      the load averages, if the system tells them
    governor  the file that names what sets the frequency of the first CPU
    """
    busy = _load(load)
    if busy > BUSY and busy + threads > cpus:
        yield (
            f"the machine is busy: a load of {busy:.1f} on its {cpus} CPUs, of which {threads} are to be measured "
            "(close what else runs, or lower --threads)"
        )
    name = _word(governor)
    if name not in STEADY:
        yield (
            f"the CPU frequency is set by the governor '{name}', which follows the load "
            "(sudo cpupower frequency-set -g performance)"
        )


def _load(load: Callable[[], tuple[float, float, float]] | None) -> float:
    try:
        return load()[0] if load else 0.0
    except OSError:
        return 0.0


def _word(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
