"""A report on its way out: rendered as its sink asks, written, and what went wrong beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from groupcalc.cli.options import Color
from groupcalc.cli.output import Sink, write
from groupcalc.cli.screen import text_of
from groupcalc.errors import GroupcalcError, UsageError
from groupcalc.report.document import Report
from groupcalc.sources.targets import Failure

FOR_PEOPLE = frozenset({"table", "markdown", "html"})
"""Formats that say nothing when there is nothing to say; a machine gets its empty result."""


def deliver(report: Report, sink: Sink, color: Color, problems: Sequence[GroupcalcError] = ()) -> None:
    """Write a report as its sink has it; UsageError when that cannot be.

    problems  what the run could not do, said in what outlives it
    """
    if sink.format != "table":
        said = (f"Not in this report: {problem}" for problem in problems)
        report = replace(report, notes=(*said, *report.notes))
    write(text_of(report, sink, color), sink.path, None if sink.format == "table" else "utf-8")


def emit(report: Report, sink: Sink, color: Color, problems: list[GroupcalcError]) -> None:
    """Write a report to a sink; that it cannot be written is one more problem."""
    try:
        deliver(report, sink, color, problems)
    except UsageError as error:
        problems.append(error)


def failure_data(failures: Sequence[Failure]) -> list[dict[str, Any]]:
    """The inputs that could not be read, as data."""
    return [{"path": failure.path, "message": str(failure.error)} for failure in failures]
