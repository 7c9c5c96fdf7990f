"""Engines side by side: the subject against the best of the others, case by case and family by family."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, fsum, log

from groupcalc.bench.result import BenchResult, Case
from groupcalc.conv import Conv
from groupcalc.costs.roofline import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Seconds of one layer on one engine, by its fastest and by its median sample."""

    engine: str
    kernel: str
    min_s: float
    median_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One case: the subject, and the engine with the fastest sample among the others, if there is one.

    The best is chosen for each case, with hindsight: no user of one library gets it everywhere.

    tf32  the best of those that may round their inputs to TF32, which is why they are no peers
    """

    case: Case
    subject: Figure
    peer: Figure | None
    estimate: Estimate | None
    tf32: Figure | None = None

    @property
    def ratio(self) -> float | None:
        """How many times the subject's fastest sample fits into the peer's."""
        return self.peer.min_s / self.subject.min_s if self.peer else None

    @property
    def median_ratio(self) -> float | None:
        """The same of the medians."""
        return self.peer.median_s / self.subject.median_s if self.peer else None

    @property
    def tf32_ratio(self) -> float | None:
        """The same of the fastest samples against TF32."""
        return self.tf32.min_s / self.subject.min_s if self.tf32 else None

    @property
    def share(self) -> float | None:
        """The least possible time as a part of the subject's fastest."""
        return self.estimate.estimate_s / self.subject.min_s if self.estimate else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Geometric means over the cases of a family; None where there is nothing to take the mean of."""

    name: str
    cases: int
    ratio: float | None
    median_ratio: float | None
    share: float | None
    worst: Comparison | None
    tf32_ratio: float | None = None


def compare(results: Iterable[BenchResult], subject: str) -> list[Comparison]:
    """A comparison for each case that the backend `subject` was measured on, in their order.

    Where a layer was measured alone and in a chain, it is the marginal layer that is compared, what one more costs:
    (t(n layers) - t(1 layer)) / (n - 1).
    """
    layers: dict[tuple[str, Conv], list[BenchResult]] = {}
    for result in results:
        layers.setdefault((result.case.name, result.case.conv), []).append(result)
    found = []
    for of_layer in layers.values():
        figures, case, estimate = _figures(of_layer)
        ours = [figure for result, figure in figures if result.backend == subject]
        others = [figure for result, figure in figures if result.backend != subject and not result.tf32]
        tf32 = [figure for result, figure in figures if result.backend != subject and result.tf32]
        mine, peer, rounded = map(_fastest, (ours, others, tf32))
        if mine:
            found.append(Comparison(case=case, subject=mine, peer=peer, estimate=estimate, tf32=rounded))
    return found


def families(comparisons: Sequence[Comparison]) -> list[Family]:
    """Every family that a case belongs to, in the order in which they come up, and all cases together."""
    names = dict.fromkeys(name for comparison in comparisons for name in comparison.case.families)
    found = [_family(name, [each for each in comparisons if name in each.case.families]) for name in names]
    return [*found, _family("all", comparisons)] if names else found


def geometric_mean(values: Iterable[float | None]) -> float | None:
    """exp of the mean logarithm of what there is: the one mean for which a ratio and its inverse agree."""
    logs = [log(value) for value in values if value is not None]
    return exp(fsum(logs) / len(logs)) if logs else None


def _family(name: str, members: Sequence[Comparison]) -> Family:
    with_peer = [each for each in members if each.ratio is not None]
    return Family(
        name=name,
        cases=len(members),
        ratio=geometric_mean(each.ratio for each in members),
        median_ratio=geometric_mean(each.median_ratio for each in members),
        share=geometric_mean(each.share for each in members),
        tf32_ratio=geometric_mean(each.tf32_ratio for each in members),
        worst=min(with_peer, key=lambda each: each.ratio or 0.0, default=None),
    )


def _figures(results: Sequence[BenchResult]) -> tuple[list[tuple[BenchResult, Figure]], Case, Estimate | None]:
    """The engines' figures of one layer, its longest case, and the bound of that."""
    longest = max(results, key=lambda result: result.case.chain)
    alone = {result.engine: result for result in results if result.case.chain == 1}
    figures = []
    for result in results:
        if result.case.chain == longest.case.chain == 1:
            figures.append((result, _figure(result, result.timing.min_s, result.timing.median_s)))
        elif result.case.chain > 1 and result.engine in alone:
            one, more = alone[result.engine].timing, result.case.chain - 1
            least = (result.timing.min_s - one.min_s) / more
            usual = (result.timing.median_s - one.median_s) / more
            if least > 0 and usual > 0:  # else the noise is larger than the layer
                figures.append((result, _figure(result, least, usual)))
    return figures, longest.case, longest.estimate


def _figure(result: BenchResult, min_s: float, median_s: float) -> Figure:
    return Figure(engine=result.engine, kernel=result.kernel, min_s=min_s, median_s=median_s)


def _fastest(figures: Sequence[Figure]) -> Figure | None:
    return min(figures, key=lambda figure: figure.min_s, default=None)
