"""Verdicts: exact, and never more certain than what was counted."""

from __future__ import annotations

import ast
from dataclasses import fields, is_dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import groupcalc.budget as package
from groupcalc.budget import Subject, Verdict, check, parse
from groupcalc.budget.verdicts import exit_status
from groupcalc.costs.cost import Cost, GraphCost, LayerCost
from groupcalc.graph import Uncounted

NODE = Uncounted(name="n7", op="com.acme::Foo", reason="no rule")


def model(*macs: int, path: str = "m.onnx", uncounted: int = 0) -> GraphCost:
    """A model of layers with these MACs, and so many nodes that are not counted."""
    rows = tuple(
        LayerCost(name=f"conv{i}", op="Conv", groups=1, inputs=(), outputs=(), cost=Cost(macs=count, flops=2 * count))
        for i, count in enumerate(macs)
    )
    return GraphCost(
        name=path, path=path, inputs=(), layers=rows, totals=Cost.total(row.cost for row in rows),
        peak_activation_bytes=0, uncounted=(NODE,) * uncounted,
    )  # fmt: skip


def judged(new: GraphCost, *budgets: str, base: GraphCost | None = None, **rest: Any) -> list[Verdict]:
    subject = Subject(cost=new, names=(new.path,), base=base, state="paired" if base else "none")
    return check([parse(text) for text in budgets], [subject], **rest)


def values(value: Any) -> list[Any]:
    """Everything that a verdict holds, however deep."""
    if is_dataclass(value):
        return [found for field in fields(value) for found in values(getattr(value, field.name))]
    if isinstance(value, tuple | list):
        return [found for item in value for found in values(item)]
    return [value]


HUGE = st.integers(0, 2**200)


@given(HUGE, HUGE, st.sampled_from(["+2%", "-33.33%", "+5M", "base", "0.1G", "max(+2%, 1.7P)", "min(-1%, 1e18 T)"]))
def test_no_figure_of_a_verdict_is_a_float(new: int, base: int, limit: str) -> None:
    for budget in (f"macs <= {limit}", f"macs > {limit}", f"m.onnx::conv0: macs < {limit}", f"sum(macs) == {limit}"):
        for verdict in judged(model(new), budget, base=model(base)):
            found = values(verdict)
            assert any(isinstance(value, Fraction) for value in found)
            assert not any(isinstance(value, float) for value in found)


def test_no_float_is_written_in_the_code_of_verdicts() -> None:
    """Neither a float literal nor float(), nor a division of anything but fractions."""
    for file in Path(package.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), file
            assert not (isinstance(node, ast.Name) and node.id in ("float", "round", "log", "isclose")), file
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
                assert (file.name, ast.unparse(node)) == ("grammar.py", "amount / 100")  # a Fraction


@given(HUGE)
def test_one_mac_decides_however_large_the_figure(count: int) -> None:
    [kept] = judged(model(count + 1), "macs <= +1", base=model(count))
    [broken] = judged(model(count + 2), "macs <= +1", base=model(count))
    assert (kept.status, kept.over) == ("pass", 0)
    assert (broken.status, broken.over, broken.limit) == ("fail", 1, count + 1)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 3))
def test_a_budget_that_holds_holds_for_more_counted_only_upwards(macs: int, limit: int, uncounted: int) -> None:
    """A part says of the whole, which is as much or more: beyond an upper limit, or within a lower one."""
    part = model(macs, uncounted=uncounted)
    statuses = [verdict.status for verdict in judged(part, f"macs <= {limit}", f"macs >= {limit}", f"macs == {limit}")]
    assert statuses == [
        "fail" if macs > limit else "unknown",
        "pass" if macs >= limit else "unknown",
        "fail" if macs > limit else "unknown",
    ]


def test_what_is_not_counted_is_named() -> None:
    [verdict] = judged(model(5, uncounted=2), "macs <= 10")
    assert (verdict.status, verdict.rule) == ("unknown", "GC005")
    assert verdict.reason == ("2 nodes are not counted, the first n7 (com.acme::Foo): allow them with 'uncounted <= N'")


@pytest.mark.parametrize(
    ("allowing", "status"),
    [
        ("uncounted <= 2", "pass"),
        ("uncounted < 3", "pass"),
        ("uncounted == 2", "pass"),
        ("m.onnx: uncounted <= 2", "pass"),
        ("uncounted <= 1", "unknown"),
        ("uncounted >= 1", "unknown"),  # asks for them, and allows no number
        ("other.onnx: uncounted <= 2", "unknown"),
        ("max(macs) <= 10", "unknown"),
    ],
)
def test_a_budget_of_uncounted_nodes_allows_as_many(allowing: str, status: str) -> None:
    assert judged(model(5, uncounted=2), "macs <= 10", allowing)[0].status == status


def test_more_uncounted_nodes_than_allowed_are_broken_and_the_rest_cannot_be_said() -> None:
    found = judged(model(5, uncounted=2), "macs <= 10", "uncounted <= 1")
    assert [verdict.status for verdict in found] == ["unknown", "fail"]
    assert exit_status(found) == 2


def test_a_base_that_is_not_all_counted_is_no_base() -> None:
    base = model(5, uncounted=1)
    [relative, absolute] = judged(model(6), "macs <= +0%", "macs <= 10", base=base)
    assert (relative.status, relative.rule) == ("unknown", "GC005")
    assert relative.reason == "in the base 1 node is not counted, n7 (com.acme::Foo)"
    assert absolute.status == "pass"
    [verdict, _] = judged(model(6), "macs <= +0%", "uncounted <= 1", base=base)
    assert verdict.status == "fail"


def test_layers_of_a_model_with_uncounted_nodes_cannot_be_said_to_hold() -> None:
    statuses = [verdict.status for verdict in judged(model(5, 20, uncounted=1), "m.onnx::*: macs <= 10")]
    assert statuses == ["unknown", "fail"]


def test_each_selected_layer_is_judged_and_a_function_takes_all_of_them() -> None:
    each = judged(model(5, 6, 7), "m.onnx::conv[12]: macs <= 6")
    assert [(verdict.layer, verdict.status, verdict.over) for verdict in each] == [
        ("conv1", "pass", 0),
        ("conv2", "fail", 1),
    ]
    [together] = judged(model(5, 6, 7), "m.onnx::conv[12]: sum(macs) <= 12")
    assert (together.layer, together.actual, together.over) == ("conv[12]", 13, 1)
    [largest] = judged(model(5, 6, 7), "max(macs) <= 6")
    assert (largest.layer, largest.actual, largest.over) == (None, 7, 1)


def test_level_warn_never_decides_the_exit_status() -> None:
    subject = Subject(cost=model(5, uncounted=1), names=("m.onnx",))
    budgets = [
        parse("macs <= 1", level="warn"),
        parse("macs <= 9", level="warn"),
        parse("x.onnx: macs <= 9", level="warn"),
    ]
    found = check(budgets, [subject])
    assert [verdict.status for verdict in found] == ["warn", "unknown", "warn"]
    assert exit_status(found) == 0


def test_level_off_is_not_judged() -> None:
    [verdict] = check([parse("macs <= 1", level="off")], [Subject(cost=model(5), names=("m.onnx",))])
    assert (verdict.status, verdict.reason) == ("skipped", "its level is off")


def test_a_selector_that_selects_nothing_is_broken_where_all_models_are_given() -> None:
    [verdict] = judged(model(5), "other.onnx: macs <= 1")
    assert (verdict.status, verdict.rule, verdict.reason) == ("fail", "GC004", "no model fits 'other.onnx'")
    [verdict] = judged(model(5), "other.onnx: macs <= 1", all_given=False)
    assert verdict.status == "skipped"


def test_cannot_say_beats_broken_beats_holds() -> None:
    assert exit_status(judged(model(5), "macs <= 9", "macs <= 5")) == 0
    assert exit_status(judged(model(5), "macs <= 9", "macs <= 4")) == 1
    assert exit_status(judged(model(5), "macs <= 4", "macs <= base")) == 2
