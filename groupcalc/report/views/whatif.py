"""The what-if view: every convolution at other group counts beside the present one, and what the model comes to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from groupcalc.costs.cost import GraphCost, LayerCost
from groupcalc.report.document import Column, Row, Table
from groupcalc.report.views.describe import describe
from groupcalc.report.views.fields import FIELDS, Field, Item, heads, values
from groupcalc.report.views.lines import few, plural
from groupcalc.report.views.select import Kept, summed

if TYPE_CHECKING:  # who asks no what-if does not wait for it
    from groupcalc.whatif import WhatIf

AS_IS = 0
"""The group count of a total of the model as it is: its layers differ."""

NOW = Column(key="present", header="", show=lambda present: "◂ now" if present else "", align="left")


def _once(field: Field) -> Field:
    return replace(field, column=replace(field.column, once=True))


LAYER = _once(FIELDS["name"])
GEOMETRY = _once(
    Field(
        column=replace(FIELDS["op"].column, priority=3),  # on 80 columns the figures need its room
        get=lambda item: describe(item.row, groups=False),
    )
)
GROUPS = Field(
    column=Column(key="groups", header="G", show=lambda groups: "–" if groups == AS_IS else str(groups)),
    get=lambda item: item.row.groups,
)
FIGURES = tuple(
    replace(FIELDS[key], column=replace(FIELDS[key].column, priority=0))  # side by side is what the table is for
    for key in ("params", "macs", "bytes", "arithmetic_intensity")
)
SHOWN = (LAYER, GEOMETRY, GROUPS, *FIGURES)
BY_KEY = {"name": LAYER, "op": GEOMETRY, "groups": GROUPS}


def of_model(cost: GraphCost, whatifs: Sequence[WhatIf]) -> list[WhatIf]:
    """The what-ifs of one model among those of many."""
    return [whatif for whatif in whatifs if whatif.model == cost.path]


def regrouped(cost: GraphCost, whatif: WhatIf) -> dict[int, LayerCost]:
    """Index of a row -> the same row at the group count.

    Rows are paired in order by name, operator and shapes; rows equal in all of these have the same channels, so
    either all of them divide or none: nameless nodes pair as well.
    """
    waiting = iter(whatif.layers)
    found: dict[int, LayerCost] = {}
    row = next(waiting, None)
    for index, present in enumerate(cost.layers):
        if row is not None and _identity(row) == _identity(present):
            found[index] = row
            row = next(waiting, None)
    return found


def _identity(row: LayerCost) -> tuple[object, ...]:
    return row.name, row.op, row.inputs, row.outputs


def as_cost(cost: GraphCost, whatif: WhatIf) -> GraphCost:
    """The model as it would be: the regrouped rows in the place of the present ones."""
    found = regrouped(cost, whatif)
    return replace(
        cost,
        layers=tuple(found.get(index, row) for index, row in enumerate(cost.layers)),
        totals=whatif.totals,
        peak_activation_bytes=whatif.peak_activation_bytes,
    )


def whatif_columns(fields: Sequence[Field] | None) -> tuple[Field, ...]:
    """The fields of the table: those asked for, in the form that they have here."""
    if fields is None:
        return SHOWN
    return tuple(
        replace(here, column=replace(here.column, priority=0)) if (here := BY_KEY.get(field.column.key)) else field
        for field in fields
    )


def whatif_body(cost: GraphCost, whatifs: Sequence[WhatIf], kept: Kept, fields: Sequence[Field], raw: bool) -> Table:
    """The rows of the kept layers at every group count; totals of the model at each below the line."""
    at = [regrouped(cost, whatif) for whatif in whatifs]
    counts = {id(row): [found[index] for found in at if index in found] for index, row in enumerate(cost.layers)}
    rows = [line for item in kept.shown for line in _lines(item, counts[id(item.row)], fields)]
    hidden = len(kept.folded)
    return Table(
        columns=(*heads(fields, raw), NOW),
        rows=tuple(rows),
        closing=tuple(_totals(cost, whatifs, fields)),
        notes=(
            *((f"… {plural(hidden, 'more layer')} (--top 0: all)",) if hidden else ()),
            *_skips(whatifs),
        ),
    )


def _lines(item: Item, others: Iterable[LayerCost], fields: Sequence[Field]) -> Iterator[Row]:
    """One layer at every group count, the present one marked."""
    rows = {row.groups: row for row in others} | {item.row.groups: item.row}
    for groups in sorted(rows):
        yield _line(Item(rows[groups], item.model), fields, present=groups == item.row.groups)


def _line(item: Item, fields: Sequence[Field], present: bool) -> Row:
    [row] = values(fields, [item])
    return (*row, present)


def _totals(cost: GraphCost, whatifs: Sequence[WhatIf], fields: Sequence[Field]) -> Iterator[Row]:
    for whatif in whatifs:
        yield _line(_total(as_cost(cost, whatif), whatif.groups), fields, present=False)
    yield _line(_total(cost, AS_IS), fields, present=True)


def _total(cost: GraphCost, groups: int) -> Item:
    return Item(replace(summed("total", cost.layers, totals=cost.totals), groups=groups), cost)


def _skips(whatifs: Sequence[WhatIf]) -> Iterator[str]:
    """Which layers stay as they are, once for all group counts that leave the same ones."""
    together: dict[tuple[str, ...], list[WhatIf]] = {}
    for whatif in whatifs:
        together.setdefault(tuple(skip.name for skip in whatif.skipped), []).append(whatif)
    for names, alike in together.items():
        if names:
            reasons = [f"{skip.name} ({skip.reason})" for skip in alike[0].skipped]
            counts = ", ".join(str(whatif.groups) for whatif in alike)
            yield f"G={counts}: {plural(len(names), 'layer')} left as is: {', '.join(few(reasons, 3))}"


def totals_table(costs: Sequence[GraphCost], whatifs: Sequence[WhatIf], raw: bool) -> Table:
    """The models alone at each group count."""
    fields = (_once(FIELDS["model"]), GROUPS, *FIGURES)
    rows = [row for cost in costs for row in _totals(cost, of_model(cost, whatifs), fields)]
    return Table(name="Regrouped", columns=(*heads(fields, raw), NOW), rows=tuple(rows))
