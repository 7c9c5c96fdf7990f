"""Findings as text: a line each, going on below where the width does not do, with what explains it underneath."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from groupcalc.report.document import Column, Row, Table
from groupcalc.report.render.cells import cut_middle, inert, pad, width_of, wrap

GAP = 2

WIDEST = 48
"""Where the width does not do, a longer cell pushes those behind it in its own line alone."""

Paint = Callable[[str, str], str]


def flow(table: Table, width: int, elide: bool, paint: Paint) -> Iterator[str]:
    """The rows as lines; the first cell is the status, and names its own style.

    elide  lines keep to the width
    """
    rows = _told([[_text(column, value) for column, value in _cells(table, row)] for row in table.rows])
    widths = [max(map(width_of, texts)) for texts in zip(*rows, strict=True)]
    if elide and sum(widths) + GAP * (len(widths) - 1) > width:
        widths = [min(each, WIDEST) for each in widths]
    for row, texts in zip(table.rows, rows, strict=True):
        indent = widths[0] + GAP
        head, *rest = _lines(texts, widths, width if elide else None, indent)
        yield (paint(texts[0], texts[0]) + head[len(texts[0]) :]).rstrip()
        yield from rest
        below = [line for value in row if isinstance(value, tuple) for line in value]
        for line in below:
            yield from _below(inert(line), indent, width if elide else None)


def _cells(table: Table, row: Row) -> list[tuple[Column, object]]:
    pairs = zip(table.columns, row, strict=True)
    return [(column, value) for column, value in pairs if not isinstance(value, tuple)]


def _told(rows: list[list[str]]) -> list[list[str]]:
    """The cells less the columns in which nothing stands."""
    kept = [index for index, texts in enumerate(zip(*rows, strict=True)) if any(texts)]
    return [[texts[index] for index in kept] for texts in rows]


def _text(column: Column, value: object) -> str:
    return inert(column.text(value))


def _lines(texts: list[str], widths: list[int], width: int | None, indent: int) -> list[str]:
    """The cells in their columns, if the line fits; else one behind the other, and on below."""
    columns = (" " * GAP).join(pad(text, each, "left") for text, each in zip(texts, widths, strict=True)).rstrip()
    if width is None or width_of(columns) <= width:
        return [columns]
    lines = [pad(texts[0], indent - GAP, "left")]
    for text in filter(None, texts[1:]):
        if width_of(lines[-1]) + GAP + width_of(text) > width and lines[-1].strip() and len(lines[-1]) > indent:
            lines.append(" " * (indent - GAP))
        lines[-1] += " " * GAP + cut_middle(text, max(width - indent, 8))
    return lines


def _below(text: str, indent: int, width: int | None) -> Iterator[str]:
    lines = [text] if width is None else wrap(text, max(width - indent - GAP, 8), indent=0)
    for number, line in enumerate(lines):
        yield " " * indent + ("  " if number else "└ ") + line
