"""Match: the width at which an architecture costs at other group counts what it costs today."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from groupcalc.costs.model import cost
from groupcalc.errors import GeometryError, UsageError
from groupcalc.sources.archs.arch import Value
from groupcalc.sources.archs.grammar import Variant

METRICS = ("params", "macs")

HUNDREDTH = Fraction(1, 100)
"""How finely a multiplier is chosen; a width in channels is a whole number."""


def matched(variant: Variant, groups: int, metric: str) -> Variant:
    """The variant at `groups` groups whose width brings its total `metric` nearest to today's; of two equally near
    the narrower, of equal ones today's. (Xie et al. 2017, table 2, chooses widths so)

    Needs `check_matchable`. Raises InputError for groups that the architecture does not take.
    """
    keys = variant.arch.keys
    if groups == variant.values["groups"]:
        return variant
    count = keys["groups"].parse("groups", str(groups))

    def at(steps: int) -> Variant:
        return replace(
            variant, values={**variant.values, "groups": count, "width": _width(steps, keys["width"].default)}
        )

    most = keys["width"].most
    steps = nearest(lambda n: _total(at(n), metric), _total(variant, metric), most * _per_unit(keys["width"].default))
    found, as_wide = at(steps), replace(variant, values={**variant.values, "groups": count})
    return as_wide if _total(found, metric) == _total(as_wide, metric) else found


def check_matchable(variant: Variant) -> None:
    """UsageError for an architecture without groups or without a width."""
    lacking = [name for name in ("groups", "width") if name not in variant.arch.keys]
    if lacking:
        fact = f"{variant.arch.name} has no {' and no '.join(lacking)} to match"
        raise UsageError(fact, "use one that has both, as arch:resnext50 or arch:igc_cifar", "--match")


def _per_unit(default: Value) -> int:
    return HUNDREDTH.denominator if isinstance(default, Fraction) else 1


def _width(steps: int, default: Value) -> Value:
    return steps * HUNDREDTH if isinstance(default, Fraction) else steps


def _total(variant: Variant, metric: str) -> int:
    found: int = getattr(cost(variant.graph()).totals, metric)
    return found


def nearest(measure: Callable[[int], int], target: int, most: int) -> int:
    """The n from 1 to `most` whose measure, which grows with n, is nearest to the target; too large to be a network
    counts as too large."""

    def reaches(n: int) -> bool:
        try:
            return measure(n) >= target
        except GeometryError:
            return n > 1

    low, high = 0, 1  # the least that reaches lies in (low, high]
    while high < most and not reaches(high):
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(middle) else (middle, high)
    if low == 0:
        return high
    return high if measure(high) - target < target - measure(low) else low
