"""From a network to the cases that its convolutions make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from groupcalc.bench.result import Case
from groupcalc.conv import Conv
from groupcalc.errors import GeometryError, InputError
from groupcalc.graph import Layer
from groupcalc.units import show_name

OTHER = "no convolution of the kernels"

DTYPES: Mapping[str, tuple[str, ...]] = {"cpu": ("float32",), "cuda": ("float32", "float16")}
"""What the kernels of a device take."""

SHOWN = 3
"""So many names stand for all of a long list."""


def cases_of(
    layers: Sequence[Layer],
    *,
    threads: int,
    chain: int = 1,
    seed: int = 0,
    device: str = "cpu",
    dtype: str | None = None,
) -> tuple[list[Case], tuple[str, ...]]:
    """A case for each convolution, in the order of the layers, and a line on what was left out for each reason.

    With a `chain`, each layer stands alone first, then that often behind itself. A `dtype` takes the place of the
    layers' own.
    InputError when no layer can be timed.
    """
    cases: list[Case] = []
    skipped: dict[str, list[str]] = {}
    for layer in layers:
        conv = Conv.of(layer)
        if conv is not None and dtype is not None:
            conv = replace(conv, dtype=dtype)
        reason = _unfit(layer, conv, chain, device)
        if conv is None or reason:
            skipped.setdefault(reason, []).append(_said(layer, conv))
            continue
        cases += [
            Case(
                name=layer.name, conv=conv, threads=threads, chain=length, seed=seed, count=layer.repeat, device=device
            )
            for length in dict.fromkeys((1, chain))
        ]
    lines = _lines(skipped)
    if not cases:
        raise InputError("has no layer that can be timed", lines[0] if lines else "give Conv2d layers")
    return cases, lines


def distinct(cases: Iterable[Case]) -> list[Case]:
    """Each geometry once, under the name of its first layer, with how many there are."""
    found: dict[Case, Case] = {}
    for case in cases:
        key = replace(case, name="", count=1)
        before = found.get(key)
        found[key] = replace(before, count=before.count + case.count) if before else case
    return list(found.values())


def sweep(case: Case, counts: Sequence[int], baseline: bool) -> tuple[list[Case], list[str]]:
    """The case at each group count that divides its channels, ascending, and a line on each that does not.

    baseline  measure without groups as well
    """
    found, skipped = [], []
    for groups in sorted({*counts, *((1,) if baseline else ())}):
        try:
            found.append(replace(case, conv=case.conv.regroup(groups)))
        except GeometryError as error:
            skipped.append(f"{show_name(case.name)} at {groups} groups is left out: {error}")
    return found, skipped


def _unfit(layer: Layer, conv: Conv | None, chain: int, device: str) -> str:
    """Why a layer cannot be timed; "" when it can."""
    if conv is None or layer.op != "Conv":
        return OTHER
    if conv.dtype not in DTYPES[device]:
        return f"the kernels are {' and '.join(DTYPES[device])}, not {conv.dtype}"
    if 0 in (conv.batch, *conv.in_size):
        return "an empty input takes no time"
    if chain > 1 and (conv.in_channels, conv.in_size) != (conv.out_channels, conv.out_size):
        return "a chain needs an output that fits its input"
    return ""


def _lines(skipped: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    return tuple(f"left out, as {reason}: {_listed(names)}" for reason, names in skipped.items())


def _said(layer: Layer, conv: Conv | None) -> str:
    """Its name, and the operator where that is why it is left out."""
    name = show_name(layer.name)
    return name if conv is not None and layer.op == "Conv" else f"{name} ({show_name(layer.op)})"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
