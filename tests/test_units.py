"""Counts, bytes, shares and names as people read them."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groupcalc.errors import UsageError
from groupcalc.units import (
    BYTE_PREFIXES,
    COUNT_PREFIXES,
    parse_rate,
    show_bytes,
    show_count,
    show_intensity,
    show_name,
    show_part,
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


def test_parts_are_whole_per_cent() -> None:
    assert [show_part(part) for part in (0.0, 0.444, 1.0, -0.031, 1.066)] == ["0 %", "44 %", "100 %", "-3 %", "107 %"]


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
    ("text", "unit", "rate"),
    [
        ("236GFLOP/s", "FLOP/s", 236e9),
        ("236 GFLOP/s", "FLOP/s", 236e9),
        ("1.5 TFLOP/s", "FLOP/s", 1.5e12),
        ("27GB/s", "B/s", 27e9),
        ("27 GiB/s", "B/s", 27 * 2**30),
        ("500MB/s", "B/s", 500e6),
        ("27G", "B/s", 27e9),
        ("2.36e11", "FLOP/s", 2.36e11),
        ("12345 B/s", "B/s", 12345.0),
    ],
)
def test_rates_are_read_as_people_write_them(text: str, unit: str, rate: float) -> None:
    assert parse_rate(text, unit) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("text", "unit", "fact"),
    [
        ("fast", "B/s", "'fast' is not a rate"),
        ("", "B/s", "'' is not a rate"),
        ("-1GB/s", "B/s", "'-1GB/s' is not a rate"),
        ("27GB/s", "FLOP/s", "'27GB/s' is not in FLOP/s"),
        ("27 Gb/s", "B/s", "'27 Gb/s' is not in B/s"),
        ("27gB/s", "B/s", "'27gB/s' is not in B/s"),
        ("236 GiFLOP/s", "FLOP/s", "'236 GiFLOP/s': Gi is for bytes"),
        ("0GB/s", "B/s", "'0GB/s' is no rate of a machine"),
        ("1e99", "B/s", "'1e99' is no rate of a machine"),
        ("nan", "B/s", "'nan' is not a rate"),
    ],
)
def test_what_is_no_rate_is_answered_with_one(text: str, unit: str, fact: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_rate(text, unit)
    assert caught.value.fact == fact
    assert parse_rate(caught.value.way_out.removeprefix("write "), unit) == 27e9


@given(st.floats(1.0, 1e20), st.sampled_from(["B/s", "FLOP/s"]))
def test_a_rate_that_was_shown_reads_back_to_its_three_digits(rate: float, unit: str) -> None:
    assert parse_rate(show_rate(rate, unit), unit) == pytest.approx(rate, rel=0.006)


@given(st.text(max_size=20))
def test_any_text_is_a_rate_or_an_error_of_ours(text: str) -> None:
    with suppress(UsageError):
        assert 0 < parse_rate(text, "B/s") < 1e24


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
