"""A budget and a verdict as plain values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from groupcalc.budget.limits import Limit
from groupcalc.budget.metrics import Metric
from groupcalc.costs.cost import GraphCost
from groupcalc.sources.targets import fits

_COLON = re.compile(r":\s")
"""Ends a selector that is not quoted."""

Level = Literal["off", "warn", "error"]
Status = Literal["pass", "fail", "warn", "skipped", "unknown"]
Rule = Literal["GC001", "GC002", "GC003", "GC004", "GC005"]
BaseState = Literal["paired", "new", "unread", "none"]

RULES: dict[Rule, tuple[str, str]] = {
    "GC001": ("absolute", "A figure is beyond an absolute limit."),
    "GC002": ("relative", "A figure has moved away from its base by more than is allowed."),
    "GC003": ("pre-existing", "The base is beyond the limit already, and it has not become worse."),
    "GC004": ("unmatched", "A budget names a model or a layer that there is not."),
    "GC005": ("uncounted", "Some nodes could not be counted, so the budget cannot be said to hold."),
}
"""What each rule is called, and what it finds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where a budget is written; line 0: somewhere in the file."""

    path: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """One metric of the models, or of the layers, that the globs select, and its limit.

    model     glob on the path of a model
    layer     glob on the names of its layers; "": the budget is about the whole model
    message   what its author wants to be read when it is broken
    location  where it is written; None for one of the command line
    """

    metric: Metric
    limit: Limit
    model: str = "*"
    layer: str = ""
    level: Level = "error"
    message: str = ""
    location: Location | None = None

    def __str__(self) -> str:
        """The budget as it could be written; `parse` reads it back."""
        return f"{self.selector}: {self.rule}" if self.selector else self.rule

    @property
    def rule(self) -> str:
        """`macs <= 4.1G`, without the selector."""
        return f"{self.metric} {self.limit}"

    @property
    def selector(self) -> str:
        """`MODEL_GLOB::LAYER_GLOB`, quoted where it has to be; "" for every model."""
        if self.model == "*" and not self.layer:
            return ""
        text = f"{self.model}::{self.layer}" if self.layer else self.model
        plain = text == text.strip() and not text.startswith('"') and not text.endswith(":") and not _COLON.search(text)
        return text if plain else '"' + text.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a budget on one model, or on one of its layers. All figures are integers, exact.

    model   path of the model; "" when the budget selects none
    layer   name of the layer; None for a budget about a whole model
    rule    what was looked at, or what was found
    actual  the figure; None when there is none
    limit   the last integer that satisfies; None when none does, or it is not known
    base    the figure in the base; None without one
    over    by how much the figure lies beyond the limit; 0 when it does not
    reason  why, where the figures do not tell; "" where they do
    """

    budget: Budget
    model: str
    status: Status
    rule: Rule
    layer: str | None = None
    actual: int | None = None
    limit: int | None = None
    base: int | None = None
    over: int = 0
    reason: str = ""

    @property
    def counts(self) -> bool:
        """It decides the exit status."""
        return self.budget.level == "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model as budgets see it.

    names  what a MODEL_GLOB may match, by the path relative to the configuration first
    given  the path as the command line sees it: a glob that is written there may mean it so
    base   the model that it is compared with
    state  what there is of a base: `paired` with one, `new` in it, `unread` (it holds one that cannot be read), or
           `none` (there is no base at all)
    """

    cost: GraphCost
    names: tuple[str, ...]
    given: str = ""
    base: GraphCost | None = None
    state: BaseState = "none"

    def fits(self, budget: Budget) -> bool:
        """The budget is about this model, or about layers of it."""
        names = self.names if budget.location else (*self.names, self.given)
        return any(fits(name, budget.model) for name in names if name)
