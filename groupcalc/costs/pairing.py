"""Which row of one costing is which of another, and which model is which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import NamedTuple

from groupcalc.costs.cost import GraphCost, LayerCost

Key = Callable[[LayerCost], Hashable]


class RowPair(NamedTuple):
    """A row of the base and its counterpart; None where there is none."""

    base: LayerCost | None
    new: LayerCost | None


def pair_rows(base: Sequence[LayerCost], new: Sequence[LayerCost]) -> list[RowPair]:
    """Every row of both, once: in the order of the new rows, those that are gone behind all of them.

    Rows are paired by name and operator, then, for exporters rename, by operator and shapes in their order, then by
    operator alone between two rows that are paired already, where there are as many of it on both sides. What is left
    is paired by name: the operator itself has changed. Names that only number the nodes (`Conv_12`) come after the
    shapes: one node more, and they are those of others.
    """
    pairs = _Pairs(base, new)
    numbered = _numbered(base) or _numbered(new)
    if not numbered:
        pairs.by(_name_and_op)
    pairs.by(lambda row: (row.op, row.inputs, row.outputs, row.groups, row.cost))
    pairs.by(lambda row: (row.op, row.inputs, row.outputs))
    if numbered:
        pairs.by(_name_and_op)
    pairs.between()
    pairs.by(lambda row: row.name or None)
    return list(pairs)


def _name_and_op(row: LayerCost) -> Hashable:
    return (row.name, row.op) if row.name else None


def _numbered(rows: Sequence[LayerCost]) -> bool:
    """Every name is the operator and a number: `Conv_12`, `node_Conv_12`."""
    return all(row.name.rpartition(f"{row.op}_")[2].isdecimal() and "/" not in row.name for row in rows)


class _Pairs:
    """Indices of rows, paired step by step."""

    def __init__(self, base: Sequence[LayerCost], new: Sequence[LayerCost]) -> None:
        self.base = base
        self.new = new
        self.of_new: dict[int, int] = {}
        self.taken: set[int] = set()

    def __iter__(self) -> Iterator[RowPair]:
        for index, row in enumerate(self.new):
            yield RowPair(self.base[self.of_new[index]] if index in self.of_new else None, row)
        for index, row in enumerate(self.base):
            if index not in self.taken:
                yield RowPair(row, None)

    def _add(self, base: int, new: int) -> None:
        self.of_new[new] = base
        self.taken.add(base)

    def by(self, key: Key) -> None:
        """Pair those still alone that have the same key, the first with the first; a key of None pairs nothing."""
        waiting: dict[Hashable, list[int]] = defaultdict(list)
        for index in reversed(range(len(self.base))):
            if index not in self.taken:
                waiting[key(self.base[index])].append(index)
        waiting.pop(None, None)
        for index, row in enumerate(self.new):
            if index not in self.of_new and (left := waiting.get(key(row))):
                self._add(left.pop(), index)

    def between(self) -> None:
        """Pair those of one operator that stand between the same neighbours, if both sides have as many."""
        of_base = {base: new for new, base in self.of_new.items()}
        gaps: dict[Hashable, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        anchor = -1
        for index, row in enumerate(self.base):
            anchor = of_base.get(index, anchor)
            if index not in self.taken:
                gaps[anchor, row.op][0].append(index)
        anchor = -1
        for index, row in enumerate(self.new):
            if index in self.of_new:
                anchor = index
            else:
                gaps[anchor, row.op][1].append(index)
        for old, fresh in gaps.values():
            if len(old) == len(fresh):
                for pair in zip(old, fresh, strict=True):
                    self._add(*pair)


def pair_models(base: Sequence[GraphCost], new: Sequence[GraphCost], key: Callable[[str], str]) -> dict[int, GraphCost]:
    """Index of a new model -> its base: the one with the same path, else with the same name if only one is left.

    key  from a path to what is compared of it
    """
    found: dict[int, GraphCost] = {}
    left = list(base)
    for same in (lambda cost: key(cost.path), lambda cost: cost.name):
        for index, cost in enumerate(new):
            alike = [each for each in left if same(each) == same(cost)] if index not in found else []
            if len(alike) == 1:
                found[index] = alike[0]
                left.remove(alike[0])
    return found
