"""From budgets and costs to verdicts: whether each holds, is broken, or cannot be said to hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

from groupcalc.budget.limits import Limit
from groupcalc.budget.values import Budget, Rule, Status, Verdict
from groupcalc.costs.cost import GraphCost, LayerCost
from groupcalc.costs.pairing import pair_rows
from groupcalc.sources.targets import fits

NO_BASE = "there is no base: add --base FILE, DIR or git:REV"

BaseState = Literal["paired", "new", "unread", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model as budgets see it.

    names  what a MODEL_GLOB may match
    base   the model that it is compared with
    state  what there is of a base: `paired` with one, `new` in it, `unread` (it holds one that cannot be read), or
           `none` (there is no base at all)
    """

    cost: GraphCost
    names: tuple[str, ...]
    base: GraphCost | None = None
    state: BaseState = "none"

    def fits(self, budget: Budget) -> bool:
        """The budget is about this model, or about layers of it."""
        return any(fits(name, budget.model) for name in self.names)


def check(
    budgets: Sequence[Budget], subjects: Sequence[Subject], *, strict: bool = False, all_given: bool = True
) -> list[Verdict]:
    """The verdicts, in the order of the budgets, and of the models for each.

    strict     what the base broke already is broken
    all_given  the subjects are all models there are: a budget that selects none of them selects nothing
    """
    judges = [_Judge(subject, budgets, strict) for subject in subjects]
    return [verdict for budget in budgets for verdict in _verdicts(budget, judges, all_given)]


def exit_status(verdicts: Sequence[Verdict]) -> int:
    """0: all hold, 1: one at level `error` is broken, 2: of one at that level it cannot be said."""
    found = {verdict.status for verdict in verdicts if verdict.counts}
    return 2 if "unknown" in found else 1 if "fail" in found else 0


def _verdicts(budget: Budget, judges: Sequence[_Judge], all_given: bool) -> Iterator[Verdict]:
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
        budget=budget, model="", layer=budget.layer or None, status=status, rule=rule or _rule(budget), reason=reason
    )


def _rule(budget: Budget) -> Rule:
    return "GC002" if budget.limit.relative else "GC001"


class _Judge:
    """Gives the verdicts on one model."""

    def __init__(self, subject: Subject, budgets: Sequence[Budget], strict: bool) -> None:
        self.subject = subject
        self.strict = strict
        self.paired: dict[int, LayerCost | None] | None = None  # made for the first budget on layers
        self.partial = self._not_allowed(subject.cost, budgets)
        self.base_partial = subject.base is not None and self._not_allowed(subject.base, budgets)

    def _not_allowed(self, cost: GraphCost, budgets: Sequence[Budget]) -> bool:
        """It has nodes that are not counted, and no budget `uncounted <= N` that allows so many."""
        allowing = (b for b in budgets if b.metric.key == "uncounted" and b.level != "off" and self.subject.fits(b))
        count = len(cost.uncounted)
        return count > 0 and not any(
            budget.limit.op in ("<=", "<", "==") and budget.limit.holds(count, self._uncounted_in_base())
            for budget in allowing
        )

    def _uncounted_in_base(self) -> int | None:
        return None if self.subject.base is None else len(self.subject.base.uncounted)

    def verdicts(self, budget: Budget) -> Iterator[Verdict]:
        """One on the model or on its selected layers together, or one on each of these; none when none is selected."""
        cost, base = self.subject.cost, self.subject.base
        metric = budget.metric
        if not budget.layer:
            yield self._verdict(budget, None, metric.of_model(cost), None if base is None else metric.of_model(base))
            return
        rows = [row for row in cost.layers if fnmatchcase(row.name, budget.layer)]
        pairs = self._pairs()
        if metric.over and rows:
            old = [row for row in base.layers if fnmatchcase(row.name, budget.layer)] if base else []
            yield self._verdict(budget, budget.layer, metric.of_rows(rows), metric.of_rows(old) if old else None)
        elif not metric.over:
            for row in rows:
                before = pairs[id(row)]
                old_figure = None if before is None else metric.of_rows([before])
                yield self._verdict(budget, row.name, metric.of_rows([row]), old_figure)

    def _pairs(self) -> dict[int, LayerCost | None]:
        if self.paired is None:
            old = self.subject.base.layers if self.subject.base else ()
            pairs = pair_rows(old, self.subject.cost.layers)
            self.paired = {id(pair.new): pair.base for pair in pairs if pair.new is not None}
        return self.paired

    def _verdict(self, budget: Budget, layer: str | None, actual: int, base: int | None) -> Verdict:
        limit: Limit | None = budget.limit
        blank = Verdict(
            budget=budget, model=self.subject.cost.path, layer=layer, status="pass", rule=_rule(budget), actual=actual,
            base=base,
        )  # fmt: skip
        if self.subject.state == "new" or (self.subject.state == "paired" and base is None):
            limit = budget.limit.only(relative=False)
            if limit is None:
                where = "it" if layer is None else "the layer"
                return replace(blank, status="skipped", reason=f"new: {where} is not in the base")
        assert limit is not None
        exact = budget.metric.key == "uncounted"
        known = base if exact or not self.base_partial else None
        holds = limit.holds(actual, known)
        if self.partial and not exact:
            holds = _said_of_a_part(limit, actual, known, holds)
        judged = replace(blank, limit=limit.last(known))
        if holds is None:
            return self._unsaid(judged, exact)
        if holds:
            return judged
        judged = replace(judged, over=_over(limit, actual, judged.limit))
        broken: Status = "fail" if budget.level == "error" else "warn"
        if (exact or not self.partial) and _pre_existing(limit, actual, known):
            status = broken if self.strict else "warn"
            return replace(judged, status=status, rule="GC003", reason=_not_worsened(judged))
        return replace(judged, status=broken, reason=_uncounted(self.subject.cost) if exact and self.partial else "")

    def _unsaid(self, judged: Verdict, exact: bool) -> Verdict:
        """Why a budget cannot be said to hold."""
        if self.partial and not exact:
            reason = f"{_uncounted(self.subject.cost)}: allow them with 'uncounted <= N'"
            return replace(judged, status="unknown", rule="GC005", reason=reason)
        if self.base_partial and not exact:
            assert self.subject.base is not None
            reason = f"in the base {_uncounted(self.subject.base)}"
            return replace(judged, status="unknown", rule="GC005", limit=None, reason=reason)
        reason = "its base cannot be read" if self.subject.state == "unread" else NO_BASE
        return replace(judged, status="unknown", limit=None, reason=reason)


def _pre_existing(limit: Limit, actual: int, base: int | None) -> bool:
    """Its absolute terms are all that is broken, and it has not become worse: the base broke them already."""
    absolute, relative = limit.only(relative=False), limit.only(relative=True)
    if base is None or absolute is None:
        return False
    if relative is not None and not relative.holds(actual, base):
        return False
    value = absolute.value(None)
    if limit.op == "==" and value is not None:
        return abs(actual - value) <= abs(base - value)
    return actual <= base if limit.op in ("<=", "<") else actual >= base


def _said_of_a_part(limit: Limit, actual: int, base: int | None, holds: bool | None) -> bool | None:
    """What the counted part says of the whole, which is as much or more: it breaks an upper limit for certain, and
    keeps a lower one."""
    if limit.op in ("<=", "<"):
        return False if holds is False else None
    if limit.op in (">=", ">"):
        return True if holds else None
    value = limit.value(base)
    return False if holds is False and value is not None and actual > value else None


def _over(limit: Limit, actual: int, last: int | None) -> int:
    return 0 if last is None else abs(actual - last)


def _not_worsened(verdict: Verdict) -> str:
    return "pre-existing, not worsened" if verdict.actual == verdict.base else "pre-existing, and better than it was"


def _uncounted(cost: GraphCost) -> str:
    """`2 nodes are not counted, the first n7 (com.acme::Foo)`."""
    count, first = len(cost.uncounted), cost.uncounted[0]
    which = f"{first.name} ({first.op})" if first.name else first.op
    return f"1 node is not counted, {which}" if count == 1 else f"{count} nodes are not counted, the first {which}"
