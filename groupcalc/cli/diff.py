"""groupcalc diff: what changed between two models, saved results, directories or revisions."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from groupcalc.cli import options
from groupcalc.cli.output import parse_sinks
from groupcalc.cli.pricing import How
from groupcalc.cli.results import FOR_PEOPLE, emit, failure_data
from groupcalc.cli.screen import note
from groupcalc.cli.sides import GIT, Side, key_of, load_side
from groupcalc.config import find
from groupcalc.costs.snapshot import header
from groupcalc.diff import diff_all, diff_data
from groupcalc.errors import GroupcalcError
from groupcalc.report.views.diff import differences
from groupcalc.sources.given import parse_given

TOP = 20
FORMATS = ("table", "json", "csv", "markdown", "html")

EXAMPLES = """\
Examples:
  groupcalc diff old.onnx new.onnx
  groupcalc diff base.json models/
  groupcalc diff git:origin/main models/              (its merge base with HEAD)
  groupcalc diff git:v1.0:models git:v2.0:models -o markdown:comment.md

Exit status: 0 whenever it could compare; 2 when a side cannot be read.
"""

_SIDE = "A model, a saved result, a directory, git:REV or git:REV:PATH."


def diff(
    base: Annotated[str, typer.Argument(metavar="BASE", show_default=False, help=_SIDE)],
    new: Annotated[str, typer.Argument(metavar="NEW", show_default=False, help=_SIDE)],
    output: options.Output = None,
    json: options.Json = False,
    top: options.Top = None,
    raw: options.Raw = False,
    shape: options.Shape = None,
    dim: options.Dim = None,
    config: options.ConfigOption = None,
    color: options.ColorOption = options.Color.auto,
    progress: options.Progress = None,
    jobs: options.Jobs = 1,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """What changed: layers changed, added and removed, by how much, the most first."""
    sinks = parse_sinks(output or [], json, FORMATS)
    how = How(
        given=parse_given(shape or [], dim or []), config=find(config), command="groupcalc analyze", jobs=jobs,
        progress=False if quiet else progress, verbose=verbose,
    )  # fmt: skip
    after, before = _sides(base, new, how)
    failures = [*before.failures, *after.failures]
    problems: list[GroupcalcError] = [failure.error for failure in failures]
    whole = any(failure.path == "" for failure in failures)  # a side is not there: nothing can be compared
    lost = {failure.path for failure in failures}
    found = [each for each in diff_all(before.costs, after.costs, key_of(how)) if not whole and each.name not in lost]
    for sink in sinks:
        if found or not problems or sink.format not in FOR_PEOPLE:
            most = TOP if top is None and sink.format != "html" else top or 0
            data = {**header(), "models": [], "diff": [*map(diff_data, found)], "errors": failure_data(failures)}
            emit(differences(found, top=most, raw=raw, data=data), sink, color, problems)
    for problem in problems:
        note(str(problem))
    raise typer.Exit(2 if problems else 0)


def _sides(base: str, new: str, how: How) -> tuple[Side, Side]:
    """The new side and the base: a revision without a path is that of the other side's files."""
    after = load_side(new, how, against="") if not _bare(new) or _bare(base) else Side()
    folder = new if os.path.isdir(new) else ""
    before = load_side(base, how, after.costs, folder, against=new.split(":")[1] if new.startswith(GIT) else "HEAD")
    if _bare(new) and not _bare(base):
        after = load_side(new, how, before.costs, base if os.path.isdir(base) else "", against="")
    return after, before


def _bare(text: str) -> bool:
    return text.startswith(GIT) and text.count(":") == 1
