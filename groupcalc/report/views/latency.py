"""The view of a network's convolutions: each distinct one once, with how many there are, and their sum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from groupcalc.bench.base import Compared
from groupcalc.bench.points import Point
from groupcalc.bench.reasons import BELOW, SUBJECT
from groupcalc.bench.result import Bench
from groupcalc.report.document import Column, Report, Row, Table
from groupcalc.report.views.charts import charts
from groupcalc.report.views.compared import BASE
from groupcalc.report.views.fields import bound
from groupcalc.report.views.lines import few, plural
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
from groupcalc.units import show_part

COLUMNS = (
    Column(key="name", header="layer", align="left", elide=16),
    Column(key="op", header="op", align="left", elide=20, priority=1),
    Column(key="count", header="count"),
    MACS,
    ESTIMATE,
    MEASURED,
    RATE,
    BOUND,
    SHARE,
    KERNEL,
)


def latency_view(
    bench: Bench,
    points: Sequence[Point],
    *,
    name: str,
    compared: Mapping[int, Compared] | None = None,
    data: Any = None,
) -> Report:
    """One table: a row a distinct convolution, and below the line what all of the network's take.

    name  of the network
    """
    compared = compared or {}
    names = engines(points)
    several, against = len(names) > 1, bool(compared)
    rows = [
        (
            *((point.result.engine,) if several else ()),
            *_row(point),
            *((compared.get(index),) if against else ()),
        )
        for index, point in enumerate(points)
    ]
    closing = [
        (*((engine,) if several else ()), *_sum(engine, points), *((None,) if against else ())) for engine in names
    ]
    table = Table(
        name=name,
        facts=tuple(facts(bench)),
        columns=(*((BACKEND,) if several else ()), *COLUMNS, *((BASE,) if against else ())),
        rows=tuple(rows),
        closing=tuple(closing),
        notes=(*few(_shortfalls(points), 10, " layers below that (-o json lists their reasons)"),),
        warnings=tuple(few(warnings(bench, points, "layer"), 10, " warnings (-o json lists all)")),
    )
    return Report(
        tables=(table,),
        records=lambda: records(points, compared),
        data=data,
        notes=(provenance(bench), convention(bench)),
        charts=charts(bench, points),
    )


def _row(point: Point) -> Row:
    result, case, median = point.result, point.result.case, point.result.timing.median_s
    return (
        case.name,
        what(case),
        case.count,
        case.cost.macs,
        result.estimate.estimate_s if result.estimate else None,
        Measured(median, point.ci_s),
        rate(case, median),
        bound(result.estimate),
        point.share,
        result.kernel or None,
    )


def _sum(engine: str, points: Sequence[Point]) -> Row:
    """Every layer as often as the network has it."""
    own = [point for point in points if point.result.engine == engine]
    macs = sum(point.result.case.cost.macs * point.result.case.count for point in own)
    median_s, low, high = (
        sum(seconds(point) * point.result.case.count for point in own)
        for seconds in (_median, lambda point: point.ci_s[0], lambda point: point.ci_s[1])
    )
    estimates = [point.result.estimate.estimate_s * point.result.case.count for point in own if point.result.estimate]
    estimate_s = sum(estimates) if len(estimates) == len(own) else None
    count = sum(point.result.case.count for point in own)
    return (
        "sum",
        plural(count, "layer"),
        count,
        macs,
        estimate_s,
        Measured(median_s, (low, high)),
        2 * macs / median_s,
        None,
        estimate_s and estimate_s / median_s,
        None,
    )


def _median(point: Point) -> float:
    return point.result.timing.median_s


def _shortfalls(points: Sequence[Point]) -> Iterator[str]:
    """Why the layers of ours that stay far below their bound do."""
    for point in points:
        if point.result.backend == SUBJECT and point.share is not None and point.share < BELOW:
            text = ", ".join(reason.text for reason in point.reasons) or "no reason for that is measured here"
            yield f"{point.result.case.name} reaches {show_part(point.share)} of its bound: {text}."
