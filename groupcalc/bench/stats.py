"""Intervals of medians and of their ratios by the bootstrap (Efron 1979), drawn round by round.

Samples of one turn resemble each other more than those of two: they share what the machine did just then. So it is
rounds that are drawn with replacement, each with all its samples; drawing single samples would promise too much.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from groupcalc.bench.result import Timing

Interval = tuple[float, float]
Verdict = Literal["faster", "slower", "inconclusive"]

CONFIDENCE = 0.95

DRAWS = 1000
"""Resamples: the ends of a 95 % interval then rest on 25 of them each."""

SAME = 0.02
"""Two runs of the same code differ by up to this much with no noise to show for it: its memory lies elsewhere."""


def median_interval(timing: Timing, *, seed: int = 0) -> Interval:
    """Where the median of one call's seconds lies, with 95 % confidence."""
    return _ends(_medians(timing, _counts(len(timing.rounds), seed)))


def ratio_interval(over: Timing, under: Timing, *, paired: bool, seed: int = 0) -> Interval:
    """Where the ratio of two medians lies, with 95 % confidence.

    paired  both were timed in the same rounds, in turn: the same rounds are drawn for both, and what slowed a whole
            round falls out of the ratio
    """
    above = _counts(len(over.rounds), seed)
    together = paired and len(over.rounds) == len(under.rounds)
    below = above if together else _counts(len(under.rounds), seed + 1)
    return _ends(_medians(over, above) / _medians(under, below))


def verdict(new: Timing, base: Timing, *, seed: int = 0) -> Verdict:
    """Whether the new timing is faster or slower than one of another run: the whole interval must say so."""
    low, high = ratio_interval(new, base, paired=False, seed=seed)
    if low > 1 + SAME:
        return "slower"
    return "faster" if high < 1 - SAME else "inconclusive"


def _counts(rounds: int, seed: int) -> NDArray[np.int64]:
    """counts[draw, round]: how often each of the rounds was drawn when that many were."""
    return np.random.default_rng(seed).multinomial(rounds, [1 / rounds] * rounds, DRAWS)


def _medians(timing: Timing, counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The median of every draw: where half of the weight is reached, midway between two samples when that is exact."""
    order = np.argsort(timing.samples_s, kind="stable")
    samples = np.asarray(timing.samples_s)[order]
    of_round = np.repeat(np.arange(len(timing.rounds)), timing.rounds)[order]
    reached = np.cumsum(counts[:, of_round], axis=1)
    half = reached[:, -1:] / 2
    low = samples[np.argmax(reached >= half, axis=1)]
    high = samples[np.argmax(reached > half, axis=1)]
    return np.asarray((low + high) / 2)


def _ends(values: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
