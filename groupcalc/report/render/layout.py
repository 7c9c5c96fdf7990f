"""Which columns of a table fit a width, and how wide each of them is."""

from __future__ import annotations

from dataclasses import dataclass

from groupcalc.report.document import Column, Table
from groupcalc.report.render.cells import inert, width_of

GAP = 2
"""Spaces between columns; one stands before the first."""

FAIR = 40
"""Where names are never cut, a longer one does not cost the reader other columns: its line grows instead."""


@dataclass(slots=True)
class Placed:
    """A column with the text of each of its cells, rows first, then the closing rows."""

    column: Column
    texts: list[str]
    width: int


def place(table: Table, width: int, elide: bool) -> list[Placed]:
    """The columns that fit, in the order of the table.

    Columns are taken from the lowest priority up and none is formatted that comes after the first that does not
    fit: 100,000 rows cost what is shown of them.
    """
    rows = (*table.rows, *table.closing)
    chosen: dict[int, Placed] = {}
    for level in sorted({column.priority for column in table.columns}):
        more = {
            index: _format(column, [row[index] for row in rows])
            for index, column in enumerate(table.columns)
            if column.priority == level
        }
        least = [_least(placed, elide) for placed in (*chosen.values(), *more.values())]
        if level and _total(least) > width:
            break
        chosen |= more
    columns = [chosen[index] for index in sorted(chosen)]
    if elide:
        _shrink(columns, width)
    return columns


def _format(column: Column, values: list[object]) -> Placed:
    texts = [column.text(value) for value in values]
    if column.align == "left":  # the others are numbers
        texts = list(map(inert, texts))
    return Placed(column, texts, max(map(width_of, (column.header, *texts))))


def _least(placed: Placed, elide: bool) -> int:
    if not placed.column.elide:
        return placed.width
    return min(placed.width, placed.column.elide if elide else FAIR)


def _total(widths: list[int]) -> int:
    return 1 + sum(widths) + GAP * (len(widths) - 1)


def _shrink(columns: list[Placed], width: int) -> None:
    """Take the cells that are too many from the columns that may be cut, the least important first."""
    over = _total([placed.width for placed in columns]) - width
    for placed in sorted(columns, key=lambda placed: -placed.column.priority):
        if over > 0 and placed.column.elide:
            cut = min(over, placed.width - _least(placed, elide=True))
            placed.width -= cut
            over -= cut
