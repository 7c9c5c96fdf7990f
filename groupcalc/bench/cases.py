"""From a network to the cases that its convolutions make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from groupcalc.bench.result import Case
from groupcalc.conv import Conv
from groupcalc.errors import InputError
from groupcalc.graph import Layer
from groupcalc.units import show_name

SHOWN = 3
"""So many names stand for all of a long list."""


def cases_of(
    layers: Sequence[Layer], *, threads: int, chain: int = 1, seed: int = 0
) -> tuple[list[Case], tuple[str, ...]]:
    """A case for each convolution, in the order of the layers, and a line on what was left out for each reason.

    With a `chain`, each layer stands alone first, then that often behind itself.
    InputError when no layer can be timed.
    """
    cases: list[Case] = []
    skipped: dict[str, list[str]] = {}
    for layer in layers:
        conv = Conv.of(layer)
        reason = _unfit(layer, conv, chain)
        if conv is None or reason:
            skipped.setdefault(reason, []).append(layer.name)
            continue
        cases += [
            Case(name=layer.name, conv=conv, threads=threads, chain=length, seed=seed)
            for length in dict.fromkeys((1, chain))
        ]
    lines = _lines(skipped)
    if not cases:
        raise InputError("has no layer that can be timed", lines[0] if lines else "give Conv2d layers")
    return cases, lines


def _unfit(layer: Layer, conv: Conv | None, chain: int) -> str:
    """Why a layer cannot be timed; "" when it can."""
    if conv is None or layer.op != "Conv":
        return f"{layer.op} is no convolution of the kernels"
    if conv.dtype != "float32":
        return f"the kernels are float32, not {conv.dtype}"
    if 0 in (conv.batch, *conv.in_size):
        return "an empty input takes no time"
    if chain > 1 and (conv.in_channels, conv.in_size) != (conv.out_channels, conv.out_size):
        return "a chain needs an output that fits its input"
    return ""


def _lines(skipped: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    return tuple(f"left out, as {reason}: {_listed(names)}" for reason, names in skipped.items())


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(show_name, names[:SHOWN])) + more
