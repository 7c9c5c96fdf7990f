"""What-if: the same convolutions at other group counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from groupcalc.conv import SLOTS, Conv
from groupcalc.costs.cost import Cost, GraphCost, LayerCost
from groupcalc.costs.row import layer_cost
from groupcalc.costs.rules import RULES
from groupcalc.costs.snapshot import layer_data, totals_data
from groupcalc.errors import GeometryError
from groupcalc.graph import Layer, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A convolution that cannot have this many groups, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """A model with every convolution that allows it at `groups` groups.

    model                  path of the model, as its GraphCost has it
    totals                 of the whole model: regrouped convolutions, everything else as it is
    peak_activation_bytes  of the whole model
    layers                 the regrouped convolutions, in node order, with their names and shapes unchanged
    skipped                the other convolutions, in node order: they count in `totals` as they are
    """

    model: str
    groups: int
    totals: Cost
    peak_activation_bytes: int
    layers: tuple[LayerCost, ...]
    skipped: tuple[Skipped, ...] = ()


def whatif(cost: GraphCost, groups: Sequence[int]) -> list[WhatIf]:
    """The model with every convolution at each of the group counts; one that does not divide leaves a layer as it is.

    Needs the layers themselves: rows read back from a saved result have no weights, and are skipped.
    """
    return [_at(cost, count) for count in groups]


def _at(cost: GraphCost, groups: int) -> WhatIf:
    owners: dict[str, str] = {}
    layers: list[LayerCost] = []
    skipped: list[Skipped] = []
    total: list[Cost] = []
    for row in cost.layers:
        layer, reason = regrouped(row, groups)
        if reason:
            skipped.append(Skipped(name=row.name, reason=reason))
        again = row if layer is None else layer_cost(layer, RULES[layer.op], owners)
        if layer is not row.layer:
            layers.append(again)
        total.append(again.cost)
    return WhatIf(
        model=cost.path,
        groups=groups,
        totals=Cost.total(total),
        peak_activation_bytes=cost.peak_activation_bytes,  # grouping leaves every activation as it is
        layers=tuple(layers),
        skipped=tuple(skipped),
    )


def regrouped(row: LayerCost, groups: int) -> tuple[Layer | None, str]:
    """The layer of a row at another group count, or the layer itself and why it stays as it is."""
    layer = row.layer
    if layer is None:
        return None, "a saved result has no weights" if row.op in SLOTS else ""
    conv = Conv.of(layer)
    if conv is None:
        return layer, ""
    try:
        changed = conv.regroup(groups)
    except GeometryError as error:
        return layer, error.fact
    slot = SLOTS[layer.op].weight
    weight = layer.inputs[slot]
    if weight is None or not weight.constant:
        return layer, "its weight is computed while it runs"
    inputs = list(layer.inputs)
    inputs[slot] = _reshaped(weight, changed.weight_shape, conv.groups, groups)
    return replace(layer, inputs=tuple(inputs), attributes={**layer.attributes, "groups": groups}), ""


def _reshaped(weight: Tensor, shape: tuple[int, ...], groups: int, wanted: int) -> Tensor:
    """The weight with another shape. What is stored behind it grows or shrinks as much, and is another tensor then:
    whatever else reads it keeps the old one."""
    if not weight.held:
        return replace(weight, shape=shape, name=_renamed(weight, groups, wanted))
    held = []
    for stored in weight.held:
        size, rest = divmod(stored.size * groups, wanted)
        same = groups == wanted or rest > 0  # a smaller one that is stretched to the weight's shape may not divide
        held.append(stored if same else replace(stored, shape=(size,), name=_renamed(stored, groups, wanted)))
    return replace(weight, shape=shape, held=tuple(held))


def _renamed(stored: Tensor, groups: int, wanted: int) -> str:
    return stored.name if groups == wanted else f"{stored.name} {groups}/{wanted}"


def whatif_data(found: WhatIf, rows: Iterable[LayerCost] | None = None) -> dict[str, Any]:
    """A model at another group count as data; `rows` are those to list when not all."""
    return {
        "model": found.model,
        "groups": found.groups,
        "totals": totals_data(found.totals, found.peak_activation_bytes),
        "layers": [layer_data(row) for row in (found.layers if rows is None else rows)],
        "skipped": [{"name": skip.name, "reason": skip.reason} for skip in found.skipped],
    }
