"""The verdict of a budget on one model: it holds, it is broken, or it cannot be said to hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from groupcalc.budget.limits import Limit
from groupcalc.budget.values import Budget, Rule, Status, Subject, Verdict
from groupcalc.costs.cost import GraphCost, LayerCost
from groupcalc.costs.pairing import pair_rows

NO_BASE = "there is no base: add --base FILE, DIR or git:REV"


def rule_of(budget: Budget) -> Rule:
    """The rule that a budget is judged by."""
    return "GC002" if budget.limit.relative else "GC001"


class Judge:
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
        blank = Verdict(
            budget=budget, model=self.subject.cost.path, layer=layer, status="pass", rule=rule_of(budget),
            actual=actual, base=base,
        )  # fmt: skip
        limit: Limit | None = budget.limit
        if self.subject.state == "new" or (self.subject.state == "paired" and base is None):
            limit = budget.limit.only(relative=False)
        if limit is None:
            where = "it" if layer is None else "the layer"
            return replace(blank, status="skipped", reason=f"new: {where} is not in the base")
        exact = budget.metric.key == "uncounted"
        known = base if exact or not self.base_partial else None
        holds = limit.holds(actual, known)
        if self.partial and not exact:
            holds = _said_of_a_part(limit, actual, known, holds)
        judged = replace(blank, limit=limit.last(known))
        if holds is None:
            return self._unsaid(judged, exact)
        return judged if holds else self._broken(judged, limit, actual, known)

    def _broken(self, judged: Verdict, limit: Limit, actual: int, base: int | None) -> Verdict:
        """By how much it is broken, and whether the base was no better."""
        exact = judged.budget.metric.key == "uncounted"
        judged = replace(judged, over=0 if judged.limit is None else abs(actual - judged.limit))
        status: Status = "fail" if judged.budget.level == "error" else "warn"
        if (exact or not self.partial) and _pre_existing(limit, actual, base):
            reason = "pre-existing, not worsened" if actual == base else "pre-existing, and better than it was"
            return replace(judged, status=status if self.strict else "warn", rule="GC003", reason=reason)
        return replace(judged, status=status, reason=_uncounted(self.subject.cost) if exact and self.partial else "")

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


def _uncounted(cost: GraphCost) -> str:
    """`2 nodes are not counted, the first n7 (com.acme::Foo)`."""
    count, first = len(cost.uncounted), cost.uncounted[0]
    which = f"{first.name} ({first.op})" if first.name else first.op
    return f"1 node is not counted, {which}" if count == 1 else f"{count} nodes are not counted, the first {which}"
