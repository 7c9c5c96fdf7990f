"""The records of an analysis: what CSV writes, every selected row under its keys and nothing folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from groupcalc.costs.cost import GraphCost
from groupcalc.report.document import Column, Table
from groupcalc.report.views.fields import FIELDS, Field, Item, heads, known, values
from groupcalc.report.views.select import Wish, arranged, model_items, order
from groupcalc.report.views.whatif import as_cost, of_model

if TYPE_CHECKING:  # who asks no what-if does not wait for it
    from groupcalc.whatif import WhatIf

WHATIF = Column(key="whatif", header="what if")
"""Leads the records when there are what-ifs: the group count, blank for the model as it is. The rows of each
value add up to the totals of the model at that group count."""


def records(costs: Sequence[GraphCost], whatifs: Sequence[WhatIf], wish: Wish) -> Table:
    """The rows of the models one after the other, the path leading unless columns are asked for by name."""
    fields = _fields(wish)
    rows = values(fields, _items(costs, wish))
    if not whatifs:
        return Table(columns=heads(fields), rows=rows)
    rows = tuple((None, *row) for row in rows)
    for groups in sorted({whatif.groups for whatif in whatifs}):
        at = [whatif for whatif in whatifs if whatif.groups == groups]
        models = [as_cost(cost, whatif) for cost in costs for whatif in of_model(cost, at)]
        rows += tuple((groups, *row) for row in values(fields, _items(models, wish)))
    return Table(columns=(WHATIF, *heads(fields)), rows=rows)


def _fields(wish: Wish) -> list[Field]:
    if wish.columns:
        return [FIELDS[known(key, wish.kind, "--columns")] for key in wish.columns]
    leading = () if wish.by == "model" else ("model",)
    return [FIELDS[key] for key in (*leading, *wish.kind.keys)]


def _items(costs: Sequence[GraphCost], wish: Wish) -> Iterator[Item]:
    if wish.by == "model":
        yield from order(model_items(costs, wish), wish.kind, wish.sort)
        return
    for cost in costs:
        yield from order(arranged(cost, wish.rows(cost), wish.by), wish.kind, wish.sort)
