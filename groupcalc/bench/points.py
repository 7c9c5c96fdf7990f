"""Results beside their baselines: what the formula promises at each group count, and what the clock gives of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from groupcalc.bench.reasons import Reason, reasons, share_of_bound
from groupcalc.bench.result import BenchResult
from groupcalc.bench.stats import Interval, median_interval, ratio_interval

FOLLOWS = 0.75
"""The clock follows the formula as long as it gives this part of what is promised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A result and what follows from it.

    ci_s           where the median lies, with 95 % confidence
    baseline       the same layer on the same engine at the smallest group count measured
    speedup_ci     where the speed-up lies
    """

    result: BenchResult
    ci_s: Interval
    baseline: BenchResult
    speedup_ci: Interval
    reasons: tuple[Reason, ...] = ()

    @property
    def groups(self) -> int:
        return self.result.case.conv.groups

    @property
    def baseline_groups(self) -> int:
        return self.baseline.case.conv.groups

    @property
    def ideal_speedup(self) -> float:
        """The ratio of MACs."""
        return self.baseline.case.cost.macs / self.result.case.cost.macs

    @property
    def speedup(self) -> float:
        """The ratio of medians."""
        return self.baseline.timing.median_s / self.result.timing.median_s

    @property
    def efficiency(self) -> float:
        """The part of the promise that the clock keeps."""
        return self.speedup / self.ideal_speedup

    @property
    def unsure(self) -> float:
        """How far the farther end of the interval is from the median, as a part of it."""
        (low, high), median = self.ci_s, self.result.timing.median_s
        return max(high - median, median - low) / median

    @property
    def share(self) -> float | None:
        """The part of the bound that is reached."""
        return share_of_bound(self.result)


def points(results: Sequence[BenchResult], *, seed: int = 0) -> list[Point]:
    """A point for each result, in their order."""
    baselines: dict[object, BenchResult] = {}
    for result in sorted(results, key=lambda result: result.case.conv.groups):
        baselines.setdefault(_layer(result), result)
    return [_point(result, baselines[_layer(result)], seed) for result in results]


def _layer(result: BenchResult) -> object:
    """The same for one layer at any group count on one engine."""
    case = result.case
    return case.name, case.conv.regroup(1), case.chain, case.threads, result.engine


def _point(result: BenchResult, baseline: BenchResult, seed: int) -> Point:
    return Point(
        result=result,
        ci_s=median_interval(result.timing, seed=seed),
        baseline=baseline,
        speedup_ci=ratio_interval(baseline.timing, result.timing, paired=True, seed=seed),
        reasons=reasons(result),
    )
