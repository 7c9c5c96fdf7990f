"""What changed of a layer, in one phrase, and the layers of a model that changed most."""

from __future__ import annotations

from groupcalc.costs.cost import LayerCost
from groupcalc.diff import LayerDiff, ModelDiff
from groupcalc.report.views.describe import describe
from groupcalc.report.views.figures import change, figure, times
from groupcalc.report.views.lines import few
from groupcalc.units import show_shape

SIGNS = {"changed": "~", "added": "+", "removed": "-", "same": "="}

MOST = 3
"""So many layers are named below a finding."""


def what_changed(layer: LayerDiff) -> str:
    """`groups 32 → 2`; an added or a removed layer as it is described."""
    old, new = layer.base, layer.new
    if old is None or new is None:
        row = new or old
        return describe(row) if row else ""
    words = []
    if old.op != new.op:
        words.append(f"{old.op} → {new.op}")
    if old.groups != new.groups:
        words.append(f"groups {old.groups} → {new.groups}")
    words += _shapes(old, new)
    if old.repeat != new.repeat:
        words.append(f"×{old.repeat} → ×{new.repeat}")
    if not words and bool(old.conv) == bool(new.conv) and describe(old) != describe(new):
        words.append(f"{describe(old)} → {describe(new)}")
    return ", ".join(words)


def _shapes(old: LayerCost, new: LayerCost) -> list[str]:
    for name, before, after in (("in", old.inputs, new.inputs), ("out", old.outputs, new.outputs)):
        if before != after and before and after:
            return [f"{name} {show_shape(before[0])} → {show_shape(after[0])}"]
    return []


def line_of(layer: LayerDiff, key: str, unit: str) -> str:
    """`~ layer4.0.conv2  groups 32 → 2   14.45 → 231.2 MMACs (×16)`."""
    old, new = layer.base, layer.new
    if old and new:
        before, after = getattr(old.cost, key), getattr(new.cost, key)
        ratio = times(before, after)
        figures = change(before, after, unit) + (f" ({ratio})" if ratio and before != after else "")
    else:
        row = new or old
        figures = figure(getattr(row.cost, key), unit) if row else ""
    words = (f"{SIGNS[layer.status]} {layer.name}", what_changed(layer), figures)
    return "   ".join(word for word in words if word)


def inputs_changed(model: ModelDiff) -> list[str]:
    """`~ input x   1×3×224×224 → 1×3×256×256`: what every layer behind it costs follows from that."""
    if not model.base or not model.new:
        return []
    before = {tensor.name: tensor.shape for tensor in model.base.inputs}
    after = ((tensor.name, before.get(tensor.name), tensor.shape) for tensor in model.new.inputs)
    return [f"~ input {name}   {show_shape(old)} → {show_shape(new)}" for name, old, new in after if old and old != new]


def largest(model: ModelDiff, key: str, unit: str, sign: int = 1) -> list[str]:
    """The lines of the layers that moved a figure most into a direction: up for a sign of 1, down for -1."""
    moved = [layer for layer in model.changed if layer.delta(key) * sign > 0]
    moved.sort(key=lambda layer: -abs(layer.delta(key)))
    return few((line_of(layer, key, unit) for layer in moved), MOST, " layers")
