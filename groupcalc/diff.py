"""What changed between two costings of a model: layers changed, added and removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from groupcalc.costs.cost import GraphCost, LayerCost
from groupcalc.costs.pairing import pair_models, pair_rows
from groupcalc.costs.snapshot import layer_data, totals_data

Change = Literal["changed", "added", "removed", "same"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerDiff:
    """A layer before and after; one that only bears another name is the same."""

    status: Change
    base: LayerCost | None = None
    new: LayerCost | None = None

    @property
    def name(self) -> str:
        """Its present name, or the last one that it had."""
        row = self.new or self.base
        return row.name if row else ""

    def delta(self, key: str) -> int:
        """By how much a figure has grown."""
        return _figure(self.new, key) - _figure(self.base, key)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDiff:
    """A model before and after; `layers` in the order of the new model, removed ones last."""

    name: str
    status: Change
    base: GraphCost | None = None
    new: GraphCost | None = None
    layers: tuple[LayerDiff, ...] = ()

    def delta(self, key: str) -> int:
        """By how much a figure of the totals has grown."""
        return sum(getattr(cost.totals, key) * sign for cost, sign in ((self.new, 1), (self.base, -1)) if cost)

    @property
    def changed(self) -> tuple[LayerDiff, ...]:
        """The layers that are not the same."""
        return tuple(layer for layer in self.layers if layer.status != "same")


def diff(base: GraphCost | None, new: GraphCost | None) -> ModelDiff:
    """What changed from one to the other; None stands for a model that is not there."""
    pairs = pair_rows(base.layers if base else (), new.layers if new else ())
    layers = tuple(LayerDiff(status=_status(*pair), base=pair.base, new=pair.new) for pair in pairs)
    status: Change = "added" if base is None else "removed" if new is None else "same"
    if base and new and (any(layer.status != "same" for layer in layers) or _whole(base) != _whole(new)):
        status = "changed"
    either = new or base
    return ModelDiff(name=either.path if either else "", status=status, base=base, new=new, layers=layers)


def diff_all(base: Sequence[GraphCost], new: Sequence[GraphCost], key: Callable[[str], str]) -> list[ModelDiff]:
    """The differences of many models, paired by path and by name: in the order of the new ones, then the removed."""
    pairs = {0: base[0]} if len(base) == len(new) == 1 else pair_models(base, new, key)
    taken = set(map(id, pairs.values()))
    removed = [diff(cost, None) for cost in base if id(cost) not in taken]
    return [*(diff(pairs.get(index), cost) for index, cost in enumerate(new)), *removed]


def _status(base: LayerCost | None, new: LayerCost | None) -> Change:
    if base is None:
        return "added"
    if new is None:
        return "removed"
    return "same" if _identity(base) == _identity(new) else "changed"


def _identity(row: LayerCost) -> tuple[object, ...]:
    return row.op, row.groups, row.inputs, row.outputs, row.cost, row.repeat


def _whole(cost: GraphCost) -> tuple[object, ...]:
    return cost.totals, cost.peak_activation_bytes, len(cost.uncounted)


def _figure(row: LayerCost | None, key: str) -> int:
    return int(getattr(row.cost, key)) if row else 0


def diff_data(found: ModelDiff) -> dict[str, Any]:
    """The differences of a model as data; null stands for what is not there."""
    return {
        "name": found.name,
        "status": found.status,
        "totals": {"base": _totals(found.base), "new": _totals(found.new)},
        "layers": [
            {
                "name": layer.name,
                "status": layer.status,
                "base": layer_data(layer.base) if layer.base else None,
                "new": layer_data(layer.new) if layer.new else None,
            }
            for layer in found.layers
        ],
    }


def _totals(cost: GraphCost | None) -> dict[str, int] | None:
    return totals_data(cost.totals, cost.peak_activation_bytes) if cost else None
