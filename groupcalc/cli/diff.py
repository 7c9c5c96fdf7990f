"""groupcalc diff: what changed between two models, saved results, directories or revisions."""

from __future__ import annotations

from typing import Annotated

import typer

from groupcalc.cli import options
from groupcalc.cli.output import parse_sinks
from groupcalc.cli.pricing import How
from groupcalc.config import find
from groupcalc.sources.given import parse_given

FORMATS = ("table", "json", "csv", "markdown", "html")

EXAMPLES = """\
Examples:
  groupcalc diff old.onnx new.onnx
  groupcalc diff base.json models/
  groupcalc diff git:origin/main models/              # its merge base with HEAD
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
    from groupcalc.cli.comparing import compare  # who only analyzes does not wait for it to load

    sinks = parse_sinks(output or [], json, FORMATS)
    how = How(
        given=parse_given(shape or [], dim or []), config=find(config), command="groupcalc diff", jobs=jobs,
        progress=False if quiet else progress, verbose=verbose,
    )  # fmt: skip
    raise typer.Exit(compare(base, new, how, sinks, top=top, raw=raw, color=color))
