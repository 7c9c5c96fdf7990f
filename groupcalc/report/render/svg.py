"""SVG: the charts of a report, one below the other; lines, dots and a legend need no library."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from math import ceil, floor, log10

from groupcalc.report.document import XY, Chart, Line, Report
from groupcalc.report.render.html import inert

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 170, 40, 50
"""Pixels of a chart, and around its axes; the legend is on the right."""

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Told apart by the colour-blind (Okabe and Ito 2008)."""

STYLE = (
    "text{font:12px sans-serif;fill:#222}.title{font-size:14px;font-weight:bold}.grid{stroke:#ddd}"
    ".dashed{stroke-dasharray:6 4}"
)

MOST_MARKS = 24
"""Named marks; more would hide each other, and stay without a name."""


def svg(report: Report) -> str:
    """The charts as one picture; names in it are text and nothing else."""
    height = HEIGHT * max(1, len(report.charts))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for index, chart in enumerate(report.charts):
        lines += [f'<g transform="translate(0 {index * HEIGHT})">', *_chart(chart), "</g>"]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _chart(chart: Chart) -> Iterator[str]:
    points = [point for line in (*chart.lines, *chart.marks) for point in line.points]
    yield _text(LEFT, 22, chart.title, "start", "title")
    if not points:
        return
    x = _scale([x for x, _ in points], LEFT, WIDTH - RIGHT)
    y = _scale([y for _, y in points], HEIGHT - BOTTOM, TOP)
    for value in _ticks([x for x, _ in points]):
        yield _line((x(value), TOP), (x(value), HEIGHT - BOTTOM), "grid")
        yield _text(x(value), HEIGHT - BOTTOM + 16, f"{value:g}", "middle")
    for value in _ticks([y for _, y in points]):
        yield _line((LEFT, y(value)), (WIDTH - RIGHT, y(value)), "grid")
        yield _text(LEFT - 6, y(value) + 4, f"{value:g}", "end")
    yield _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, chart.x_label, "middle")
    yield _text(LEFT, TOP - 4, chart.y_label, "start")
    colors = cycle(COLORS)
    for row, line in enumerate(chart.lines):
        yield from _curve(line, next(colors), row, x, y)
    for index, mark in enumerate(chart.marks):
        yield from _mark(mark, next(colors), x, y, named=index < MOST_MARKS)


def _curve(line: Line, color: str, row: int, x: Scale, y: Scale) -> Iterator[str]:
    """A line with its points, and its name in the legend."""
    places = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in line.points)
    dashed = ' class="dashed"' if line.dashed else ""
    yield f'<polyline points="{places}" fill="none" stroke="{color}" stroke-width="2"{dashed}/>'
    if not line.dashed:
        yield from (_dot(x(a), y(b), color) for a, b in line.points)
    top = TOP + 8 + 18 * row
    yield f'<rect x="{WIDTH - RIGHT + 12}" y="{top - 4}" width="14" height="4" fill="{color}"/>'
    yield _text(WIDTH - RIGHT + 32, top + 2, line.name, "start")


def _mark(mark: Line, color: str, x: Scale, y: Scale, named: bool) -> Iterator[str]:
    for a, b in mark.points:
        yield _dot(x(a), y(b), color, mark.name)
        if named:
            yield _text(x(a) + 6, y(b) - 5, mark.name, "start")


Scale = Callable[[float], float]


def _scale(values: Sequence[float], start: float, end: float) -> Scale:
    """From a value to its pixel, by the logarithm; the whole powers of two or ten around the values fit."""
    low, high = _range(values)
    return lambda value: start + (end - start) * (log10(value) - low) / (high - low)


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = log10(min(values)), log10(max(values))
    room = max(0.05 * (high - low), 0.02)
    return low - room, high + room


def _ticks(values: Sequence[float]) -> list[float]:
    """Powers of two over a short range, else of ten."""
    low, high = _range(values)
    base = 2.0 if high - low < 2.5 else 10.0
    first, last = ceil(low / log10(base)), floor(high / log10(base))
    return [base**power for power in range(first, last + 1)]


def _dot(x: float, y: float, color: str, name: str = "") -> str:
    title = f"<title>{inert(name)}</title>" if name else ""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}">{title}</circle>'


def _line(start: XY, end: XY, kind: str) -> str:
    (x1, y1), (x2, y2) = start, end
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{inert(text)}</text>'
