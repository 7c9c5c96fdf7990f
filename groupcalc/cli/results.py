"""A report on its way out: rendered as its sink asks, and written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from groupcalc.cli.options import Color
from groupcalc.cli.output import Sink, write
from groupcalc.cli.screen import text_of
from groupcalc.errors import GroupcalcError
from groupcalc.report.document import Report


def deliver(report: Report, sink: Sink, color: Color, problems: Sequence[GroupcalcError] = ()) -> None:
    """Write a report as its sink has it; UsageError when that cannot be.

    problems  what the run could not do, said in what outlives it
    """
    if sink.format != "table":
        said = (f"Not in this report: {problem}" for problem in problems)
        report = replace(report, notes=(*said, *report.notes))
    write(text_of(report, sink, color), sink.path, None if sink.format == "table" else "utf-8")
