"""From a network to the cases that its convolutions make."""

from __future__ import annotations

from collections.abc import Iterable

from groupcalc.bench.result import Case
from groupcalc.conv import Conv
from groupcalc.errors import InputError
from groupcalc.graph import Graph, Layer
from groupcalc.units import show_name


def cases_of(graph: Graph, *, threads: int, chain: int = 1, seed: int = 0) -> tuple[list[Case], list[str]]:
    """A case for each convolution of a network, in its order, and a line on each layer that makes none.

    With a `chain`, each layer stands alone first, then that often behind itself.
    InputError when no layer can be timed.
    """
    cases: list[Case] = []
    skipped = []
    for layer in graph.layers:
        conv = Conv.of(layer)
        reason = _unfit(layer, conv, chain)
        if conv is None or reason:
            skipped.append(f"{show_name(layer.name)} is left out: {reason}")
            continue
        cases += [
            Case(name=layer.name, conv=conv, threads=threads, chain=length, seed=seed)
            for length in dict.fromkeys((1, chain))
        ]
    if not cases:
        raise InputError("has no layer that can be timed", _first(skipped))
    return cases, skipped


def _unfit(layer: Layer, conv: Conv | None, chain: int) -> str:
    """Why a layer cannot be timed; "" when it can."""
    if conv is None or layer.op != "Conv":
        return f"{layer.op} is no convolution of the kernels"
    if conv.dtype != "float32":
        return f"it is {conv.dtype}, the kernels are float32"
    if 0 in (conv.batch, *conv.in_size):
        return "its input is empty"
    if chain > 1 and (conv.in_channels, conv.in_size) != (conv.out_channels, conv.out_size):
        return "its output is no input of its own, as a chain needs"
    return ""


def _first(lines: Iterable[str]) -> str:
    return next(iter(lines), "give a file with Conv2d layers")
