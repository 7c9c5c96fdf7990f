"""The view of `check`: what is broken, by how much, where its budget is written, and which layers did it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from groupcalc.budget import Verdict
from groupcalc.costs.cost import KEYS
from groupcalc.diff import ModelDiff
from groupcalc.errors import GroupcalcError
from groupcalc.report.document import Column, Finding, Report, Row, Share, Table
from groupcalc.report.views.changes import inputs_changed, largest, line_of
from groupcalc.report.views.figures import change, figure, percent
from groupcalc.report.views.lines import plural

WORDS = {"pass": "pass", "fail": "FAIL", "warn": "WARN", "skipped": "SKIP", "unknown": "UNKNOWN"}

COLUMNS = (
    Column(key="status", header="", show=lambda status: WORDS[status], align="left"),
    Column(key="model", header="model", align="left", elide=24),
    Column(key="budget", header="budget", align="left", elide=24),
    Column(key="figure", header="figure", align="left"),
    Column(key="verdict", header="verdict", align="left"),
    Column(key="location", header="written in", align="left"),
    Column(key="details", header="because", show="; ".join, align="left"),
)

RECORDS = (
    "model", "layer", "budget", "metric", "rule", "level", "status", "actual", "limit", "base", "over", "message",
)  # fmt: skip

TURN = {"<=": "over", "<": "over", ">=": "under", ">": "under", "==": "off"}

Diffs = Mapping[str, ModelDiff]
"""What changed of each model that has a base, by its path."""


def verdicts(
    found: Sequence[Verdict],
    *,
    diffs: Diffs,
    models: int,
    data: Any = None,
    failures: Sequence[tuple[str, GroupcalcError]] = (),
    every: bool = False,
) -> Report:
    """What became of the budgets: those that do not hold, or with `every` all of them, and how many there are.

    failures  the inputs that could not be read, and why
    """
    shown = [verdict for verdict in found if every or verdict.status != "pass"]
    rows = tuple(_row(verdict, diffs) for verdict in shown)
    table = Table(columns=COLUMNS, rows=rows, notes=(summary(found, models),), flow=True)
    return Report(
        tables=(table,),
        records=partial(_records, found, diffs),
        data=data,
        findings=(*(_finding(verdict, diffs) for verdict in found), *(_failure(*each) for each in failures)),
    )


def verdict_data(verdict: Verdict, diffs: Diffs) -> dict[str, Any]:
    """A verdict as data."""
    location = verdict.budget.location
    return {
        "model": verdict.model,
        "layer": verdict.layer,
        "budget": str(verdict.budget),
        "metric": str(verdict.budget.metric),
        "rule": verdict.rule,
        "level": verdict.budget.level,
        "status": verdict.status,
        "actual": verdict.actual,
        "limit": verdict.limit,
        "base": verdict.base,
        "over": verdict.over,
        "message": message(verdict, diffs),
        "location": {"path": location.path, "line": location.line or None} if location else None,
    }


def message(verdict: Verdict, diffs: Diffs) -> str:
    """The finding as one sentence for people, with what its author wants to be read."""
    head = ", ".join(text for text in (_figures(verdict), _said(verdict)) if text)
    why = (" ".join(line.split()) for line in _culprits(verdict, diffs))
    return "; ".join(text for text in (f"{verdict.budget.rule}: {head}", *why, _own(verdict)) if text)


def summary(found: Sequence[Verdict], models: int) -> str:
    """`3 models, 6 of 8 budgets hold · 1 failed · 1 warning`."""
    counts = Counter(verdict.status for verdict in found)
    said = (
        (counts["fail"], f"{counts['fail']} failed"),
        (counts["warn"], plural(counts["warn"], "warning")),
        (counts["unknown"], f"{counts['unknown']} cannot be said to hold"),
        (counts["skipped"], f"{counts['skipped']} skipped"),
    )
    hold = (
        f"{plural(models, 'model')}, {counts['pass']} of {plural(len(found), 'budget')} hold{'s' * (len(found) == 1)}"
    )
    return " · ".join((hold, *(text for count, text in said if count)))


def _row(verdict: Verdict, diffs: Diffs) -> Row:
    location = verdict.budget.location
    return (
        verdict.status,
        _place(verdict),
        verdict.budget.rule,
        _figures(verdict),
        _said(verdict),
        str(location) if location else "",
        tuple(_because(verdict, diffs)),
    )


def _place(verdict: Verdict) -> str:
    """The model, or `model::layer`, or the selector that selects nothing."""
    if not verdict.model:
        return verdict.budget.selector or verdict.budget.model
    return verdict.model if verdict.layer is None else f"{verdict.model}::{verdict.layer}"


def _figures(verdict: Verdict) -> str:
    unit = verdict.budget.metric.unit
    if verdict.actual is None:
        return ""
    return figure(verdict.actual, unit) if verdict.base is None else change(verdict.base, verdict.actual, unit)


def _said(verdict: Verdict) -> str:
    """`+5.1 %, 132 MMACs over`, or why it is neither kept nor broken."""
    if verdict.actual is None or verdict.rule not in ("GC001", "GC002") or verdict.status not in ("fail", "warn"):
        return f"{verdict.reason} ({verdict.rule})" if verdict.reason else ""
    over = f"{figure(verdict.over, verdict.budget.metric.unit)} {TURN[verdict.budget.limit.op]}"
    part = percent(verdict.actual - verdict.base, verdict.base) if verdict.base not in (None, verdict.actual) else ""
    return ", ".join(text for text in (part, over, verdict.reason) if text)


def _because(verdict: Verdict, diffs: Diffs) -> Iterator[str]:
    """The layers that moved the figure, and the author's own words, behind the first of them."""
    lines, own = _culprits(verdict, diffs), _own(verdict)
    if lines and own:
        lines[0] = f"{lines[0]}   {own}"
    yield from lines or ([own] if own else [])


def _own(verdict: Verdict) -> str:
    """What the author of the budget wants to be read when it does not hold."""
    return verdict.budget.message if verdict.status != "pass" else ""


def _culprits(verdict: Verdict, diffs: Diffs) -> list[str]:
    """The layers that moved the figure most into the wrong direction."""
    model = diffs.get(verdict.model)
    if model is None or verdict.actual is None or verdict.status not in ("fail", "warn"):
        return []
    metric = verdict.budget.metric
    if metric.key not in (*KEYS, "layers"):
        return []
    key, unit = (metric.key, metric.unit) if metric.key in KEYS else ("macs", "MACs")
    if verdict.layer is not None and not metric.over:
        return [line_of(layer, key, unit) for layer in model.changed if layer.name == verdict.layer][:1]
    return inputs_changed(model) + largest(model, key, unit, 1 if verdict.actual >= (verdict.limit or 0) else -1)


def _records(found: Sequence[Verdict], diffs: Diffs) -> Table:
    """Every verdict, under the keys of the JSON."""
    columns = (*(Column(key=key, header=key) for key in RECORDS), Column(key="path", header="path"))
    columns += (Column(key="line", header="line"),)
    rows = []
    for verdict in found:
        data = verdict_data(verdict, diffs)
        location = data["location"] or {}
        rows.append((*(data[key] for key in RECORDS), location.get("path"), location.get("line")))
    return Table(columns=columns, rows=tuple(rows))


def _finding(verdict: Verdict, diffs: Diffs) -> Finding:
    location = verdict.budget.location
    return Finding(
        status=verdict.status,
        rule=verdict.rule,
        model=_place(verdict),
        name=verdict.budget.rule,
        message=f"{_place(verdict)}: {message(verdict, diffs)}",
        path=location.path if location else verdict.model or ".",
        line=location.line if location else 0,
        key=f"{verdict.rule}\0{verdict.model}\0{verdict.layer or ''}\0{verdict.budget}",
        excess=Share(verdict.over, max(1, abs(verdict.limit or 0))),
    )


def _failure(path: str, error: GroupcalcError) -> Finding:
    return Finding(status="error", rule="", model=path, name="read", message=str(error), path=path, key=f"read\0{path}")
