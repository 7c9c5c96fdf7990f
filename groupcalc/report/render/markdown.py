"""Markdown as GitHub and GitLab read it, for comments and job summaries."""

from __future__ import annotations

from collections.abc import Iterator

from groupcalc.report.document import Report, Table
from groupcalc.report.render.layout import place
from groupcalc.report.render.table import PIPE_WIDTH
from groupcalc.units import show_name

JOINER = "&#8288;"
"""A word joiner: without width, and neither @name nor #12 is a reference behind it."""

ESCAPES = str.maketrans({
    "&": "&amp;", "<": "&lt;", ">": "&gt;", "\\": "&#92;", "|": "&#124;", "$": "&#36;",
    "`": "\\`", "*": "\\*", "_": "\\_", "~": "\\~", "[": "\\[", "]": "\\]",
    "@": f"&#64;{JOINER}", "#": f"&#35;{JOINER}",
})  # fmt: skip
"""Entities where a backslash would not do: `\\|` ends a cell when the name itself has a backslash before the bar."""


def markdown(report: Report) -> str:
    """The tables as GitHub Markdown, with the columns that a pipe gets."""
    lines = [line for table in report.tables for line in _table(table)]
    lines += [line for note in report.notes for line in (inert(note), "")]
    return "\n".join(lines)


def inert(text: str) -> str:
    """The text as Markdown that shows exactly it: one line, no markup, no link, no mention."""
    text = show_name(text).translate(ESCAPES)
    return text.replace("://", "&#58;//").replace("www.", "www&#46;")


def _table(table: Table) -> Iterator[str]:
    if table.name:
        yield from (f"### {inert(table.name)}", "")
    if table.facts:
        yield from (inert(" · ".join(table.facts)), "")
    if table.columns and (table.rows or not table.flow):
        yield from (*_grid(table), "")
    notes = (*table.notes, *(f"⚠ {warning}" for warning in table.warnings))
    if notes:
        yield from (*(f"- {inert(note)}" for note in notes), "")


def _grid(table: Table) -> Iterator[str]:
    columns = place(table, PIPE_WIDTH, elide=False)
    yield _row(inert(placed.column.header) for placed in columns)
    yield _row("---:" if placed.column.align == "right" else ":---" for placed in columns)
    for index, texts in enumerate(zip(*(placed.texts for placed in columns), strict=True)):
        closing = index >= len(table.rows)
        yield _row(f"**{inert(text)}**" if closing and text else inert(text) for text in texts)


def _row(cells: Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"
