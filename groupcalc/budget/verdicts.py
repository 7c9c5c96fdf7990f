"""From budgets and models to verdicts, and from these to the exit status."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from groupcalc.budget.judge import Judge, rule_of
from groupcalc.budget.values import Budget, Rule, Status, Subject, Verdict


def check(
    budgets: Sequence[Budget], subjects: Sequence[Subject], *, strict: bool = False, all_given: bool = True
) -> list[Verdict]:
    """The verdicts, in the order of the budgets, and of the models for each.

    strict     what the base broke already is broken
    all_given  the subjects are all models there are: a budget that selects none of them selects nothing
    """
    judges = [Judge(subject, budgets, strict) for subject in subjects]
    return [verdict for budget in budgets for verdict in _verdicts(budget, judges, all_given)]


def exit_status(verdicts: Sequence[Verdict]) -> int:
    """0: all hold, 1: one at level `error` is broken, 2: of one at that level it cannot be said."""
    found = {verdict.status for verdict in verdicts if verdict.counts}
    return 2 if "unknown" in found else 1 if "fail" in found else 0


def _verdicts(budget: Budget, judges: Sequence[Judge], all_given: bool) -> Iterator[Verdict]:
    if budget.level == "off":
        yield _unjudged(budget, "skipped", "its level is off")
        return
    fitting = [judge for judge in judges if judge.subject.fits(budget)]
    found = [verdict for judge in fitting for verdict in judge.verdicts(budget)]
    yield from found
    if found:
        return
    # Of a single model that is named in full, all layers are there, given or not.
    if all_given or (fitting and (budget.location is None or not set("*?[") & set(budget.model))):
        what = f"layer fits '{budget.layer}'" if fitting else f"model fits '{budget.model}'"
        yield _unjudged(budget, "fail" if budget.level == "error" else "warn", f"no {what}", "GC004")
    else:
        yield _unjudged(budget, "skipped", "none of the models given is its")


def _unjudged(budget: Budget, status: Status, reason: str, rule: Rule | None = None) -> Verdict:
    return Verdict(
        budget=budget, model="", layer=budget.layer or None, status=status, rule=rule or rule_of(budget), reason=reason
    )
