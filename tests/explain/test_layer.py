"""Formulas with the numbers put in: whatever stands there is computed again."""

from __future__ import annotations

import re
from fractions import Fraction
from math import prod

from hypothesis import given, settings
from hypothesis import strategies as st

from groupcalc.conv import Conv, conv
from groupcalc.explain.layer import Formula, cost_of, formulas, zeros
from groupcalc.units import show_intensity


def computed(text: str) -> Fraction:
    """What the numbers of a formula come to: sums of products of numbers and quotients."""
    total = Fraction(0)
    for summand in text.split(" + "):
        product = Fraction(1)
        for factor in re.split(r"\s*·\s*", summand):
            over, _, under = factor.replace(" ", "").replace(",", "").partition("/")
            product *= Fraction(int(over), int(under or 1))
        total += product
    return total


def check(formula: Formula) -> None:
    numbers, _, shown = formula.numbers.rpartition(" = ")
    value = computed(numbers)
    if isinstance(formula.value, int):
        assert value == formula.value
        assert shown == f"{formula.value:,}"
    else:
        assert show_intensity(float(value)) == shown


@settings(deadline=None)
@given(
    st.integers(1, 16), st.integers(1, 9), st.integers(1, 9), st.integers(1, 3), st.booleans(), st.booleans(),
    st.integers(1, 3),
)  # fmt: skip
def test_every_formula_comes_to_what_it_says(
    groups: int, ins: int, outs: int, kernel: int, bias: bool, transposed: bool, batch: int
) -> None:
    geometry = conv(
        groups * ins, groups * outs, kernel, (9, 8), groups=groups, bias=bias, transposed=transposed, batch=batch
    )
    found = formulas(geometry)
    for formula in found:
        check(formula)
    assert {formula.groups for formula in found} == {groups, 1}


def by_figure(geometry: Conv, groups: int) -> dict[str, int | float]:
    return {f.figure.partition(" ")[0]: f.value for f in formulas(geometry) if f.groups == groups}


def test_the_figures_are_those_of_the_cost_rules() -> None:
    geometry = conv(128, 128, 3, (56, 56), padding=1, groups=32)
    for groups, layer in ((32, geometry), (1, geometry.dense)):
        found, cost = by_figure(geometry, groups), cost_of(layer)
        assert found["weights"] == 128 * 128 // groups * 9
        assert found["params"] == cost.params
        assert found["MACs"] == cost.macs == 128 * 128 // groups * 9 * 56 * 56
        assert found["FLOPs"] == cost.flops
        assert found["bytes"] == cost.weight_bytes + cost.input_bytes + cost.output_bytes


def test_most_weights_of_a_dense_filter_would_be_zero() -> None:
    """(C − C/G)·K of them, of C·K."""
    geometry = conv(32, 64, (3, 5), (9, 9), groups=8)
    assert zeros(geometry) == ((32 - 4) * 15, 32 * 15)
    assert zeros(geometry.dense)[0] == 0
    none, all_of = zeros(geometry)
    assert all_of - none == prod(geometry.weight_shape[1:])
