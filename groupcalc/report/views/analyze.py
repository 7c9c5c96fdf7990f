"""The view of `analyze`: what a model costs, row by row, and what grouping saves of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from groupcalc.costs.cost import GraphCost, LayerCost
from groupcalc.report.document import Report, Table
from groupcalc.report.views.fields import DIVIDED, ESTIMATED, FIELDS, IF_DENSE, Field, chosen, heads, values
from groupcalc.report.views.lines import (
    CONVENTION,
    estimated,
    facts,
    grouped_among,
    grouping,
    memory,
    plural,
    selected,
    warnings,
)
from groupcalc.report.views.records import records
from groupcalc.report.views.select import Wish, arranged, items_of, keep, model_items, order, summed
from groupcalc.report.views.whatif import of_model, regrouped, totals_table, whatif_body, whatif_columns

if TYPE_CHECKING:  # who asks no what-if does not wait for it
    from groupcalc.whatif import WhatIf


def analysis(
    costs: Sequence[GraphCost],
    *,
    whatifs: Sequence[WhatIf] = (),
    data: Any = None,
    layer: Sequence[str] = (),
    op: Sequence[str] = (),
    sort: str | None = None,
    top: int | None = 0,
    by: str = "layer",
    columns: Sequence[str] | None = None,
    raw: bool = False,
    machine: str = "",
) -> Report:
    """What the models cost: a table each, one beside the other at the end, and every row as a record.

    machine  what the estimates beside the rows were made for
    With `whatifs` the tables show the convolutions at each of those group counts beside the present one.
    """
    wish = Wish(layer=layer, op=op, sort=sort, top=top, by=by, columns=columns, raw=raw)
    if by == "model":
        tables = [replace(_models(costs, wish), warnings=tuple(_all_warnings(costs)))]
    else:
        tables = [_model(cost, wish, of_model(cost, whatifs), machine) for cost in costs]
        if len(costs) > 1:
            tables.append(_models(costs, Wish(by="model", raw=raw)))
    if whatifs and by != "layer":
        tables.append(totals_table(costs, whatifs, raw))
    return Report(tables=tuple(tables), records=partial(records, costs, whatifs, wish), data=data, notes=(CONVENTION,))


def _model(cost: GraphCost, wish: Wish, whatifs: Sequence[WhatIf], machine: str) -> Table:
    rows = wish.rows(cost)
    body = _regrouped(cost, rows, whatifs, wish) if whatifs and wish.by == "layer" else _costs(cost, rows, wish)
    return replace(
        body,
        name=cost.path,
        facts=facts(cost, wish.raw),
        notes=(*body.notes, memory(cost, wish.raw), *grouping(cost, wish.raw), *estimated(cost, machine)),
        warnings=(*selected(rows, cost), *warnings(cost)),
    )


def _regrouped(cost: GraphCost, rows: Sequence[LayerCost], whatifs: Sequence[WhatIf], wish: Wish) -> Table:
    """The selected convolutions at the group counts that they allow."""
    able = {id(cost.layers[index]) for whatif in whatifs for index in regrouped(cost, whatif)}
    items = items_of(cost, [row for row in rows if id(row) in able])
    kept = keep(order(items, wish.kind, wish.sort), wish.top, wish.sort)
    return whatif_body(cost, whatifs, kept, whatif_columns(chosen(wish.kind, wish.columns)), wish.raw)


def _costs(cost: GraphCost, rows: Sequence[LayerCost], wish: Wish) -> Table:
    """The rows of one model, the folded tail, and what they add up to."""
    items = order(arranged(cost, rows, wish.by), wish.kind, wish.sort)
    shown, folded = keep(items, wish.top, wish.sort)
    closing = [summed(f"… {len(folded)} more (--top 0: all)", [item.row for item in folded])] if folded else []
    if len(rows) < len(cost.layers):
        closing.append(summed("shown", rows))
    closing.append(summed("total", cost.layers, totals=cost.totals))
    if wish.by == "op":  # the first column is the operator
        closing = [summed(row.name, [row], op=row.name) for row in closing]
    fields = chosen(wish.kind, wish.columns) or _telling(wish.kind.shown, rows)
    return Table(
        columns=heads(fields, wish.raw),
        rows=values(fields, shown),
        closing=values(fields, items_of(cost, closing)),
        notes=tuple(grouped_among([item.row for item in folded], wish.sort)),
    )


def _telling(fields: Sequence[Field], rows: Sequence[LayerCost]) -> tuple[Field, ...]:
    """The columns about grouping only stand where some row is grouped, those about time where rows are layers."""
    timed = FIELDS["name"] in fields and any(row.estimate for row in rows)
    shown = [*fields, *(ESTIMATED if timed else ())]
    if any(row.groups > 1 for row in rows):
        return tuple(shown)
    return tuple(field for field in shown if field not in (IF_DENSE, DIVIDED))


def _models(costs: Sequence[GraphCost], wish: Wish) -> Table:
    """One row a model; with a filter, of what it selects."""
    items = order(model_items(costs, wish), wish.kind, wish.sort)
    every = [row for cost in costs for row in cost.layers]
    fields = chosen(wish.kind, wish.columns) or _telling(wish.kind.shown, every)
    return Table(
        name=plural(len(costs), "model"),
        columns=heads(fields, wish.raw),
        rows=values(fields, items),
        notes=("Figures of the layers that fit --layer and --op.",) if wish.layer or wish.op else (),
    )


def _all_warnings(costs: Sequence[GraphCost]) -> Iterator[str]:
    """What each model would say below its own table."""
    for cost in costs:
        yield from (f"{cost.path}: {line}" for line in warnings(cost))
