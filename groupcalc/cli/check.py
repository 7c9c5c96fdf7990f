"""groupcalc check: whether the models keep to their budgets."""

from __future__ import annotations

import typer

from groupcalc.cli import options
from groupcalc.cli.output import parse_sinks
from groupcalc.cli.pricing import How
from groupcalc.config import find
from groupcalc.sources.given import parse_given

FORMATS = ("table", "json", "csv", "markdown", "html", "github", "gitlab", "junit", "sarif")

EXAMPLES = """\
Examples:
  groupcalc check                     # models and budgets of groupcalc.toml
  groupcalc check model.onnx --budget 'macs <= 4.1 GMACs'
  groupcalc check model.onnx --budget 'model.onnx::*conv2*: macs <= 231M'
  groupcalc check models/ --base git:origin/main --budget 'macs <= +2%'
  groupcalc check --base base.json --budget 'macs <= max(+2%, +5M)'
  groupcalc check -o table -o junit:checks.xml -o sarif:checks.sarif

A limit with a sign, +2%, -5M, +0%, is relative to the base; so is base itself.
With -v the budgets that hold are listed, too. GROUPCALC_BASE and
GROUPCALC_CONFIG in the environment set what --base and -c would.
Exit status: 0; 1 when a budget is broken or selects nothing; 2 when it cannot
be said: something cannot be read, is not counted, or has no base.
"""


def check(
    inputs: options.Inputs = None,
    budget: options.Budgets = None,
    base: options.Base = None,
    output: options.CheckOutput = None,
    json: options.Json = False,
    shape: options.Shape = None,
    dim: options.Dim = None,
    strict: options.StrictCheck = False,
    config: options.ConfigOption = None,
    color: options.ColorOption = options.Color.auto,
    progress: options.Progress = None,
    jobs: options.Jobs = 1,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Whether the models keep to their budgets."""
    from groupcalc.cli.checking import judge  # who only analyzes does not wait for budgets to load

    sinks = parse_sinks(output or [], json, FORMATS)
    how = How(
        given=parse_given(shape or [], dim or []), config=find(config), command="groupcalc check", jobs=jobs,
        progress=False if quiet else progress, verbose=verbose,
    )  # fmt: skip
    raise typer.Exit(judge(inputs or [], budget or [], base or "", how, sinks, strict=strict, color=color))
