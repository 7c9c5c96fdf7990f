"""What a benchmark draws: its cases under the roofline, and the speed-up over the group count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from groupcalc.bench.points import Point
from groupcalc.bench.result import Bench
from groupcalc.costs import FLOPS_PER_MAC
from groupcalc.costs.roofline import Ceilings
from groupcalc.report.document import XY, Chart, Line
from groupcalc.report.views.timed import engines, rate, what

PER_GIGA = 1e-9


def charts(bench: Bench, points: Sequence[Point]) -> tuple[Chart, ...]:
    """The roofline of all points, then a speed-up curve for each layer that was swept."""
    found = [roofline(bench.ceilings, tuple(_marks(points)))] if bench.ceilings and points else []
    return (*found, *_speedups(points))


def roofline(ceilings: Ceilings, marks: Sequence[Line]) -> Chart:
    """Each memory's slope up to the peak, and the marks below: FLOP per byte against GFLOP/s."""
    peak = ceilings.peak_flops_per_s
    xs = [x for mark in marks for x, _ in mark.points]
    fastest, slowest = ceilings.levels[0], ceilings.levels[-1]
    left = min([*xs, ceilings.ridge_point(fastest)]) / 2
    right = max([*xs, ceilings.ridge_point(slowest)]) * 2
    lines = []
    for level in dict.fromkeys((fastest, slowest)):
        ridge = ceilings.ridge_point(level)
        corners = ((left, left * level.bandwidth_bytes_per_s), (ridge, peak), (right, peak))
        lines.append(Line(name=level.name, points=tuple((x, y * PER_GIGA) for x, y in corners), dashed=True))
    return Chart(title="Roofline", x_label="FLOP per byte", y_label="GFLOP/s", lines=tuple(lines), marks=tuple(marks))


def _marks(points: Sequence[Point]) -> Iterator[Line]:
    several = len(engines(points)) > 1
    for point in points:
        case, engine = point.result.case, f" {point.result.engine}" if several else ""
        swept = sum(other.result.case.name == case.name for other in points) > 1
        intensity = FLOPS_PER_MAC * case.cost.macs / case.traffic
        place: XY = (intensity, rate(case, point.result.timing.median_s) * PER_GIGA)
        yield Line(name=f"G={point.groups}{engine}" if swept else f"{case.name}{engine}", points=(place,))


def _speedups(points: Sequence[Point]) -> Iterator[Chart]:
    layers: dict[object, list[Point]] = {}
    for point in sorted(points, key=lambda point: point.groups):
        layers.setdefault((point.result.case.name, point.baseline.case.conv), []).append(point)
    for own in layers.values():
        if own[-1].groups == own[0].groups:
            continue
        ideal = {float(point.groups): point.ideal_speedup for point in own}
        curves = [
            Line(name=engine, points=tuple((float(p.groups), p.speedup) for p in own if p.result.engine == engine))
            for engine in engines(own)
        ]
        yield Chart(
            title=what(own[0].result.case, groups=False),
            x_label="groups",
            y_label=f"speed-up over G={own[0].baseline_groups}",
            lines=(Line(name="ideal", points=tuple(ideal.items()), dashed=True), *curves),
        )
