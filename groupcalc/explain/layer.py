"""One layer: its formulas with the numbers put in, grouped and dense."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from groupcalc.conv import Conv
from groupcalc.costs import FLOPS_PER_MAC
from groupcalc.costs.cost import Cost
from groupcalc.costs.row import layer_cost
from groupcalc.costs.rules import RULES
from groupcalc.units import show_intensity


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """One figure of a layer at one group count.

    figure   `weights = N · C/G · K`
    numbers  `128 · 128/32 · 3·3 = 4,608`
    value    what it comes to; an intensity is a float
    """

    figure: str
    groups: int
    numbers: str
    value: int | float


def formulas(conv: Conv) -> list[Formula]:
    """Every figure of a convolution as it is, and dense where it is grouped: figure by figure."""
    variants = [conv, conv.dense] if conv.groups > 1 else [conv]
    return [formula for each in zip(*map(_figures, variants), strict=True) for formula in each]


def cost_of(conv: Conv) -> Cost:
    """What the layer costs, by the rule of its operator."""
    layer = conv.layer()
    return layer_cost(layer, RULES[layer.op]).cost


def _figures(conv: Conv) -> list[Formula]:
    found = cost_of(conv)
    weights = found.params - conv.out_channels * conv.bias
    places = conv.in_size if conv.transposed else conv.out_size
    inner = f"{conv.in_channels}/{conv.groups}" if conv.groups > 1 else f"{conv.in_channels}"
    kernel, where = _times(conv.kernel_size), _times(places)
    rows: list[tuple[str, str, int | float]] = [
        ("weights = N · C/G · K", f"{conv.out_channels} · {inner} · {kernel}", weights)
    ]
    if conv.bias:
        rows.append(("params = weights + N", f"{weights:,} + {conv.out_channels}", found.params))
    rows.append(
        (f"MACs = weights · {'in' if conv.transposed else 'out'} · batch",
         f"{weights:,} · {where} · {conv.batch}", found.macs)
    )  # fmt: skip
    adds = found.flops - FLOPS_PER_MAC * found.macs
    rows.append(
        ("FLOPs = 2 · MACs + bias adds" if conv.bias else "FLOPs = 2 · MACs",
         f"2 · {found.macs:,}" + (f" + {adds:,}" if conv.bias else ""), found.flops)
    )  # fmt: skip
    parts = (found.weight_bytes, found.input_bytes, found.output_bytes)
    moved = sum(parts)
    rows.append(("bytes = params + x + y", " + ".join(f"{part:,}" for part in parts), moved))
    rows.append(("FLOP/B = FLOPs / bytes", f"{found.flops:,} / {moved:,}", found.arithmetic_intensity))
    return [
        Formula(figure=figure, groups=conv.groups, numbers=f"{numbers} = {_shown(value)}", value=value)
        for figure, numbers, value in rows
    ]


def _times(sizes: tuple[int, ...]) -> str:
    return "·".join(map(str, sizes))


def _shown(value: int | float) -> str:
    return f"{value:,}" if isinstance(value, int) else show_intensity(value)


def zeros(conv: Conv) -> tuple[int, int]:
    """Of the weights of one filter of the dense layer, how many are zero, and how many there are."""
    taps = 1
    for size in conv.kernel_size:
        taps *= size
    return (conv.in_channels - conv.in_channels // conv.groups) * taps, conv.in_channels * taps


def formulas_data(found: Iterable[Formula]) -> list[dict[str, Any]]:
    """Formulas as data."""
    return [{"figure": f.figure, "groups": f.groups, "numbers": f.numbers, "value": f.value} for f in found]
