"""Arithmetic between the names of dimensions."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groupcalc.errors import GeometryError
from groupcalc.sources.onnx.dims import names, size_of

SIZES = {"h": 7, "w": 12, "s0": 3, "past_len": 5}


@pytest.mark.parametrize(
    ("symbol", "size"),
    [
        ("past_len + s0", 5 + 3),
        ("2*h", 2 * 7),
        ("h*w", 7 * 12),
        ("(h - 1)//2 + 1", 6 // 2 + 1),
        ("floor(w/5)", 2),
        ("ceiling(w/5)", 3),
        ("Max(1, s0, h)", 7),
        ("Min(h, w)", 7),
        ("Mod(h, 4)", 3),
        ("h % 4", 3),
        ("FloorDiv(h, 2)", 3),
        ("CeilDiv(h, 2)", 4),
        ("s0**2 + -h + w", 9 - 7 + 12),
        ("w/4", 3),
        ("12*h/7", 12),
        ("h", 7),
    ],
)
def test_arithmetic_is_done_exactly(symbol: str, size: int) -> None:
    assert size_of(symbol, SIZES) == size


@pytest.mark.parametrize("symbol", ["h/2", "h - w", "h//0", "h % 0", "s0**8**8", "w**8*w**8*w**8*w**8"])
def test_what_comes_to_no_size_is_said_with_the_numbers(symbol: str) -> None:
    if symbol == "s0**8**8":  # no arithmetic that anybody writes: a name
        assert size_of(symbol, SIZES) is None
        return
    with pytest.raises(GeometryError, match=r"dimension '.*' is no size with (h=7|w=12)"):
        size_of(symbol, SIZES)


@pytest.mark.parametrize(
    "symbol",
    ["", "batch size", "h.w", "unk__12", "h if w else s0", "__import__('os')", "h[0]", "f(h)", "floor(h, w)", "h and w",
     "'h'", "h < w", "lambda: h", "1if h else 2", "h*1.5", "True + h", "(" * 300, "h+" * 100 + "h", "h\x00", "²"],
)  # fmt: skip
def test_everything_else_is_a_name(symbol: str) -> None:
    assert names(symbol) == frozenset()
    assert size_of(symbol, SIZES) is None


def test_a_name_in_arithmetic_that_has_no_size_leaves_it_unknown() -> None:
    assert size_of("h + z", SIZES) is None
    assert names("h + z") == {"h", "z"}


def test_the_whole_goes_before_its_parts() -> None:
    assert size_of("h-w", {"h-w": 4, "h": 1, "w": 1}) == 4


@given(st.lists(st.sampled_from([*"hw s0123+-*/%(),._", "floor(", "Max(", "//", "**"]), max_size=40).map("".join))
def test_any_text_is_a_size_a_name_or_a_mistake(symbol: str) -> None:
    try:
        size = size_of(symbol, SIZES)
    except GeometryError:
        return
    assert size is None or size >= 0


INTEGERS = st.recursive(
    st.sampled_from(["h", "w", "s0", "past_len", "1", "2", "10"]),
    lambda part: st.tuples(part, st.sampled_from(["+", "*", "//", "%"]), part).map(lambda each: f"({''.join(each)})"),
    max_leaves=6,
)


@given(INTEGERS)
def test_integer_arithmetic_is_pythons(symbol: str) -> None:
    try:
        wanted = eval(compile(ast.parse(symbol, mode="eval"), "", "eval"), {}, dict(SIZES))
    except ZeroDivisionError:
        wanted = None
    if not names(symbol):
        assert size_of(symbol, SIZES) == SIZES.get(symbol)
    elif wanted is None:
        with pytest.raises(GeometryError):
            size_of(symbol, SIZES)
    else:
        assert size_of(symbol, SIZES) == wanted
