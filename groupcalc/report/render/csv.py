"""CSV: every row under the JSON keys, raw integers, nothing folded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from groupcalc.report.document import Report, Row, Table, plain
from groupcalc.report.render.cells import inert

FORMULA_STARTS = tuple("=+-@＝＋－＠")
"""A spreadsheet runs a cell that begins so; a leading apostrophe makes it text (OWASP, CSV Injection).
Tab, carriage return and line feed, which OWASP lists too, are shown as their escapes and begin with a backslash."""


def csv(report: Report) -> str:
    """The records, or the tables that have the columns of the first, as RFC 4180 with line feeds."""
    import csv as library  # loaded only by who asks for CSV
    from io import StringIO

    tables = (report.records(),) if report.records else _alike(report.tables)
    out = StringIO()
    writer = library.writer(out, lineterminator="\n")
    if tables:
        writer.writerow([column.key for column in tables[0].columns])
    for table in tables:
        writer.writerows(map(_cells, table.rows))
    return out.getvalue()


def _alike(tables: tuple[Table, ...]) -> tuple[Table, ...]:
    return tuple(table for table in tables if _keys(table) == _keys(tables[0]))


def _keys(table: Table) -> list[str]:
    return [column.key for column in table.columns]


def _cells(row: Row) -> Iterator[str]:
    return map(_cell, row)


def _cell(value: Any) -> str:
    text = plain(value)
    if isinstance(value, int | float):
        return text  # a minus sign before a number is no formula
    text = inert(text)
    return f"'{text}" if text.lstrip(" '").startswith(FORMULA_STARTS) else text
