"""The lines around a table of costs: header, verdict, memory, grouping, what was not counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from groupcalc.costs.cost import GraphCost, LayerCost
from groupcalc.graph import Uncounted
from groupcalc.report.views.fields import layers_of
from groupcalc.units import show_bytes, show_count, show_intensity, show_percent, show_ratio, show_seconds

CONVENTION = "FLOPs = 2 × MACs + other; taps on padding counted; bytes = weights + inputs + outputs, each once."
"""The convention in one line; every report carries it."""

MANY = 10
"""So many facts of a kind are listed, then how many more there are."""


def amount(count: int, unit: str, raw: bool, digits: int = 4) -> str:
    """`4.230 GMACs`, `25.03 M params`; raw: `4230000000 MACs`."""
    if raw:
        return f"{count} {unit}"
    return show_count(count, unit, digits) if unit in ("MACs", "FLOPs") else f"{show_count(count, '', digits)} {unit}"


def size(count: int, raw: bool) -> str:
    """`10.00 MiB`; raw: `10485760 B`."""
    return f"{count} B" if raw else show_bytes(count)


def plural(count: int, noun: str) -> str:
    """`1 layer`, `2 layers`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def facts(cost: GraphCost, raw: bool = False) -> tuple[str, ...]:
    """The header: params, MACs, FLOPs, batch, layers, and whether that is all."""
    totals = cost.totals
    flops = amount(totals.flops, "FLOPs", raw, digits=2)
    shape = cost.inputs[0].shape if cost.inputs else ()
    return (
        amount(totals.params, "params", raw),
        f"{amount(totals.macs, 'MACs', raw)} ({flops})",
        *((f"batch {shape[0]}",) if len(shape) > 1 else ()),
        plural(layers_of(cost), "layer"),
        verdict(cost),
    )


def verdict(cost: GraphCost) -> str:
    """`all counted`, or how many nodes are not, by operator, the most frequent first, each with its first reason."""
    if not cost.uncounted:
        return "all counted"
    names = {row.name for row in cost.layers}  # a loop of unknown length is a row and uncounted at once
    nodes = len(cost.layers) + sum(node.name not in names for node in cost.uncounted)
    reasons: dict[str, list[str]] = defaultdict(list)
    for node in cost.uncounted:
        reasons[node.op].append(node.reason)
    often = sorted(reasons.items(), key=lambda item: -len(item[1]))
    groups = [f"{op} ×{len(why)} ({why[0]}{', …' if len(set(why)) > 1 else ''})" for op, why in often]
    return f"{len(cost.uncounted)} of {plural(nodes, 'node')} uncounted: {', '.join(few(groups, 3))}"


def memory(cost: GraphCost, raw: bool = False) -> str:
    """Bytes of the model as a whole, and its arithmetic intensity."""
    totals = cost.totals
    moved = totals.weight_bytes + totals.input_bytes + totals.output_bytes
    return (
        f"Memory: weights {size(totals.weight_bytes, raw)} · traffic {size(moved, raw)} · "
        f"peak activations {size(cost.peak_activation_bytes, raw)} · "
        f"{show_intensity(totals.arithmetic_intensity)} FLOP/B"
    )


def grouping(cost: GraphCost, raw: bool = False) -> Iterator[str]:
    """What the grouped layers are of the whole, and what they save; nothing when no layer is grouped."""
    grouped = [row.cost.macs for row in cost.layers if row.groups > 1]
    if not grouped:
        return
    totals = cost.totals
    yield (
        f"Grouping: {plural(len(grouped), 'layer')} {'is' if len(grouped) == 1 else 'are'} "
        f"{show_percent(sum(grouped), totals.macs)} of the MACs; all dense it would be "
        f"{amount(totals.dense_macs, 'MACs', raw)}, {amount(totals.dense_params, 'params', raw, digits=3)} "
        f"({show_ratio(totals.dense_macs, totals.macs)}, {show_ratio(totals.dense_params, totals.params)})."
    )


def grouped_among(folded: Sequence[LayerCost], sort: str | None) -> Iterator[str]:
    """How many of the rows that are not shown are grouped, and what shows them; nothing when none is."""
    grouped = sum(row.groups > 1 for row in folded)
    if grouped:
        way_out = "--top 0 shows them" if sort == "groups" else "--sort groups shows them first"
        yield f"Of the {len(folded)} more, {grouped} {'is' if grouped == 1 else 'are'} grouped ({way_out})."


def estimated(cost: GraphCost, machine: str) -> Iterator[str]:
    """The estimates added up, and how much of them the memory and the launches bound."""
    found = [row.estimate for row in cost.layers if row.estimate]
    if not found or not machine:
        return
    total = sum(estimate.estimate_s for estimate in found)
    parts = {
        kind: sum(estimate.estimate_s for estimate in found if estimate.bound == kind)
        for kind in ("compute", "memory", "overhead")
    }
    split = ", ".join(f"{kind} {round(100 * part / total)} %" for kind, part in parts.items() if part)
    yield f"Estimate: {show_seconds(total)} at least, layer by layer ({machine}); bound by {split}."


def warnings(cost: GraphCost) -> tuple[str, ...]:
    """Every node that the figures leave out, as far as a person reads on, and what the file made doubtful."""
    missing = (f"not counted: {_node(node)}" for node in cost.uncounted)
    return (*few(missing, MANY, " (-o json lists all)"), *few(cost.warnings, MANY, " warnings (-o json lists all)"))


def _node(node: Uncounted) -> str:
    return f"{node.name} ({node.op}): {node.reason}" if node.name else f"{node.op}: {node.reason}"


def few(lines: Iterable[str], most: int, after: str = "") -> list[str]:
    """The first of many lines, then how many there are beyond."""
    lines = list(lines)
    if len(lines) <= most + 1:  # "… 1 more" would take the room of the one
        return lines
    return [*lines[:most], f"… {len(lines) - most} more{after}"]


def selected(rows: Sequence[LayerCost], cost: GraphCost) -> Iterator[str]:
    """A filter that leaves nothing is said; an empty table could be an empty model."""
    if cost.layers and not rows:
        yield "no layer fits --layer and --op"
