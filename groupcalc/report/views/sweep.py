"""The view of a sweep: what each group count promises and what the clock gives of it, as bars side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import log2
from typing import Any, NamedTuple

from groupcalc.bench.base import Compared
from groupcalc.bench.noise import FOREIGN
from groupcalc.bench.points import FOLLOWS, Point
from groupcalc.bench.reasons import all_reasons
from groupcalc.bench.result import Bench
from groupcalc.report.document import Column, Report, Table
from groupcalc.report.views.charts import charts
from groupcalc.report.views.compared import BASE
from groupcalc.report.views.fields import bound
from groupcalc.report.views.timed import (
    BACKEND,
    BOUND,
    ESTIMATE,
    KERNEL,
    MACS,
    MEASURED,
    RATE,
    SHARE,
    Measured,
    convention,
    engines,
    facts,
    provenance,
    rate,
    warnings,
    what,
)
from groupcalc.report.views.timings import records
from groupcalc.units import show_bytes, show_part

CELLS = 10
"""The length of the longest bar. Ten of them twice and the figures that a sweep is about fit 80 columns."""

UNSURE = 0.20
"""A median that is less sure than this cannot tell whether three quarters of a promise are kept."""

EIGHTHS = " ▏▎▍▌▋▊▉"


class Bar(NamedTuple):
    """A factor, and the one whose bar fills its place."""

    factor: float
    longest: float

    @property
    def part(self) -> float:
        """Of the longest, by their logarithms: each doubling is as long as the next."""
        return log2(self.factor) / log2(self.longest) if self.factor > 1 and self.longest > 1 else 0.0


def show_ideal(bar: Bar) -> str:
    """`32× ░░░░░░░`."""
    return f"{_factor(bar.factor)} {'░' * round(bar.part * CELLS)}".rstrip()


def show_realised(bar: Bar) -> str:
    """`27× ██████▊`."""
    cells, eighth = divmod(round(min(bar.part, 1.0) * CELLS * 8), 8)
    return f"{_factor(bar.factor)} {'█' * cells}{EIGHTHS[eighth].strip()}".rstrip()


def _factor(factor: float) -> str:
    """Five cells, so that the bars begin one below the other."""
    text = f"{factor:.2f}" if factor < 0.995 else f"{factor:.1f}" if factor < 9.95 else f"{factor:.0f}"
    return f"{text.removesuffix('.0')}×".rjust(4)


COLUMNS = (
    Column(key="groups", header="groups"),
    MACS,
    ESTIMATE,
    MEASURED,
    RATE,
    BOUND,
    SHARE,
    Column(key="ideal_speedup", header="ideal ░", show=show_ideal, align="left"),
    Column(key="speedup", header="realised █", show=show_realised, align="left"),
    Column(key="efficiency", header="efficiency", show=show_part),
    KERNEL,
)


def sweep_view(
    bench: Bench, points: Sequence[Point], *, compared: Mapping[int, Compared] | None = None, data: Any = None
) -> Report:
    """A table for each layer that was swept; engines below each other."""
    compared = compared or {}
    layers: dict[object, list[int]] = {}
    for index, point in enumerate(points):
        layers.setdefault((point.result.case.name, point.baseline.case.conv), []).append(index)
    tables = [_table(bench, points, indexes, compared) for indexes in layers.values()]
    tables = tables or [Table(columns=COLUMNS, name="nothing was measured", warnings=tuple(warnings(bench, (), "G")))]
    return Report(
        tables=tuple(tables),
        records=lambda: records(points, compared),
        data=data,
        notes=(provenance(bench), convention(bench)),
        charts=charts(bench, points),
    )


def _table(bench: Bench, points: Sequence[Point], indexes: Sequence[int], compared: Mapping[int, Compared]) -> Table:
    shown = [points[index] for index in indexes]
    longest = max(max(point.ideal_speedup, point.speedup) for point in shown)
    several, against = len(engines(points)) > 1, any(index in compared for index in indexes)
    leading = (BACKEND,) if several else ()
    closing = (BASE,) if against else ()
    rows = []
    for index in indexes:
        row = _row(points[index], longest)
        first = (points[index].result.engine,) if several else ()
        rows.append((*first, *row, *((compared.get(index),) if against else ())))
    case = shown[0].result.case
    return Table(
        name=what(case, groups=False),
        facts=(*facts(bench), f"speed-up over G={shown[0].baseline_groups}, log scale"),
        columns=(*leading, *COLUMNS, *closing),
        rows=tuple(rows),
        notes=tuple(line for name in engines(shown) for line in _verdict(name if several else "", shown)),
        warnings=tuple(warnings(bench, shown, "G")),
    )


def _row(point: Point, longest: float) -> tuple[Any, ...]:
    result = point.result
    median = result.timing.median_s
    first = point.baseline is result
    return (
        point.groups,
        result.case.cost.macs,
        result.estimate.estimate_s if result.estimate else None,
        Measured(median, point.ci_s),
        rate(result.case, median),
        bound(result.estimate),
        point.share,
        Bar(point.ideal_speedup, longest),
        None if first else Bar(point.speedup, longest),
        None if first else point.efficiency,
        result.kernel or None,
    )


def _verdict(engine: str, points: Sequence[Point]) -> Iterator[str]:
    """The fastest group count, and where and why the clock stops following the formula."""
    own = sorted((point for point in points if not engine or point.result.engine == engine), key=lambda p: p.groups)
    if len(own) < 2:
        return
    start = f"{engine}: " if engine else ""
    worst = max(own, key=lambda point: point.unsure)
    if worst.unsure > UNSURE:
        by = show_part(worst.unsure)
        yield f"{start}Too noisy to tell where the clock follows the formula: G={worst.groups} is only sure to ±{by}."
        return
    foreign = max(own, key=lambda point: point.result.timing.disturbed)
    if foreign.result.timing.disturbed > FOREIGN:
        by = show_part(foreign.result.timing.disturbed)
        fact = f"the fastest sample of G={foreign.groups} takes {by} less than its median"
        yield f"{start}Too much else runs to tell where the clock follows the formula: {fact}."
        return
    fastest = max(own, key=lambda point: point.speedup)
    yield f"{start}Fastest: G={fastest.groups}{_times(fastest)}. {_follows(own)}"


def _times(point: Point) -> str:
    if point.baseline is point.result:
        return ""
    return f", {_factor(point.speedup).strip()} as fast as G={point.baseline_groups}"


def _follows(own: Sequence[Point]) -> str:
    stops = next((index for index, point in enumerate(own) if index and point.efficiency < FOLLOWS), None)
    if stops is None:
        least = min(own[1:], key=lambda point: point.efficiency)
        kept = show_part(least.efficiency)
        return f"The clock follows the formula to the end: {kept} of it at least, at G={least.groups}."
    before, at = own[stops - 1], own[stops]
    until = f"Up to G={before.groups} the clock follows the formula; at" if stops > 1 else "At"
    return f"{until} G={at.groups} it gives {show_part(at.efficiency)} of it: {why(at)}."


def why(point: Point) -> str:
    """What keeps a layer from being as fast as its MACs promise, largest first, each with its number."""
    result, estimate = point.result, point.result.estimate
    found = []
    if estimate is not None and estimate.bound == "memory":
        part, moved = estimate.memory_s / result.timing.median_s, show_bytes(result.case.traffic, 3)
        found.append((part, f"moving {moved} through {estimate.memory_level} is {show_part(part)} of the time"))
    found += [(reason.part, reason.text) for reason in all_reasons(result)]
    found.sort(key=lambda reason: -reason[0])
    if found:
        return ", ".join(text for _, text in found)
    reached = f"{show_part(point.share)} of its bound is reached" if point.share is not None else "no estimate"
    return f"{reached}, and no reason for that is measured here"
