"""The table of rules as a whole: nothing twice, nothing untested, nothing without a word."""

from __future__ import annotations

import pytest

from groupcalc.costs.cost import Work
from groupcalc.costs.model import cost
from groupcalc.costs.rules import FAMILIES, RULES, WITHOUT, cost_rule
from groupcalc.costs.rules.versions import VERSIONS, source
from groupcalc.graph import Graph, Layer
from tests.costs.rules import test_domains, test_microsoft, test_onnx


def test_every_rule_has_a_case() -> None:
    cases = (*test_onnx.CASES, *test_domains.CASES, *test_microsoft.CASES)
    assert set(RULES) == {case.op for case in cases}


def test_a_second_rule_for_an_operator_is_refused() -> None:
    with pytest.raises(ValueError, match="operator Conv has a rule already"):
        cost_rule("Conv")(lambda layer: Work())


def test_every_rule_says_what_it_counts() -> None:
    assert all(rule.work.__doc__ for rule in RULES.values())


def test_every_rule_is_of_a_family() -> None:
    assert {rule.work.__module__ for rule in RULES.values()} == {family.__name__ for family in FAMILIES}


def test_no_operator_has_two_answers() -> None:
    assert not RULES.keys() & WITHOUT.keys()


@pytest.mark.parametrize("op", WITHOUT)
def test_an_operator_that_cannot_be_counted_says_why(op: str) -> None:
    graph = Graph(name="g", layers=(Layer(name="n", op=op, inputs=(), outputs=()),))
    assert [node.reason for node in cost(graph).uncounted] == [WITHOUT[op]]


def test_a_source_names_the_version() -> None:
    assert source("Conv") == "ONNX Conv-22"
    assert source("ai.onnx.ml::Scaler") == "ONNX ai.onnx.ml Scaler-1"
    assert source("com.microsoft::FusedConv") == "onnxruntime com.microsoft FusedConv-1"
    assert source("SimplifiedLayerNormalization") == "onnxruntime SimplifiedLayerNormalization-1"


def test_versions_are_of_operators_that_have_an_answer() -> None:
    assert VERSIONS.keys() <= RULES.keys() | WITHOUT.keys()
