"""The limit of a budget: terms, absolute or relative to the base, in exact fractions; no float anywhere."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor

COMPARE: Mapping[str, Callable[[Fraction, Fraction], bool]] = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
    "==": operator.eq,
}

LAST: Mapping[str, Callable[[Fraction], int | None]] = {
    "<=": floor,
    "<": lambda limit: ceil(limit) - 1,
    ">=": ceil,
    ">": lambda limit: floor(limit) + 1,
    "==": lambda limit: int(limit) if limit.denominator == 1 else None,
}
"""The last integer that satisfies; None where none does."""

PICK: Mapping[str, Callable[..., Fraction]] = {"": max, "max": max, "min": min}


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """base × factor + shift.

    text      as it was written
    relative  it needs the base: `+2%` is factor 1.02, `+5M` is factor 1 and shift 5,000,000, `base` factor 1
    """

    text: str
    relative: bool
    factor: Fraction
    shift: Fraction

    def value(self, base: int | None) -> Fraction | None:
        """The figure that the term stands for; None when it needs a base that is not known."""
        if not self.relative:
            return self.shift
        return None if base is None else base * self.factor + self.shift


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """`op` and its terms; `pick` says which of several counts: "max", "min", or "" of a single one."""

    op: str
    terms: tuple[Term, ...]
    pick: str = ""

    def __str__(self) -> str:
        terms = ", ".join(term.text for term in self.terms)
        return f"{self.op} {self.pick}({terms})" if self.pick else f"{self.op} {terms}"

    @property
    def relative(self) -> bool:
        """It has a term that needs the base."""
        return any(term.relative for term in self.terms)

    def only(self, *, relative: bool) -> Limit | None:
        """The same limit of its relative, or of its absolute, terms alone; None when it has none."""
        terms = tuple(term for term in self.terms if term.relative is relative)
        return replace(self, terms=terms) if terms else None

    def value(self, base: int | None) -> Fraction | None:
        """What is compared with, of the terms that are known."""
        values = [value for term in self.terms if (value := term.value(base)) is not None]
        return PICK[self.pick](values) if values else None

    def last(self, base: int | None) -> int | None:
        """The last integer that satisfies."""
        value = self.value(base)
        return None if value is None else LAST[self.op](value)

    def holds(self, actual: int, base: int | None) -> bool | None:
        """Whether a figure satisfies the limit; None when that hangs on a base that is not known.

        `<= max(…)` and `>= min(…)` hold when one term does, `<= min(…)` and `>= max(…)` when all do: a term that is
        known may decide by itself.
        """
        compare = COMPARE[self.op]
        values = [term.value(base) for term in self.terms]
        if self.op == "==":
            value = None if None in values else self.value(base)
            return None if value is None else compare(Fraction(actual), value)
        each = [None if value is None else compare(Fraction(actual), value) for value in values]
        decisive = (self.pick == "min") is (self.op in (">=", ">"))  # what one term that says so decides
        if decisive in each:
            return decisive
        return None if None in each else not decisive
