"""What was meant by a budget that cannot be read: each mistake is answered with what to write instead."""

from __future__ import annotations

import re
from difflib import get_close_matches
from fractions import Fraction

from groupcalc.budget.metrics import METRICS, OVER, UNITS, Metric
from groupcalc.errors import InputError
from groupcalc.units import show_name

MEANT = {
    "≤": "<=", "=<": "<=", "≥": ">=", "=>": ">=", "=": "==", "===": "==", "<>": "", "!=": "", "≠": "", "<<": "<",
}  # fmt: skip
"""Operators as others write them, and ours; "" where there is none."""

WORDS = {
    "mac": "macs", "mults": "macs", "madds": "macs", "mult_adds": "macs", "flop": "flops", "gflops": "flops",
    "gmacs": "macs", "parameters": "params", "weights": "params", "memory": "peak_activation_bytes",
    "peak": "peak_activation_bytes", "ops": "flops", "size": "weight_bytes", "bytes": "weight_bytes",
}  # fmt: skip
"""Metrics as others call them, where likeness alone would not find ours."""

SUFFIXES = "k M G T P, for bytes Ki Mi Gi as well"

UNIT_WORDS = {unit.lower().rstrip("s"): unit for unit in ("MACs", "FLOPs", "params", "B", "Bytes")}

_NUMBER = r"[0-9][0-9_]*(?:\.[0-9]+)?(?:[eE]\+?[0-9]+)?"
_PERCENT = re.compile(rf"({_NUMBER})\s*%")
_WRITTEN = re.compile(rf"([+-]?)({_NUMBER})\s*([A-Za-z]*?)\s*(MACs?|FLOPs?|params?|Bytes?|B)?", re.IGNORECASE)
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+")
_COMMA = re.compile(r"([+-]?[0-9]+),([0-9]+)(.*)")
_OF_BASE = re.compile(rf"base\s*([+-])\s*({_NUMBER}\s*\S*)")
_REVERSED = re.compile(rf"\s*(?P<limit>{_NUMBER}\s*[A-Za-z]*)\s*(?P<op>[<>]=?)\s*(?P<key>\w+)\s*(?P<rest>.*?)\s*")
_TIMES = re.compile(rf"base\s*[*×]\s*({_NUMBER})|({_NUMBER})\s*[*×]\s*base")


def shown(text: str) -> str:
    """The text for an error, inert, its middle left out if it is long."""
    text = show_name(text if len(text) <= 120 else f"{text[:70]}…{text[-45:]}")
    return f"'{text}'"


def operator(text: str) -> InputError:
    """There is no operator where one should be."""
    found = re.search(r"[<>=!≤≥≠]+", text)
    if not found:
        return InputError("there is no comparison", "write a metric, <= and a limit: 'macs <= 4.1G'")
    op, meant = found[0], MEANT.get(found[0], "")
    way_out = f"write {meant}" if meant else "use <=, <, >=, > or =="
    return InputError(f"there is no comparison '{op}'", way_out)


def metric(text: str, over: str, key: str, rule: str) -> InputError:
    """There is no such metric."""
    if not text:
        return InputError("there is no metric", f"write one of {', '.join(METRICS)}")
    if (turned := _REVERSED.fullmatch(rule)) and turned["key"] in METRICS:
        op = turned["op"].translate(str.maketrans("<>", "><"))
        first = f"'{turned['key']} {op} {turned['limit'].strip()}'"
        if turned["rest"]:
            return InputError("it compares twice", f"write two budgets, {first} and '{turned['key']} {turned['rest']}'")
        return InputError("the metric comes first", f"write {first}")
    selector, colon, last = text.rpartition(":")
    if colon and last.strip() in METRICS:
        return InputError(
            "a selector ends with a colon and a space", f"write '{show_name(selector)}: {last.strip()} …'"
        )
    if over and over not in OVER and key in METRICS:
        way_out = " or ".join(f"{name}({key})" for name in OVER)
        return InputError(f"there is no {show_name(over)}() of layers", f"use {way_out}")
    word = WORDS.get(key.lower()) or next(iter(get_close_matches(key.lower(), METRICS, n=1)), "")
    way_out = f"did you mean '{word}'?" if word else f"use one of {', '.join(METRICS)}"
    return InputError(f"there is no metric {shown(key)}", way_out)


def term(text: str, metric: Metric, rule: str) -> InputError:
    """A term of a limit that is none."""
    if "−" in text:  # a minus sign as typesetters have it
        return InputError(f"{shown(text)} is no limit", f"write {show_name(text.replace('−', '-'))}")
    for mended in (_shape, _arithmetic, _percent, _commas, _comparison, _unit):
        if error := mended(text, metric, rule):
            return error
    return InputError(f"{shown(text)} is no limit", "write 4.1G, +2%, +5M or base")


def _shape(text: str, metric: Metric, rule: str) -> InputError | None:
    if not text:
        return InputError("a limit is missing", f"write {metric} <= 4.1G, +2% or base")
    if text.lower() in ("inf", "infinity", "nan", "none", "null"):
        return InputError(f"{shown(text)} is no limit", "leave the budget out where there is none")
    if text.startswith(("max", "min")) or text.count("(") != text.count(")"):
        return InputError("its brackets do not fit", "write max(4.1G, base), one inside the other is not known")
    if text.lower() == "base":
        return InputError(f"{shown(text)} is no limit", "write base")
    if re.fullmatch(r"[+-]?\.[0-9]+.*", text):
        return InputError(f"{shown(text)} is no limit", f"write {show_name(text.replace('.', '0.', 1))}")
    return None


def _arithmetic(text: str, metric: Metric, rule: str) -> InputError | None:
    if found := _OF_BASE.fullmatch(text):
        return InputError("a limit has no arithmetic", f"write {found[1]}{found[2]}: a sign says relative to the base")
    if found := _TIMES.fullmatch(text):
        percent = (Fraction((found[1] or found[2]).replace("_", "")) - 1) * 100
        exact = percent.denominator in (1, 2, 4, 5, 10, 20, 25, 50, 100)
        way_out = f"write {'+' if percent >= 0 else '-'}{_decimal(abs(percent))}%" if exact else "write +2%"
        return InputError("a limit has no arithmetic", f"{way_out}: a percentage is relative to the base")
    if re.fullmatch(rf"[+-]\s+{_NUMBER}.*", text):
        return InputError(f"{shown(text)} is no limit", f"write {text[0]}{text[1:].strip()}, without a space")
    return None


def _decimal(value: Fraction) -> str:
    """A fraction of hundredths as a decimal number."""
    whole, rest = divmod(value.numerator * 100 // value.denominator, 100)
    return f"{whole}.{rest:02}".rstrip("0").rstrip(".")


def _percent(text: str, metric: Metric, rule: str) -> InputError | None:
    if found := _PERCENT.fullmatch(text):
        way_out = f"write +{found[1]}% or -{found[1]}%: a percentage is relative to the base"
        return InputError(f"{shown(text)} has no sign", way_out)
    return None


def _comparison(text: str, metric: Metric, rule: str) -> InputError | None:
    if re.search(r"[<>=]", text):
        return InputError("it compares twice", "write two budgets, one a comparison")
    return None


def _commas(text: str, metric: Metric, rule: str) -> InputError | None:
    if _THOUSANDS.fullmatch(text):
        return InputError(f"{shown(text)} has commas", f"write {text.replace(',', '_')}")
    if re.search(r",\s*\w+\s*[<>=]", text):
        return InputError("there are two budgets", "write each by itself")
    if found := _COMMA.fullmatch(text):
        return InputError(f"{shown(text)} has a comma", f"write {found[1]}.{found[2]}{found[3]}")
    return None


def _unit(text: str, metric: Metric, rule: str) -> InputError | None:
    """A number with letters behind it that are no suffix, or not the unit of the metric."""
    found = _WRITTEN.fullmatch(text)
    if not found:
        return None
    sign, number, suffix, word = found[1], re.sub("_+", "_", found[2]), found[3], found[4] or ""
    unit = UNIT_WORDS[word.lower().rstrip("s")] if word else ""
    unit = "B" if unit == "Bytes" else unit
    if unit == "B" and metric.unit != "B" and not suffix:  # 7B: billions, as people say of params
        return InputError("B stands for bytes", f"write {sign}{number}G")
    if unit and unit != metric.unit:
        fact = f"{metric.key} is counted in {metric.unit}, not {'bytes' if unit == 'B' else unit}"
        other = next((key for key, its in UNITS.items() if its == unit != "B"), "")
        plain = f"{sign}{number}{suffix[:1].upper() if unit == 'B' else suffix}"
        return InputError(fact, f"write '{other} …' for {unit}" if other else f"write {plain}")
    binary = suffix.capitalize() in ("Ki", "Mi", "Gi")
    if binary and metric.unit != "B":
        return InputError("Ki, Mi and Gi are for bytes", f"write {sign}{number}{suffix[0].upper()}")
    meant = suffix.capitalize() if binary else {"b": "G", "bn": "G", "mm": "M"}.get(suffix.lower(), suffix.upper())
    if meant in ("", "K", "M", "G", "T", "P", "Ki", "Mi", "Gi"):
        space = " " if unit else ""
        return InputError(f"{shown(text)} is no limit", f"write {sign}{number}{space}{meant}{unit}")
    return InputError(f"there is no suffix {shown(suffix)}", f"use {SUFFIXES}")
