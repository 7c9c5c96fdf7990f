"""groupcalc init: a starter configuration with today's figures as budgets."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from glob import escape
from pathlib import Path

import typer

from groupcalc.cli import options
from groupcalc.cli.output import write
from groupcalc.cli.pricing import How, price_all
from groupcalc.cli.screen import note
from groupcalc.config.find import OWN, find
from groupcalc.costs.cost import GraphCost
from groupcalc.errors import UsageError
from groupcalc.sources.given import Given, parse_given
from groupcalc.units import show_name

EXAMPLES = """\
Examples:
  groupcalc init                    # every .onnx file below this directory
  groupcalc init models/ --dim batch=1

Writes groupcalc.toml, with what each model costs today as its budgets.
Exit status: 0; 2 when there is a configuration already, or nothing can be read.
"""

HEAD = """\
# What the models may cost. `groupcalc check` reads it and exits with 1 when a budget is broken.
# A limit is absolute (4.1 GMACs, 25.1M, 100 MiB) or relative to the base (+2%, -5M, base).
"""

BASE = """\
# Compare with another revision (its merge base with HEAD), or with a saved result:
# base = "git:origin/main"
"""


def init(
    inputs: options.Inputs = None,
    shape: options.Shape = None,
    dim: options.Dim = None,
    progress: options.Progress = None,
    jobs: options.Jobs = 1,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Write groupcalc.toml, with today's figures as budgets."""
    there = OWN if os.path.lexists(OWN) else find().path
    if there in (OWN, "pyproject.toml"):
        removed = "it" if there == OWN else "its [tool.groupcalc]"
        raise UsageError("there is a configuration already", f"edit it, or remove {removed} first", there)
    given = parse_given(shape or [], dim or [])
    how = How(given=given, command="groupcalc init", jobs=jobs, progress=False if quiet else progress, verbose=verbose)
    models = inputs or ["."]
    priced = price_all(models, how)
    for failure in priced.failures:
        note(str(failure.error))
    if priced.failures:
        raise typer.Exit(2)
    patterns = ["**/*.onnx" if text == "." else text for text in map(_pattern, models)]
    write("\n".join(_lines(patterns, priced.costs, given)) + "\n", OWN)
    if not quiet:
        note(f"{OWN}: budgets for {len(priced.costs)} model{'s' * (len(priced.costs) != 1)}; groupcalc check reads it")


def _pattern(text: str) -> str:
    """A directory as the glob of its models; everything else as it is."""
    return f"{Path(escape(text)).as_posix()}/**/*.onnx" if text != "." and os.path.isdir(text) else text


def _lines(patterns: Sequence[str], costs: Sequence[GraphCost], given: Given) -> Iterator[str]:
    yield HEAD
    yield f"models = [{', '.join(map(_quoted, patterns))}]"
    if given.dims:
        yield f"dims = {{{', '.join(f'{_quoted(name)} = {size}' for name, size in given.dims.items())}}}"
    if given.shapes:
        yield f"shapes = {{{', '.join(f'{_quoted(name)} = {list(sizes)}' for name, sizes in given.shapes.items())}}}"
    yield BASE.rstrip()
    for cost in costs:
        path = Path(os.path.normpath(cost.path)).as_posix() if os.path.lexists(cost.path) else cost.path
        yield f"\n[[budgets]]\nmodel = {_quoted(escape(path))}"
        yield f"limits = [{', '.join(map(_quoted, _limits(cost)))}]"


def _limits(cost: GraphCost) -> Iterator[str]:
    yield f"macs <= {cost.totals.macs:_}"
    yield f"params <= {cost.totals.params:_}"
    if cost.uncounted:
        yield f"uncounted <= {len(cost.uncounted)}"


def _quoted(text: str) -> str:
    """A basic string of TOML, which has the escapes of JSON; what does not print is escaped."""
    from json import dumps

    return dumps(text, ensure_ascii=show_name(text) != text).replace("\x7f", "\\u007f")
