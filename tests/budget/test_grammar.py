"""The grammar: what is written is read exactly, and what is read is written back."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groupcalc.budget import Budget, Limit, Metric, Term, parse
from groupcalc.budget.limits import COMPARE
from groupcalc.budget.metrics import METRICS, OVER, WHOLE
from groupcalc.errors import InputError

SUFFIXES = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}
BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


@st.composite
def amounts(draw: st.DrawFn, metric: Metric) -> tuple[str, Fraction]:
    """A number with its suffix and unit as text, and what it comes to."""
    whole, decimals = draw(st.integers(0, 10**12)), draw(st.text("0123456789", max_size=6))
    suffixes = SUFFIXES | (BINARY if metric.unit == "B" else {})
    suffix = draw(st.sampled_from(sorted(suffixes)))
    exponent = draw(st.integers(0, 18)) if draw(st.booleans()) else None
    grouped = f"{whole:_}" if draw(st.booleans()) else str(whole)
    unit = metric.unit if metric.unit in ("MACs", "FLOPs", "B", "params") and draw(st.booleans()) else ""
    number = f"{grouped}.{decimals}" if decimals else grouped
    power = "" if exponent is None else f"{draw(st.sampled_from('eE'))}{draw(st.sampled_from(['', '+']))}{exponent}"
    value = Fraction(int(f"{whole}{decimals}"), 10 ** len(decimals)) * 10 ** (exponent or 0) * suffixes[suffix]
    return f"{number}{power}{draw(st.sampled_from(['', ' ']))}{suffix}{unit}".strip(), value


@st.composite
def terms(draw: st.DrawFn, metric: Metric) -> Term:
    """A term, with the text that it was written as."""
    kind = draw(st.sampled_from(["absolute", "shift", "percent", "base"]))
    sign, factor = draw(st.sampled_from([("+", 1), ("-", -1)]))
    if kind == "base":
        return Term(text="base", relative=True, factor=Fraction(1), shift=Fraction(0))
    if kind == "percent":
        whole, decimals = draw(st.integers(0, 10**6)), draw(st.integers(0, 99))
        percent = Fraction(whole * 100 + decimals, 100)
        text = f"{sign}{whole}.{decimals:02}%"
        return Term(text=text, relative=True, factor=1 + factor * percent / 100, shift=Fraction(0))
    text, value = draw(amounts(metric))
    if kind == "shift":
        return Term(text=f"{sign}{text}", relative=True, factor=Fraction(1), shift=factor * value)
    return Term(text=text, relative=False, factor=Fraction(0), shift=value)


@st.composite
def budgets(draw: st.DrawFn) -> Budget:
    """Any budget that the grammar can say."""
    key = draw(st.sampled_from(METRICS))
    over = draw(st.sampled_from(["", *OVER])) if key not in WHOLE else ""
    metric = Metric(key=key, over=over)
    pick = draw(st.sampled_from(["", "max", "min"]))
    some = tuple(draw(st.lists(terms(metric), min_size=1, max_size=1 if not pick else 4)))
    globs = st.text(min_size=1, max_size=20).filter(lambda text: "::" not in text and text[0] + text[-1] != "::")
    names = globs.filter(lambda text: not text.startswith(":") and not text.endswith(":"))
    layer = draw(names) if key not in WHOLE and draw(st.booleans()) else ""
    model = draw(names) if draw(st.booleans()) else "*"
    return Budget(
        metric=metric, limit=Limit(op=draw(st.sampled_from(sorted(COMPARE))), terms=some, pick=pick), model=model,
        layer=layer,
    )  # fmt: skip


@given(budgets())
def test_a_budget_is_read_back_from_its_text(budget: Budget) -> None:
    assert parse(str(budget)) == budget


@given(budgets(), st.integers(0, 10**30), st.integers(0, 10**30))
def test_the_last_integer_is_the_last_that_holds(budget: Budget, base: int, actual: int) -> None:
    last, op = budget.limit.last(base), budget.limit.op
    if op == "==":
        assert budget.limit.holds(actual, base) is (actual == last)
        return
    assert last is not None
    beyond = last + (1 if op in ("<=", "<") else -1)
    assert budget.limit.holds(last, base) is True
    assert budget.limit.holds(beyond, base) is False


@given(budgets(), st.integers(0, 10**30), st.integers(0, 10**30))
def test_without_a_base_nothing_is_said_that_some_base_contradicts(budget: Budget, base: int, actual: int) -> None:
    said = budget.limit.holds(actual, None)
    assert said is None or said is budget.limit.holds(actual, base)


def answered(text: str) -> None:
    said = ""
    try:
        parse(text)
    except InputError as error:
        said = str(error)
    assert "\n" not in said


@given(st.text(max_size=60))
def test_any_text_is_a_budget_or_a_mistake_in_one_line(text: str) -> None:
    answered(text)


@given(budgets(), st.data())
def test_a_budget_with_a_slip_is_a_budget_or_a_mistake_in_one_line(budget: Budget, data: st.DataObject) -> None:
    text = str(budget)
    at = data.draw(st.integers(0, len(text)))
    slip = data.draw(st.sampled_from(["", "%", "(", ")", ",", " ", "<", "-", "e", "9" * 50, "::", '"', "\x00", "×"]))
    answered(text[:at] + slip + text[at + data.draw(st.integers(0, 3)) :])


@pytest.mark.parametrize(
    ("text", "model", "layer"),
    [
        ("macs <= 1", "*", ""),
        ("a/b.onnx: macs <= 1", "a/b.onnx", ""),
        ("a.onnx::layer1.*: macs <= 1", "a.onnx", "layer1.*"),
        ("a.onnx::b::c: macs <= 1", "a.onnx", "b::c"),
        ('"a: b.onnx": macs <= 1', "a: b.onnx", ""),
        ('"a: b.onnx::c: d": macs <= 1', "a: b.onnx", "c: d"),
        ('"say ""hi"".onnx": macs <= 1', 'say "hi".onnx', ""),
        ("C:\\nets\\a.onnx: macs <= 1", "C:\\nets\\a.onnx", ""),
    ],
)
def test_a_selector_is_split_at_its_first_colons(text: str, model: str, layer: str) -> None:
    budget = parse(text)
    assert (budget.model, budget.layer) == (model, layer)


def test_a_limit_of_forty_digits_is_read_and_a_longer_one_is_not() -> None:
    assert parse(f"macs <= {'9' * 40}").limit.last(None) == 10**40 - 1
    with pytest.raises(InputError, match="more than 40 digits"):
        parse(f"macs <= {'9' * 41}")


@pytest.mark.parametrize(
    "text",
    [
        "macs <= 1" + "0" * 5000, "x" * 5000 + ": macs <= 1", "macs <= " + "max(" * 2000,
        "sum(" + " " * 4000 + "macs <= 1",
        "macs <= 1" + " " * 4000 + "x", "x" + " " * 4000 + "y", "macs <= " + "9_" * 2000, "macs <= " + "1e" * 2000,
    ],
)  # fmt: skip
def test_a_text_without_end_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert len(str(caught.value)) < 400
