"""groupcalc explain: how an operator is counted."""

from __future__ import annotations

from typing import Annotated

import typer

from groupcalc.cli import options
from groupcalc.cli.output import Sink, parse_sinks, write
from groupcalc.cli.screen import text_of
from groupcalc.costs.snapshot import header
from groupcalc.errors import UsageError
from groupcalc.explain import operator, operators, operators_data
from groupcalc.report.document import Report
from groupcalc.report.views import explain as views

FORMATS = ("table", "json", "csv", "markdown", "html")

EXAMPLES = """\
Examples:
  groupcalc explain Conv
  groupcalc explain com.microsoft::MatMulNBits
  groupcalc explain --list
  groupcalc explain --list -o csv:operators.csv

Exit status: 0; 2 for an operator that is not known.
"""


def explain(
    op: Annotated[
        str | None,
        typer.Argument(
            metavar="OP",
            show_default=False,
            help="An ONNX operator; outside the default domain DOMAIN::OP, or OP alone where that is clear.",
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--list", help="Every operator with its formula.", rich_help_panel=options.SHOW)
    ] = False,
    output: options.Output = None,
    json: options.Json = False,
    color: options.ColorOption = options.Color.auto,
) -> None:
    """How an operator is counted: the formula, and where it is from; alone, what can be asked."""
    sinks = parse_sinks(output or [], json, FORMATS)
    if op is not None and every:
        raise UsageError("an operator and --list at once", "leave one of them out", "groupcalc explain")
    report = _report(op, every)
    for sink in sinks:
        _write(report, sink, color)


def _report(op: str | None, every: bool) -> Report:
    found = operators() if op is None else [operator(op)]
    data = {**header(), "operators": operators_data(found)}
    if op is not None:
        return views.one(found[0], data)
    return views.table_of(found, data) if every else views.index(found, data)


def _write(report: Report, sink: Sink, color: options.Color) -> None:
    write(text_of(report, sink, color), sink.path, None if sink.format == "table" else "utf-8")
