"""The view of `diff`: what became of each layer, the largest change first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from groupcalc.costs.cost import KEYS, GraphCost
from groupcalc.diff import LayerDiff, ModelDiff
from groupcalc.report.document import Column, Report, Row, Share, Table
from groupcalc.report.views.changes import SIGNS, inputs_changed, what_changed
from groupcalc.report.views.figures import change, figure, percent, signed
from groupcalc.report.views.lines import CONVENTION, plural
from groupcalc.units import show_count

UNITS = {"macs": "MACs", "params": "params"}
"""The figures that people see; machines get all of them."""


def _signed(count: int) -> str:
    return f"{'-' if count < 0 else '+'}{show_count(abs(count))}" if count else "0"


def _columns(raw: bool) -> tuple[Column, ...]:
    show: Callable[[int], str] = str if raw else show_count
    show_signed: Callable[[int], str] = "{:+d}".format if raw else _signed
    return (
        Column(key="sign", header="", align="left"),
        Column(key="name", header="layer", align="left", elide=24),
        Column(key="change", header="change", align="left", elide=16),
        Column(key="base_macs", header="MACs", show=show, priority=1),
        Column(key="new_macs", header="→ MACs", show=show),
        Column(key="delta_macs", header="Δ", show=show_signed),
        Column(key="percent", header="%", show=lambda share: percent(*share)),
        Column(key="delta_params", header="Δ params", show=show_signed, priority=2),
    )


def differences(found: Sequence[ModelDiff], *, top: int = 0, raw: bool = False, data: Any = None) -> Report:
    """A table for each model that changed; those that did not are counted.

    top  so many layers of each model, the rest folded; 0: all
    """
    tables = tuple(_model(model, top, raw) for model in found if model.status != "same")
    return Report(tables=tables, records=partial(_records, found), data=data, notes=(_summary(found), CONVENTION))


def _model(model: ModelDiff, top: int, raw: bool) -> Table:
    layers = sorted(model.changed, key=lambda layer: (-abs(layer.delta("macs")), -abs(layer.delta("params"))))
    kept = layers[:top] if top else layers
    folded = layers[len(kept) :]
    counts = Counter(layer.status for layer in layers)
    said = [f"{counts[status]} {status}" for status in ("changed", "added", "removed") if counts[status]]
    closing = [_folded(folded)] if folded else []
    return Table(
        name=model.name,
        facts=(*_facts(model), *([f"layers: {', '.join(said)}"] if said else [])),
        columns=_columns(raw),
        rows=tuple(map(_row, kept)),
        closing=(*closing, _total(model)),
        notes=tuple(inputs_changed(model)),
        warnings=tuple(_uncounted(model)),
    )


def _facts(model: ModelDiff) -> list[str]:
    """`added` or `removed`, or each figure before and after."""
    facts: list[str] = [model.status] if model.status in ("added", "removed") else []
    for key, unit in UNITS.items():
        before, after = _of(model.base, key), _of(model.new, key)
        if model.base and model.new:
            delta = f"{signed(after - before, unit)}, {percent(after - before, before)}" if after != before else "same"
            facts.append(f"{change(before, after, unit)} ({delta.removesuffix(', ')})")
        else:
            facts.append(figure(after or before, unit))
    return facts


def _row(layer: LayerDiff) -> Row:
    before = layer.base.cost.macs if layer.base else None
    after = layer.new.cost.macs if layer.new else None
    share = Share(layer.delta("macs"), before) if before and layer.delta("macs") else None
    return (
        SIGNS[layer.status], layer.name, what_changed(layer), before, after, layer.delta("macs"), share,
        layer.delta("params"),
    )  # fmt: skip


def _folded(layers: Sequence[LayerDiff]) -> Row:
    macs, params = (sum(layer.delta(key) for layer in layers) for key in UNITS)
    return "", f"… {len(layers)} more (--top 0: all)", "", None, None, macs, None, params


def _total(model: ModelDiff) -> Row:
    before, after, delta = _of(model.base, "macs"), _of(model.new, "macs"), model.delta("macs")
    share = Share(delta, before) if before and delta else None
    return (
        "", "total", "", before if model.base else None, after if model.new else None, delta, share,
        model.delta("params"),
    )  # fmt: skip


def _of(cost: GraphCost | None, key: str) -> int:
    return int(getattr(cost.totals, key)) if cost else 0


def _uncounted(model: ModelDiff) -> list[str]:
    sides = (("before", model.base), ("after", model.new))
    return [
        f"{plural(len(cost.uncounted), 'node')} not counted {when}" for when, cost in sides if cost and cost.uncounted
    ]


def _summary(found: Sequence[ModelDiff]) -> str:
    """`2 models changed, 1 added · 3 the same`."""
    counts = Counter(model.status for model in found)
    moved = [f"{counts[status]} {status}" for status in ("changed", "added", "removed") if counts[status]]
    words = (f"{plural(len(found), 'model')}: {', '.join(moved) or 'nothing changed'}", f"{counts['same']} the same")
    return " · ".join(words if counts["same"] and moved else words[:1])


def _records(found: Sequence[ModelDiff]) -> Table:
    """Every layer, with every figure before and after."""
    heads = ("model", "name", "status", *(f"{side}_{key}" for key in KEYS for side in ("base", "new", "delta")))
    rows = []
    for model in found:
        for layer in model.layers:
            figures = [
                value
                for key in KEYS
                for value in (
                    getattr(layer.base.cost, key) if layer.base else None,
                    getattr(layer.new.cost, key) if layer.new else None,
                    layer.delta(key),
                )
            ]
            rows.append((model.name, layer.name, layer.status, *figures))
    return Table(columns=tuple(Column(key=head, header=head) for head in heads), rows=tuple(rows))
