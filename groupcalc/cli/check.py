"""groupcalc check: whether the models keep to their budgets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from groupcalc.budget import Budget, Subject, Verdict, parse
from groupcalc.budget import check as judge
from groupcalc.budget.verdicts import exit_status
from groupcalc.cli import options
from groupcalc.cli.actions import announce
from groupcalc.cli.analyze import uncounted
from groupcalc.cli.output import parse_sinks
from groupcalc.cli.pricing import How, Priced, price_all
from groupcalc.cli.results import FOR_PEOPLE, emit, failure_data
from groupcalc.cli.screen import note
from groupcalc.cli.sides import Side, key_of, load_side
from groupcalc.config import find
from groupcalc.costs.pairing import pair_models
from groupcalc.costs.snapshot import header, model_data
from groupcalc.diff import ModelDiff, diff
from groupcalc.errors import GroupcalcError, UsageError
from groupcalc.report.views.check import verdict_data, verdicts
from groupcalc.sources.given import parse_given

FORMATS = ("table", "json", "csv", "markdown", "html", "github", "gitlab", "junit", "sarif")

EXAMPLES = """\
Examples:
  groupcalc check                                     (models and budgets of groupcalc.toml)
  groupcalc check model.onnx --budget 'macs <= 4.1 GMACs' --budget 'params <= 25M'
  groupcalc check model.onnx --budget 'model.onnx::*conv2*: macs <= 231M'
  groupcalc check models/ --base git:origin/main --budget 'macs <= max(+2%, +5M)'
  groupcalc check --base base.json -o table -o junit:checks.xml -o sarif:checks.sarif

A limit with a sign, +2%, -5M, +0%, is relative to the base; so is base itself.
Exit status: 0; 1 when a budget is broken or selects nothing; 2 when it cannot be
said: something cannot be read, is not counted, or has no base.
"""


def check(
    inputs: options.Inputs = None,
    budget: options.Budgets = None,
    base: options.Base = None,
    output: options.Output = None,
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
    sinks = parse_sinks(output or [], json, FORMATS)
    found = find(config)
    budgets = [*found.budgets, *map(_flag, budget or [])]
    if not budgets:
        way_out = "add --budget 'macs <= 4.1G', or let groupcalc init write a configuration"
        raise UsageError("there is no budget", way_out, "groupcalc check")
    how = How(
        given=parse_given(shape or [], dim or []), config=found, command="groupcalc check", jobs=jobs,
        progress=False if quiet else progress, verbose=verbose,
    )  # fmt: skip
    priced = price_all(inputs or [], how)
    against = base or found.located(found.base)
    side = load_side(against, how, priced.costs) if against else None
    subjects = _subjects(priced, side, how)
    strict = strict or found.strict
    judged = judge(budgets, subjects, strict=strict, all_given=not inputs and not priced.failures)
    failures = [*priced.failures, *(side.failures if side else ())]
    problems: list[GroupcalcError] = [failure.error for failure in failures]
    if strict:
        allowed = {each.model for each in judged if each.budget.metric.key == "uncounted" and each.status == "pass"}
        problems += [uncounted(cost) for cost in priced.costs if cost.uncounted and cost.path not in allowed]
    diffs = _diffs(judged, subjects)
    report = verdicts(
        judged,
        diffs=diffs,
        models=len(subjects),
        data={
            **header(),
            "models": [model_data(cost) for cost in priced.costs],
            "checks": [verdict_data(each, diffs) for each in judged],
            "errors": failure_data(failures),
        },
        failures=[(failure.path or against, failure.error) for failure in failures],
        every=verbose,
    )
    for sink in sinks:
        if priced.costs or sink.format not in FOR_PEOPLE:
            emit(report, sink, color, problems)
    announce(report, {sink.format for sink in sinks})
    for problem in problems:
        note(str(problem))
    raise typer.Exit(2 if problems else exit_status(judged))


def _flag(text: str) -> Budget:
    try:
        return parse(text)
    except GroupcalcError as error:
        raise error.within("--budget") from error.__cause__


def _subjects(priced: Priced, side: Side | None, how: How) -> list[Subject]:
    """The models with their bases."""
    pairs: dict[int, Any] = {}
    if side and side.single and len(side.costs) == len(priced.costs) == 1:
        pairs = {0: side.costs[0]}
    elif side:
        pairs = pair_models(side.costs, priced.costs, key_of(how))
    return [
        Subject(
            cost=cost,
            names=how.config.names(cost.path),
            base=pairs.get(index),
            state="paired" if index in pairs else _unpaired(side, cost.path),
        )
        for index, cost in enumerate(priced.costs)
    ]


def _unpaired(side: Side | None, path: str) -> Any:
    return "none" if side is None else "unread" if side.unread(path) else "new"


def _diffs(judged: Sequence[Verdict], subjects: Sequence[Subject]) -> dict[str, ModelDiff]:
    """What changed of the models that something is found of."""
    wanted = {verdict.model for verdict in judged if verdict.status in ("fail", "warn")}
    return {
        subject.cost.path: diff(subject.base, subject.cost)
        for subject in subjects
        if subject.base and subject.cost.path in wanted
    }
