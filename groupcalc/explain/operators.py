"""What groupcalc knows of an operator: how it is counted, and where that is from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any

from groupcalc.costs.rules import FAMILIES, RULES, WITHOUT, Rule
from groupcalc.costs.rules.versions import source
from groupcalc.errors import UsageError
from groupcalc.units import show_name

NOT_COUNTED = "Not counted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One operator and its answer.

    name     its op_type; outside the default domain `domain::op_type`
    family   the title of the rules that it stands among
    text     paragraphs: the formula in the letters of a signature, then what is to be said of it
    source   the definition that the formula was written from
    rule     None: it cannot be counted, and `text` is the reason
    """

    name: str
    family: str
    text: tuple[str, ...]
    source: str
    rule: Rule | None = None

    @property
    def formula(self) -> str:
        """The first paragraph."""
        return self.text[0]


def operators() -> list[Operator]:
    """Every operator, family by family, within one by name."""
    found = []
    for family in FAMILIES:
        title = re.split(r"[:,(]", family.__doc__ or "")[0].strip()
        found += [
            Operator(name=op, family=title, text=_paragraphs(rule.work.__doc__), source=source(op), rule=rule)
            for op, rule in sorted(RULES.items())
            if rule.work.__module__ == family.__name__
        ]
    return found + [
        Operator(name=op, family=NOT_COUNTED, text=(reason,), source=source(op)) for op, reason in WITHOUT.items()
    ]


def operator(name: str) -> Operator | None:
    """The operator of that name, None when there is none; the domain may be left out. UsageError where two have it."""
    known = {each.name: each for each in operators()}
    wanted = name.removeprefix("ai.onnx::")
    short = [op for op in known if wanted in (op, op.rpartition("::")[2])]
    if wanted in known or len(short) < 2:
        return known.get(wanted) or (known[short[0]] if short else None)
    raise UsageError(f"{len(short)} domains have an operator '{show_name(name)}'", f"write {' or '.join(short)}")


def spellings() -> dict[str, str]:
    """What people may write for an operator, with its domain and without, in lower case -> its name."""
    return {each.lower(): op for op in reversed((*RULES, *WITHOUT)) for each in (op, op.rpartition("::")[2])}


def operators_data(found: Iterable[Operator]) -> list[dict[str, Any]]:
    """Operators as data."""
    return [
        {
            "op": each.name,
            "family": each.family,
            "counted": each.rule is not None,
            "formula": each.formula,
            "text": list(each.text),
            "source": each.source,
            "arguments": sorted(each.rule.arguments) if each.rule else [],
            "buffers": sorted(each.rule.buffers) if each.rule else [],
            "weights": sorted(each.rule.weights) if each.rule else [],
        }
        for each in found
    ]


def _paragraphs(docstring: str | None) -> tuple[str, ...]:
    """The paragraphs of a docstring, each on one line."""
    return tuple(" ".join(part.split()) for part in cleandoc(docstring or "").split("\n\n"))
