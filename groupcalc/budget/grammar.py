"""From the text of a budget to a Budget.

budget   := [selector ":" ws] metric op limit
selector := MODEL_GLOB ["::" LAYER_GLOB]            quoted if it holds ": ", a quote in it doubled
metric   := key | "sum(" key ")" | "max(" key ")"
op       := <= | < | >= | > | ==
limit    := term | "max(" term {"," term} ")" | "min(" term {"," term} ")"
term     := number [suffix] [unit]                  absolute
          | ("+" | "-") number ("%" | [suffix] [unit]) | "base"      relative to the base
suffix   := k K M G T P (powers of 1000) | Ki Mi Gi (powers of 1024, of bytes)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

from groupcalc.budget import mend
from groupcalc.budget.limits import Limit, Term
from groupcalc.budget.metrics import METRICS, OVER, WHOLE, Metric
from groupcalc.budget.values import Budget, Level, Location
from groupcalc.errors import InputError

MAX_LENGTH = 4096
"""Characters of a budget."""

MAX_WAY_OUT = 300

MAX_DIGITS = 40
"""Digits of a number: above any count of a network, and read at once."""

MAX_EXPONENT = 18

SUFFIXES: Mapping[str, int] = {
    "": 1, "k": 1000, "K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4, "P": 1000**5,
    "Ki": 1024, "Mi": 1024**2, "Gi": 1024**3,
}  # fmt: skip

_SELECTOR = re.compile(r'(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^"].*?))\s*:\s+', re.DOTALL)
_RULE = re.compile(r"(?P<metric>[^<>=!≤≥≠]*)(?P<op>[<>=!≤≥≠]+)(?P<limit>.*)", re.DOTALL)
_METRIC = re.compile(r"(?:(?P<over>\w+) ?\((?P<inner>[^()]*)\)|(?P<key>[^()]*))")
_PICK = re.compile(r"(?P<pick>\w+) ?\((?P<terms>.*)\)", re.DOTALL)
_TERM = re.compile(
    r"(?P<sign>[+-]?)(?P<number>[0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?)(?:[eE]\+?(?P<exponent>[0-9]+))? ?"
    r"(?:(?P<percent>%)|(?P<suffix>Ki|Mi|Gi|[kKMGTP]?) ?(?P<unit>MACs|FLOPs|params|B)?)"
)


def parse(
    text: str,
    *,
    model: str = "",
    layer: str = "",
    level: Level = "error",
    message: str = "",
    location: Location | None = None,
) -> Budget:
    """The budget that a text states. InputError with the mend for what is none.

    model, layer  the selector, where it is written beside the text; the text then has none of its own
    """
    shown = mend.shown(text)
    if not text.strip():
        raise InputError("a budget is empty", "write 'macs <= 4.1G'")
    if len(text) > MAX_LENGTH:
        raise InputError(f"{shown} is longer than {MAX_LENGTH} characters", "a budget is one metric and its limit")
    try:
        return _parse(text.strip(), model, layer, level, message, location)
    except InputError as error:
        error.place = shown
        if len(error.way_out) > MAX_WAY_OUT:  # it repeats a part of the text that is endless itself
            error.way_out = ""
        raise


def _parse(text: str, model: str, layer: str, level: Level, message: str, location: Location | None) -> Budget:
    found = _SELECTOR.match(text)
    if found and (model or layer):
        raise InputError("its table has the selector already", "write the metric and its limit alone")
    if found:
        model, layer = _selector(found)
        text = text[found.end() :]
    metric, limit = _rule(" ".join(text.split()))
    if layer and metric.key in WHOLE:
        raise InputError(f"{metric.key} is a figure of a whole model", "take the layer out of the selector")
    return Budget(
        metric=metric, limit=limit, model=model or "*", layer=layer, level=level, message=message, location=location
    )


def _selector(found: re.Match[str]) -> tuple[str, str]:
    quoted = found["quoted"]
    model, colons, layer = (found["plain"] if quoted is None else quoted.replace('""', '"')).partition("::")
    if not model or (colons and not layer):
        raise InputError("a selector is MODEL_GLOB or MODEL_GLOB::LAYER_GLOB", "write * for all of a kind")
    return model, layer


def _rule(text: str) -> tuple[Metric, Limit]:
    found = _RULE.fullmatch(text)
    if not found or found["op"] not in ("<=", "<", ">=", ">", "=="):
        raise mend.operator(text)
    metric = _metric(found["metric"].strip(), text)
    return metric, _limit(found["op"], found["limit"].strip(), metric, text)


def _metric(text: str, rule: str) -> Metric:
    found = _METRIC.fullmatch(text)
    over, key = (found["over"] or "", found["key"] or (found["inner"] or "").strip()) if found else ("", text)
    if key not in METRICS or (over and over not in OVER):
        raise mend.metric(text, over, key, rule)
    if over and key in WHOLE:
        raise InputError(f"{key} is a figure of a whole model", f"write {key} alone")
    return Metric(key=key, over=over)


def _limit(op: str, text: str, metric: Metric, rule: str) -> Limit:
    found = _PICK.fullmatch(text)
    if found and found["pick"] not in ("max", "min"):
        raise InputError(f"there is no {mend.shown(found['pick'])} of limits", "use max(…, …) or min(…, …)")
    terms = found["terms"].split(",") if found else [text]
    return Limit(op=op, pick=found["pick"] if found else "", terms=tuple(_term(t.strip(), metric, rule) for t in terms))


def _term(text: str, metric: Metric, rule: str) -> Term:
    if text == "base":
        return Term(text=text, relative=True, factor=Fraction(1), shift=Fraction(0))
    found = _TERM.fullmatch(text)
    if not found or (found["percent"] and not found["sign"]) or not _fits(found, metric):
        raise mend.term(text, metric, rule)
    amount = _amount(found)
    if found["sign"] == "-":
        amount = -amount
    if found["percent"]:
        return Term(text=text, relative=True, factor=1 + amount / 100, shift=Fraction(0))
    if found["sign"]:
        return Term(text=text, relative=True, factor=Fraction(1), shift=amount)
    return Term(text=text, relative=False, factor=Fraction(0), shift=amount)


def _fits(found: re.Match[str], metric: Metric) -> bool:
    """Its unit is that of the metric, and only bytes have powers of 1024."""
    unit, suffix = found["unit"], found["suffix"] or ""
    return unit in (None, metric.unit) and (metric.unit == "B" or not suffix.endswith("i"))


def _amount(found: re.Match[str]) -> Fraction:
    number, exponent = found["number"].replace("_", ""), int(found["exponent"] or 0)
    if len(number) > MAX_DIGITS:
        raise InputError(f"a number has more than {MAX_DIGITS} digits", "no network has that much")
    if exponent > MAX_EXPONENT:
        raise InputError(f"an exponent goes up to e{MAX_EXPONENT}", "no network has that much")
    return Fraction(number) * int(10**exponent) * SUFFIXES[found["suffix"] or ""]
