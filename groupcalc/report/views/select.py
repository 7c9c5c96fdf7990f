"""Which rows are shown, and in which order: filters, sorting, the largest N."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from groupcalc.costs.cost import Cost, GraphCost, LayerCost
from groupcalc.report.document import Share
from groupcalc.report.views.fields import FIELDS, KINDS, Item, Kind, known


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the reader asked for.

    layer, op  globs that select rows; totals stay those of the model
    sort       key of the order; None: node order
    top        so many rows for people, the rest folded; 0 or None: all
    by         what a row stands for: layer, op or model
    columns    keys of the columns, exactly these; None: what fits
    raw        whole integers in place of units
    """

    layer: Sequence[str] = ()
    op: Sequence[str] = ()
    sort: str | None = None
    top: int | None = 0
    by: str = "layer"
    columns: Sequence[str] | None = None
    raw: bool = False

    @property
    def kind(self) -> Kind:
        return KINDS[self.by]

    def rows(self, cost: GraphCost) -> tuple[LayerCost, ...]:
        return select_rows(cost.layers, self.layer, self.op)


def select_rows(rows: Sequence[LayerCost], layer: Sequence[str] = (), op: Sequence[str] = ()) -> tuple[LayerCost, ...]:
    """The rows whose name fits one of the `layer` globs and whose operator fits one of the `op` globs.

    No globs select everything. `*` crosses "/" and "."; upper and lower case differ, as in ONNX.
    """
    if not layer and not op:
        return tuple(rows)
    return tuple(row for row in rows if _fits(row.name, layer) and _fits(row.op, op))


def _fits(text: str, globs: Sequence[str]) -> bool:
    return not globs or any(fnmatchcase(text, glob) for glob in globs)


def order(items: Sequence[Item], kind: Kind, sort: str | None) -> list[Item]:
    """The items sorted by a key: numbers descending, names ascending, blanks last; without a key as they come."""
    if sort is None:
        return list(items)
    get = FIELDS[known(sort, kind, "--sort")].get
    keyed = [(_sortable(get(item)), item) for item in items]
    blanks = [item for value, item in keyed if value is None]
    filled = [(value, item) for value, item in keyed if value is not None]
    descending = bool(filled) and isinstance(filled[0][0], int | float)
    filled.sort(key=lambda pair: pair[0], reverse=descending)  # stable both ways: equal ones stay in node order
    return [item for _, item in filled] + blanks


def _sortable(value: Any) -> Any:
    """Shares of one model sort as their parts do: both are integers, and the whole is the same."""
    return value.part if isinstance(value, Share) else value


def items_of(cost: GraphCost, rows: Sequence[LayerCost]) -> list[Item]:
    """The rows, each with its model."""
    return [Item(row, cost) for row in rows]


def arranged(cost: GraphCost, rows: Sequence[LayerCost], by: str) -> list[Item]:
    """The rows, or by operator one for each, in the order in which they first come."""
    if by != "op":
        return items_of(cost, rows)
    groups: dict[str, list[LayerCost]] = {}
    for row in rows:
        groups.setdefault(row.op, []).append(row)
    return items_of(cost, [summed(op, group, op=op) for op, group in groups.items()])


def model_items(costs: Sequence[GraphCost], wish: Wish) -> list[Item]:
    """One row a model; with a filter, of what it selects."""
    filtered = bool(wish.layer or wish.op)
    return [Item(summed(cost.path, wish.rows(cost), totals=None if filtered else cost.totals), cost) for cost in costs]


class Kept(NamedTuple):
    """What is shown of many rows, and what is folded."""

    shown: list[Item]
    folded: list[Item]


def keep(items: list[Item], top: int | None, sort: str | None) -> Kept:
    """The first `top` of sorted items; of unsorted ones the largest, left in their order. 0 or None keeps all."""
    if not top or len(items) <= top:
        return Kept(items, [])
    if sort is not None:
        return Kept(items[:top], items[top:])
    ranked = sorted(range(len(items)), key=lambda index: _size(items[index].row), reverse=True)
    largest = set(ranked[:top])
    return Kept(
        [item for index, item in enumerate(items) if index in largest],
        [item for index, item in enumerate(items) if index not in largest],
    )


def _size(row: LayerCost) -> tuple[int, int]:
    return row.cost.macs, row.cost.flops


def summed(name: str, rows: Sequence[LayerCost], op: str = "", totals: Cost | None = None) -> LayerCost:
    """One row that stands for many; `totals`, when they are known already."""
    return LayerCost(
        name=name,
        op=op,
        groups=1,
        inputs=(),
        outputs=(),
        cost=Cost.total(row.cost for row in rows) if totals is None else totals,
        repeat=sum(row.repeat for row in rows),
    )
