"""An architecture: its keys, and its figures beside those that its paper prints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from groupcalc.costs.cost import Cost
from groupcalc.costs.model import cost
from groupcalc.sources.archs.arch import Arch, Figure, show_value
from groupcalc.sources.archs.grammar import Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A figure of a paper and ours.

    variant  the network that it is of
    exact    the count by its definition
    """

    variant: Variant
    figure: Figure
    exact: int


def compared(arch: Arch) -> list[Compared]:
    """Every figure that the paper of an architecture prints, beside the count."""
    plain = Variant(arch=arch, values={name: key.default for name, key in arch.keys.items()})
    found = []
    for figure in arch.figures:
        variant = replace(plain, values={**plain.values, **figure.keys})
        rows = cost(variant.graph()).layers
        exact = sum(getattr(row.cost, figure.of) for row in rows if not figure.op or row.op == figure.op)
        found.append(Compared(variant=variant, figure=figure, exact=exact))
    return found


def totals(variant: Variant) -> Cost:
    """What one variant costs."""
    return cost(variant.graph()).totals


def arch_data(archs: Iterable[Arch]) -> list[dict[str, Any]]:
    """Architectures as data."""
    return [
        {
            "name": arch.name,
            "title": arch.title,
            "note": arch.note,
            "paper": arch.paper,
            "keys": [
                {"key": name, "default": show_value(key.default), "what": key.what, "values": key.expected}
                for name, key in arch.keys.items()
            ],
        }
        for arch in archs
    ]


def compared_data(found: Iterable[Compared]) -> list[dict[str, Any]]:
    """Figures beside those of the paper as data."""
    return [
        {
            "variant": str(each.variant),
            "metric": each.figure.of,
            "op": each.figure.op or None,
            "exact": each.exact,
            "printed": each.figure.printed,
            "where": each.figure.where,
            "reason": each.figure.reason or None,
        }
        for each in found
    ]
