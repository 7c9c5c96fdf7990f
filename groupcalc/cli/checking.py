"""What `groupcalc check` does: price the models and their bases, judge, report, and say the exit status."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from groupcalc.budget import Budget, Subject, Verdict, check, exit_status, parse
from groupcalc.budget.values import BaseState
from groupcalc.cli.actions import announce, from_checkout
from groupcalc.cli.analyze import uncounted
from groupcalc.cli.options import Color
from groupcalc.cli.output import Sink
from groupcalc.cli.pricing import How, price_all
from groupcalc.cli.results import FOR_PEOPLE, emit, failure_data
from groupcalc.cli.screen import note
from groupcalc.cli.sides import Key, Side, key_of, load_side
from groupcalc.costs.cost import GraphCost
from groupcalc.costs.pairing import pair_models
from groupcalc.costs.snapshot import header, model_data
from groupcalc.diff import ModelDiff, diff
from groupcalc.errors import GroupcalcError, UsageError
from groupcalc.report.document import Report
from groupcalc.report.views.check import verdict_data, verdicts
from groupcalc.sources.targets import COMMAND_LINE, Failure, expand


def judge(
    inputs: Sequence[str],
    flags: Sequence[str],
    base: str,
    how: How,
    sinks: Sequence[Sink],
    *,
    strict: bool,
    color: Color,
) -> int:
    """Judge the models by the budgets of the configuration and of the flags; the exit status."""
    budgets = [*how.config.budgets, *map(_flag, flags)]
    if not budgets:
        if missing := _missing(inputs):  # budgets would not help: this is to be mended first
            for error in missing:
                note(str(error))
            return 2
        way_out = "add --budget 'macs <= 4.1G', or let groupcalc init write a configuration"
        raise UsageError("there is no budget", way_out, how.command)
    priced = Side.of(price_all(inputs, how))
    against = base or how.config.located(how.config.base)
    priced.folder = inputs[0] if len(inputs) == 1 and os.path.isdir(inputs[0]) else ""
    side = load_side(against, how, priced) if against and priced.costs else None
    folders = [each for each in (priced.folder, side.folder) if each] if side and side.folder else []
    subjects = _subjects(priced, side, how, key_of(how, *folders))
    strict = strict or how.config.strict
    judged = check(budgets, subjects, strict=strict, all_given=not inputs and not priced.failures)
    failures = [*priced.failures, *(Failure(path=each.path or against, error=each.error) for each in _failures(side))]
    problems = [each.error for each in failures] + (_unsaid(priced.costs, judged) if strict else [])
    report = from_checkout(_report(priced, subjects, judged, failures, every=how.verbose))
    for sink in sinks:
        if priced.costs or sink.format not in FOR_PEOPLE:
            emit(report, sink, color, problems)
    announce(report, {sink.format for sink in sinks})
    for problem in problems:
        note(str(problem))
    return 2 if problems else exit_status(judged)


def _missing(inputs: Sequence[str]) -> list[GroupcalcError]:
    """What is wrong with the inputs by their names alone."""
    named = [text for text in inputs if text != "-"]  # a pipe is not read for that
    return [failure.error for failure in expand(named)[1]] if named else []


def _flag(text: str) -> Budget:
    try:
        return parse(text)
    except GroupcalcError as error:
        raise error.within("--budget") from error.__cause__


def _failures(side: Side | None) -> Sequence[Failure]:
    return side.failures if side else ()


def _subjects(priced: Side, side: Side | None, how: How, key: Key) -> list[Subject]:
    """The models with their bases, which pair by a key."""
    pairs: dict[int, GraphCost] = {}
    if side and side.single and len(side.costs) == len(priced.costs) == 1:
        pairs = {0: side.costs[0]}
    elif side:
        pairs = pair_models(side.costs, priced.costs, key)
    return [
        Subject(
            cost=cost,
            names=_names(cost, how),
            given=Path(os.path.normpath(cost.path)).as_posix(),
            base=pairs.get(index),
            state="paired" if index in pairs else _unpaired(side, cost.path, key),
        )
        for index, cost in enumerate(priced.costs)
    ]


def _unpaired(side: Side | None, path: str, key: Key) -> BaseState:
    return "none" if side is None else "unread" if side.unread(path, key) else "new"


def _names(cost: GraphCost, how: How) -> tuple[str, ...]:
    """What a selector may call a model: by its path, or a single layer line by its name."""
    if cost.path == COMMAND_LINE and len(cost.layers) == 1:
        return COMMAND_LINE, cost.layers[0].name
    return (how.config.relative(cost.path),)


def _unsaid(costs: Sequence[GraphCost], judged: Sequence[Verdict]) -> list[GroupcalcError]:
    """What --strict says of models with uncounted nodes that no budget allows."""
    allowed = {each.model for each in judged if each.budget.metric.key == "uncounted" and each.status == "pass"}
    return [uncounted(cost) for cost in costs if cost.uncounted and cost.path not in allowed]


def _report(
    priced: Side, subjects: Sequence[Subject], judged: Sequence[Verdict], failures: Sequence[Failure], every: bool
) -> Report:
    diffs = _diffs(judged, subjects)
    data: dict[str, Any] = {
        **header(),
        "models": [model_data(cost) for cost in priced.costs],
        "checks": [verdict_data(each, diffs) for each in judged],
        "errors": failure_data(failures),
    }
    unread = [(failure.path, failure.error) for failure in failures]
    return verdicts(judged, diffs=diffs, models=len(subjects), data=data, failures=unread, every=every)


def _diffs(judged: Sequence[Verdict], subjects: Sequence[Subject]) -> dict[str, ModelDiff]:
    """What changed of the models that something is found of."""
    wanted = {verdict.model for verdict in judged if verdict.status in ("fail", "warn")}
    return {
        subject.cost.path: diff(subject.base, subject.cost)
        for subject in subjects
        if subject.base and subject.cost.path in wanted
    }
