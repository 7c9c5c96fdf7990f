"""What is said of an operator, and how it is found."""

from __future__ import annotations

from itertools import pairwise

import pytest

from groupcalc.costs.rules import RULES, WITHOUT
from groupcalc.errors import UsageError
from groupcalc.explain.operators import NOT_COUNTED, operator, operators, operators_data


def test_every_operator_is_there_once() -> None:
    names = [each.name for each in operators()]
    assert len(names) == len(set(names))
    assert set(names) == RULES.keys() | WITHOUT.keys()


def test_a_family_stands_together_and_what_is_not_counted_last() -> None:
    families = [each.family for each in operators()]
    assert sorted(set(families), key=families.index) == list(dict.fromkeys(families))
    runs = sum(first != second for first, second in pairwise(families)) + 1
    assert runs == len(set(families))
    assert families[-1] == NOT_COUNTED


def test_an_operator_has_its_formula_and_the_version_of_its_source() -> None:
    conv = operator("Conv")
    assert conv is not None
    assert conv.formula == (
        "x[n, c, *in] * w[o, c/g, *k] (+ b[o]) -> y[n, o, *out]: |y| · c/g · |k| MACs, |y| bias adds"
    )
    assert conv.source == "ONNX Conv-22"
    assert conv.family == "Inner products"


def test_paragraphs_are_lines() -> None:
    for each in operators():
        assert all(text and "\n" not in text and "  " not in text for text in each.text), each.name


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("ai.onnx::Conv", "Conv"),
        ("FusedConv", "com.microsoft::FusedConv"),
        ("com.microsoft::Attention", "com.microsoft::Attention"),
        ("Attention", "Attention"),  # the default domain goes before others
        ("Scaler", "ai.onnx.ml::Scaler"),
        ("Gradient", "ai.onnx.preview.training::Gradient"),
    ],
)
def test_the_domain_may_be_left_out(name: str, found: str) -> None:
    operator_found = operator(name)
    assert operator_found is not None
    assert operator_found.name == found


@pytest.mark.parametrize("name", ["LSTN", "conv", "FusedCon", "", "\x1b[2J"])
def test_an_unknown_operator_is_none(name: str) -> None:
    assert operator(name) is None


def test_two_domains_with_one_name_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WITHOUT, "acme::FusedConv", "of no interest")
    with pytest.raises(
        UsageError, match=r"2 domains have an operator 'FusedConv' \(write com\.microsoft::FusedConv or"
    ):
        operator("FusedConv")


def test_data_tell_the_inputs_that_are_no_traffic() -> None:
    (conv,) = operators_data(filter(None, [operator("QLinearConv")]))
    assert conv["arguments"] == [1, 2, 4, 5, 6, 7]
    assert conv["weights"] == [3, 8]
    (gradient,) = operators_data(filter(None, [operator("Gradient")]))
    assert gradient["counted"] is False
