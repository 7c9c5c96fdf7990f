"""groupcalc explain: a layer, a metric, an operator, an architecture."""

from __future__ import annotations

from typing import Annotated

import typer

from groupcalc.cli import options
from groupcalc.cli.output import parse_sinks
from groupcalc.cli.results import deliver
from groupcalc.errors import UsageError

FORMATS = ("table", "json", "csv", "markdown", "html")

EXAMPLES = """\
Examples:
  groupcalc explain 'Conv2d(128, 128, 3, padding=1, groups=32) @ 56x56'
  groupcalc explain macs
  groupcalc explain Conv
  groupcalc explain com.microsoft::MatMulNBits
  groupcalc explain --list -o csv:operators.csv
  groupcalc explain arch
  groupcalc explain arch:mobilenet_v1

Exit status: 0; 2 for what is not known.
"""


def explain(
    word: Annotated[
        str | None,
        typer.Argument(
            metavar="OP|METRIC|ARCH|LAYER",
            show_default=False,
            help="A layer line; a metric such as macs; an ONNX operator, outside the default domain DOMAIN::OP; "
            "arch, or arch:NAME.",
        ),
    ] = None,
    every: Annotated[bool, options.show("--list", help="Every operator with its formula.")] = False,
    output: options.Output = None,
    json: options.Json = False,
    color: options.ColorOption = options.Color.auto,
) -> None:
    """Formulas with the numbers put in, what a figure counts, a network beside its paper; alone, what can be asked."""
    sinks = parse_sinks(output or [], json, FORMATS)
    if word is not None and every:
        raise UsageError("something to explain and --list at once", "leave one of them out", "groupcalc explain")
    from groupcalc.cli.explaining import all_operators, report_on

    report = all_operators(every) if word is None else report_on(word)
    for sink in sinks:
        deliver(report, sink, color)
