"""A Report as plain values: tables and notes for people, records and data for machines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from groupcalc.units import show_name, show_percent, show_shape

Row = tuple[Any, ...]
"""One raw value a column: str, int, float, bool, Share, a tuple of shapes or of names, or None for "nothing to say"."""


class Share(NamedTuple):
    """A part of a whole, kept as two integers so that no figure passes through a float."""

    part: int
    whole: int

    def __str__(self) -> str:
        return show_percent(self.part, self.whole)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: what it is called and how its values are shown to people.

    key       the JSON key, also the CSV header
    show      value -> text; never called with None
    priority  0 is always shown; where the width does not do, the highest goes first, equal ones together
    elide     the least number of cells that its text may be cut to on a terminal; 0: never cut
    once      a text table leaves it blank where it repeats the row above
    """

    key: str
    header: str
    show: Callable[[Any], str] = str
    align: Literal["left", "right"] = "right"
    priority: int = 0
    elide: int = 0
    once: bool = False

    def text(self, value: Any) -> str:
        """The value for people: one line, inert; blank for None."""
        return "" if value is None else show_name(self.show(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under columns, with what stands above and below them; without columns only that is shown.

    name      whose table it is: a path, a title
    facts     short phrases beside the name
    closing   rows below the line: the folded tail, subtotal, total
    flow      its rows are findings rather than figures: a text table has no heads then, cells go on below where the
              width does not do, and a tuple of lines stands below its row
    notes     sentences below the table
    warnings  what the reader must not miss; shown with a mark
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...] = ()
    closing: tuple[Row, ...] = ()
    name: str = ""
    facts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    flow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A verdict for the programs that read findings: annotations, code quality, test results.

    status   pass, fail, warn, skipped, unknown; or error, of an input that cannot be read
    rule     `GC001`; "" for an error
    name     the budget
    message  what a person should read
    path     the file in which it is to be shown, and the line; 0: the file as a whole
    key      the same for the same finding at another time, whatever its line and its figures
    excess   how far the figure is beyond its limit, as a part of it
    """

    status: str
    rule: str
    model: str
    name: str
    message: str
    path: str
    line: int = 0
    key: str = ""
    excess: Share | None = None


XY = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Points joined by a line; `dashed` for what was not measured."""

    name: str
    points: tuple[XY, ...]
    dashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Lines and marks over two logarithmic axes; every number is positive.

    marks  named points of their own
    """

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...] = ()
    marks: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The answer to one question.

    tables   for people: table, markdown, html
    records  makes the table that CSV writes, where the tables for people fold or arrange rows otherwise; a function,
             for the figures of 100,000 rows take a second that only CSV needs; None: the tables themselves
    data     the JSON-ready value
    notes    sentences below all tables
    findings for the formats that other programs annotate with; none where a question has none
    charts   for formats that draw
    """

    tables: tuple[Table, ...] = ()
    records: Callable[[], Table] | None = None
    data: Any = None
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    charts: tuple[Chart, ...] = ()


def plain(value: Any) -> str:
    """The value for machines as one word: whole integers, floats that read back equal, shapes as 1x3x224x224."""
    if value is None:
        return ""
    if isinstance(value, Share):
        return repr(value.part / value.whole) if value.whole else ""
    if isinstance(value, tuple):
        return ";".join(item if isinstance(item, str) else "x".join(map(str, item)) for item in value)
    return repr(value) if isinstance(value, float) else str(value)


def show_shapes(shapes: tuple[tuple[int, ...], ...]) -> str:
    """Shapes as people write them: `1×64×56×56, 1×64×56×56`."""
    return ", ".join(map(show_shape, shapes))
