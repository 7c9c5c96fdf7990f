"""Counts, bytes, shares and names as people read them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groupcalc.units import (
    BYTE_PREFIXES,
    COUNT_PREFIXES,
    show_bytes,
    show_count,
    show_intensity,
    show_name,
    show_percent,
    show_rate,
    show_ratio,
    show_seconds,
    show_shape,
)

WORDS = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.000 k"),
        (4230, "4.230 k"),
        (999_949, "999.9 k"),
        (99_995, "100.0 k"),
        (999_950, "1.000 M"),  # 999.95 k would round to 1000.0 k
        (25_028_904, "25.03 M"),
        (4_230_000_000, "4.230 G"),
        (10**18, "1.000 E"),
        (10**24, "1000000 E"),
        (-1500, "-1.500 k"),
    ],
)
def test_counts_have_four_digits_and_an_si_prefix(count: int, text: str) -> None:
    assert show_count(count) == text


def test_the_unit_is_joined_to_the_prefix() -> None:
    assert show_count(4_230_000_000, "MACs") == "4.230 GMACs"
    assert show_count(12, "MACs") == "12 MACs"
    assert show_count(8_460_000_000, "FLOPs", digits=2) == "8.5 GFLOPs"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.000 KiB"), (10 * 1024, "10.00 KiB"), (100 * 2**20, "100.0 MiB")],
)
def test_bytes_have_a_binary_prefix(count: int, text: str) -> None:
    assert show_bytes(count) == text


def read(text: str, base: int, prefixes: tuple[str, ...]) -> tuple[Fraction, Fraction]:
    """The number that a text stands for, and what its last digit is worth."""
    number, _, prefix = text.removesuffix("B").rstrip().partition(" ")
    scale = base ** prefixes.index(prefix)
    return Fraction(number) * scale, Fraction(scale, 10 ** len(number.partition(".")[2]))


@given(st.integers(0, 10**30))
def test_a_shown_count_is_right_to_half_its_last_digit(count: int) -> None:
    value, last = read(show_count(count), 1000, COUNT_PREFIXES)
    assert abs(value - count) <= last / 2


@given(st.integers(0, 2**80))
def test_shown_bytes_are_right_to_half_their_last_digit(count: int) -> None:
    value, last = read(show_bytes(count), 1024, BYTE_PREFIXES)
    assert abs(value - count) <= last / 2


@given(st.integers(1000, 10**20))
def test_a_shown_count_has_four_digits(count: int) -> None:
    assert sum(character.isdigit() for character in show_count(count)) == 4


def test_percent_is_rounded_in_integers() -> None:
    assert show_percent(1, 2000) == "0.1 %"  # exactly half: up
    assert show_percent(1, 2001) == "0.0 %"
    assert show_percent(2**80, 2**80) == "100.0 %"
    assert show_percent(1, 0) == "–"


@given(st.integers(0, 2**70), st.integers(1, 2**70))
def test_percent_is_right_to_half_a_tenth(part: int, whole: int) -> None:
    assert abs(Fraction(show_percent(part, whole).removesuffix(" %")) - Fraction(100 * part, whole)) <= Fraction(1, 20)


def test_ratios_have_three_digits() -> None:
    assert [show_ratio(*pair) for pair in ((269, 100), (32, 1), (128, 1), (1, 0))] == ["×2.69", "×32.0", "×128", "–"]


def test_intensities_have_about_three_digits() -> None:
    assert [show_intensity(value) for value in (0.0, 0.125, 8.914, 27.24, 243.4)] == [
        "0.00", "0.12", "8.91", "27.2", "243",
    ]  # fmt: skip


def test_shapes() -> None:
    assert show_shape((1, 3, 224, 224)) == "1×3×224×224"
    assert show_shape(()) == "scalar"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("layer1/conv2", "layer1/conv2"),
        ("слой→卷积", "слой→卷积"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\x9b2J", "\\x9b2J"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\u202egnp", "\\u202egnp"),
        ("\ud800", "\\ud800"),
    ],
)
def test_names_are_shown_inert(name: str, text: str) -> None:
    assert show_name(name) == text


@given(WORDS)
def test_any_name_prints_on_one_line_and_stays_as_shown(name: str) -> None:
    shown = show_name(name)
    assert shown.isprintable()
    assert show_name(shown) == shown
    shown.encode()


@given(st.text(st.characters(categories=("L", "N", "P", "S"))))
def test_names_that_print_are_shown_as_they_are(name: str) -> None:
    assert show_name(name) == name


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.00 ns"),
        (850e-9, "850 ns"),
        (999.6e-9, "1.00 µs"),  # 999.6 ns would round to 1000 ns
        (12.34e-6, "12.3 µs"),
        (1.0449e-3, "1.04 ms"),
        (9.996e-3, "10.0 ms"),
        (0.25, "250 ms"),
        (2.5, "2.50 s"),
        (1234.0, "1234 s"),
    ],
)
def test_times_have_three_digits_and_the_unit_that_fits(seconds: float, text: str) -> None:
    assert show_seconds(seconds) == text


@pytest.mark.parametrize(
    ("rate", "unit", "text"),
    [
        (117.44e9, "FLOP/s", "117 GFLOP/s"),
        (27.46e9, "B/s", "27.5 GB/s"),
        (999.7e9, "FLOP/s", "1.00 TFLOP/s"),
        (12.0, "B/s", "12.0 B/s"),
        (1e30, "B/s", "1000000000000 EB/s"),
    ],
)
def test_rates_have_three_digits_and_an_si_prefix(rate: float, unit: str, text: str) -> None:
    assert show_rate(rate, unit) == text
