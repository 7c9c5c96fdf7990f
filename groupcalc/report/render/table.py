"""The text table for terminals and pipes.

Not rich's: its Table takes 7 s for 10,000 rows of seven columns and its import as long as that of onnx;
pads, cuts and five colours are all that is needed here, and no markup can be hidden in a name.
"""

from __future__ import annotations

from collections.abc import Iterator

from groupcalc.report.document import Report, Table
from groupcalc.report.render.cells import cut_middle, inert, pad, wrap
from groupcalc.report.render.flow import flow
from groupcalc.report.render.layout import GAP, Placed, place

PIPE_WIDTH = 120
"""The columns of a table that is not read on a terminal are chosen for this many cells."""

STYLES = {
    "name": "1", "header": "2", "closing": "1", "note": "2", "warning": "33",
    "FAIL": "1;31", "UNKNOWN": "1;31", "WARN": "33", "SKIP": "2", "pass": "32",
}  # fmt: skip
"""SGR codes: bold, dim, yellow, red, green; they look right on light and dark ground."""


def table(report: Report, width: int | None = None, color: bool = False, elide: bool = False) -> str:
    """The report as text.

    width  cells of the terminal; None: 120
    elide  lines keep to the width: names are cut in the middle, sentences wrapped
    """
    pen = _Pen(width or PIPE_WIDTH, color, elide)
    blocks = ["\n".join(pen.table(each)) for each in report.tables]
    if report.notes:
        blocks.append("\n".join(line for note in report.notes for line in pen.sentence(note, "note")))
    return "\n\n".join(blocks) + "\n"


class _Pen:
    """Writes lines in the one look that a report has."""

    def __init__(self, width: int, color: bool, elide: bool) -> None:
        self.width = width
        self.color = color
        self.elide = elide
        self.said: list[str] = []

    def table(self, table: Table) -> Iterator[str]:
        yield from self.heading(table)
        if table.columns:
            yield from flow(table, self.width, self.elide, self.paint) if table.flow else self.grid(table)
        for note in table.notes:
            yield from self.sentence(note)
        for warning in table.warnings:
            yield from self.sentence(f"! {warning}", "warning")

    def heading(self, table: Table) -> Iterator[str]:
        facts = inert(" · ".join(table.facts))
        name = inert(table.name)
        if self.elide:
            name = cut_middle(name, self.width)
        lines = self.fold(f"{name}  {facts}" if facts else name)
        if lines and name and lines[0].startswith(name):
            lines[0] = self.paint(name, "name") + lines[0][len(name) :]
        yield from lines

    def grid(self, table: Table) -> Iterator[str]:
        columns = place(table, self.width, self.elide)
        yield self.paint(_line(columns, [placed.column.header for placed in columns]), "header")
        yield self.paint(" " + "─" * (sum(placed.width for placed in columns) + GAP * (len(columns) - 1)), "header")
        for index, row in enumerate(_rows(columns, len(table.rows))):
            if self.elide:
                row = [cut_middle(text, placed.width) for text, placed in zip(row, columns, strict=True)]
            line = _line(columns, row)
            yield self.paint(line, "closing") if index >= len(table.rows) else line
        yield from self.left_out(table, columns)

    def left_out(self, table: Table, columns: list[Placed]) -> Iterator[str]:
        """The columns that the width did not do for; once where the tables of a report leave out the same."""
        shown = [placed.column for placed in columns]
        names = [column.header or column.key for column in table.columns if column not in shown]
        if names and names != self.said:
            self.said = names
            way_out = "a wider terminal, -o html or --json shows them"
            yield from self.sentence(f"Columns left out: {', '.join(names)} ({way_out}).", "note")

    def sentence(self, text: str, style: str = "") -> Iterator[str]:
        for line in self.fold(inert(text)):
            yield self.paint(line, style)

    def fold(self, text: str) -> list[str]:
        if self.elide:
            return wrap(text, self.width)
        return [text] if text else []

    def paint(self, text: str, style: str) -> str:
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if self.color and style in STYLES else text


def _line(columns: list[Placed], texts: list[str]) -> str:
    cells = (pad(text, placed.width, placed.column.align) for text, placed in zip(texts, columns, strict=True))
    return (" " + (" " * GAP).join(cells)).rstrip()


def _rows(columns: list[Placed], rows: int) -> Iterator[list[str]]:
    """The texts row by row; where the columns marked `once` all repeat the row above, they are blank."""
    once = [index for index, placed in enumerate(columns) if placed.column.once]
    above: list[str] = []
    for index, row in enumerate(zip(*(placed.texts for placed in columns), strict=True)):
        texts = list(row)
        marked = [texts[column] for column in once]
        if marked and marked == above and index < rows:
            for column in once:
                texts[column] = ""
        above = marked
        yield texts
