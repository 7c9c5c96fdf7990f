"""The register tiles as LLVM code give what they give in plain Python.

Nothing in them is CUDA's own, so Numba compiles them for the CPU here: what the simulator leaves out is run as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import njit
from numba.extending import intrinsic

from groupcalc.kernels.cuda.launch import emit, plain
from groupcalc.kernels.cuda.plan import magic

RNG = np.random.default_rng(7)


def numbers(count: int) -> np.ndarray:
    """Small integers: their sums are exact, so that both forms must agree to the bit."""
    return RNG.integers(-4, 5, count).astype(np.float32)


STORED = {"float32": np.float32, "float16": np.float16}


def as_stored(array: np.ndarray) -> np.ndarray:
    """The same memory with its halves as 16 bits: to Numba's compiler for a CPU they are no numbers."""
    return array.view(np.int16) if array.dtype == np.float16 else array


def both(name: str, **literals: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """A tile compiled for the CPU, and plain."""
    compiled: Any = intrinsic(getattr(emit, name)(**literals))
    return compiled, getattr(plain, name)(**literals)


WINDOWS = {
    "3×3": {"KH": 3, "KW": 3, "SH": 1, "SW": 1, "DH": 1, "DW": 1, "R": 4, "V": 4, "Q": 4, "LEAD": 3},
    "3×3-of-halves": {"KH": 3, "KW": 3, "SH": 1, "SW": 1, "DH": 1, "DW": 1, "R": 2, "V": 8, "Q": 8, "LEAD": 7},
    "5×5-stride-2": {"KH": 5, "KW": 5, "SH": 2, "SW": 2, "DH": 1, "DW": 1, "R": 2, "V": 2, "Q": 4, "LEAD": 2},
    "dilated": {"KH": 2, "KW": 3, "SH": 1, "SW": 1, "DH": 3, "DW": 2, "R": 3, "V": 2, "Q": 2, "LEAD": 0},
    "single": {"KH": 3, "KW": 2, "SH": 3, "SW": 1, "DH": 1, "DW": 1, "R": 2, "V": 1, "Q": 1, "LEAD": 0},
}


@pytest.mark.parametrize("stored", STORED.values(), ids=STORED)
@pytest.mark.parametrize("literals", WINDOWS.values(), ids=WINDOWS)
def test_a_window_adds_every_tap_within_the_plane_and_none_outside(literals: dict[str, int], stored: Any) -> None:
    compiled, expected = both("window", **literals)

    @njit
    def run(x: Any, at: int, top: int, left: int, taps: Any, start: Any) -> Any:
        return compiled(x, at, 7, 8, top, left, taps, start)

    x = np.concatenate([np.full(16, np.nan, np.float32), numbers(7 * 8), np.full(16, np.nan, np.float32)]).astype(
        stored
    )
    taps = tuple(numbers(literals["KH"] * literals["KW"]))
    for top in range(-6, 8):
        for left in range(-8, 12, literals["Q"]):
            given = (x, 16, top, left, taps, np.float32(3))
            assert run(as_stored(x), *given[1:]) == expected(x, 16, 7, 8, *given[2:])


STEPS = {
    "3-rows": {"PITCH": 12, "WIDTH": 8, "R": 7, "TM": 8, "KH": 3, "SH": 1, "DH": 1},
    "stride-2": {"PITCH": 8, "WIDTH": 4, "R": 3, "TM": 2, "KH": 3, "SH": 2, "DH": 1},
    "dilated": {"PITCH": 8, "WIDTH": 12, "R": 2, "TM": 4, "KH": 2, "SH": 1, "DH": 3},
    "one": {"PITCH": 8, "WIDTH": 1, "R": 1, "TM": 1, "KH": 1, "SH": 1, "DH": 1},
}


@pytest.mark.parametrize("literals", STEPS.values(), ids=STEPS)
def test_a_step_adds_one_column_of_the_kernel(literals: dict[str, int]) -> None:
    compiled, expected = both("step", **literals)

    @njit
    def run(sums: Any, x: Any, x_at: int, w: Any, w_at: int) -> Any:
        return compiled(sums, x, x_at, w, w_at)

    given = (tuple(numbers(literals["TM"] * literals["R"])), numbers(128), 5, numbers(64), literals["TM"])
    assert run(*given) == expected(*given)


@pytest.mark.parametrize(("channels", "rows"), [(4, 3), (9, 9), (1, 2), (3, 1)])
@pytest.mark.parametrize("stored", STORED.values(), ids=STORED)
@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_a_store_writes_the_channels_and_rows_that_there_are(width: int, stored: Any, channels: int, rows: int) -> None:
    compiled, expected = both("store", TM=4, R=3, V=width)

    @njit
    def run(y: Any, at: int, plane: int, pitch: int, channels: int, rows: int, sums: Any) -> None:
        compiled(y, at, plane, pitch, channels, rows, sums)

    found, wanted = np.zeros(256, stored), np.zeros(256, stored)
    given = (8, 48, 8, channels, rows, tuple(numbers(4 * 3 * width) + 10))
    run(as_stored(found), *given)
    expected(wanted, *given)
    assert np.count_nonzero(wanted) == min(channels, 4) * min(rows, 3) * width
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("stored", STORED.values(), ids=STORED)
@pytest.mark.parametrize("width", [1, 2, 4])
@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize(("row", "column"), [(0, 0), (2, 4), (-1, 0), (3, 0), (0, -4), (0, 8)])
def test_staging_puts_zeros_where_there_is_no_input(width: int, stored: Any, live: bool, row: int, column: int) -> None:
    compiled, expected = both("stage", Q=width)

    @njit
    def run(target: Any, t_at: int, x: Any, at: int, plane: int, row: int, column: int, live: bool) -> None:
        compiled(target, t_at, x, at, plane, row, column, 3, 8, live)

    found, wanted = np.full(16, 9, np.float32), np.full(16, 9, np.float32)
    x = (numbers(4 + 2 * 3 * 8) + 5).astype(stored)
    run(found, 4, as_stored(x), 4, 1, row, column, live)
    expected(wanted, 4, x, 4, 1, row, column, 3, 8, live)
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("name", "literals"), [("read", {"COUNT": 9}), ("read", {"COUNT": 4}), ("starts", {"R": 3, "TM": 2})]
)
def test_numbers_are_read_in_order(name: str, literals: dict[str, int]) -> None:
    compiled, expected = both(name, **literals)

    @njit
    def run(array: Any, at: int) -> Any:
        return compiled(array, at)

    array = numbers(32)
    assert run(array, 4) == expected(array, 4)


@pytest.mark.parametrize("to", STORED.values(), ids=STORED)
@pytest.mark.parametrize("stored", STORED.values(), ids=STORED)
@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_a_move_copies_one_access(width: int, stored: Any, to: Any) -> None:
    compiled, expected = both("move", Q=width)

    @njit
    def run(target: Any, t_at: int, source: Any, s_at: int) -> None:
        compiled(target, t_at, source, s_at)

    source, found, wanted = numbers(16).astype(stored), np.zeros(16, to), np.zeros(16, to)
    run(as_stored(found), 8, as_stored(source), 8)
    expected(wanted, 8, source, 8)
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("value", [1 + 2.0**-11, 1 + 3 * 2.0**-11, 65519, 65520, -1e9, 2.0**-24, 2.0**-25, 3e-8])
def test_a_sum_is_stored_as_the_nearest_half(value: float) -> None:
    compiled, _ = both("store", TM=1, R=1, V=1)

    @njit
    def run(y: Any, sums: Any) -> None:
        compiled(y, 0, 1, 1, 1, 1, sums)

    found = np.zeros(1, np.float16)
    run(as_stored(found), (np.float32(value),))
    with np.errstate(over="ignore"):
        assert found[0] == np.float32(value).astype(np.float16)


def test_a_chain_multiplies_and_adds() -> None:
    compiled, expected = both("chain", COUNT=3, LENGTH=4)

    @njit
    def run(sums: Any, a: Any, b: Any) -> Any:
        return compiled(sums, a, b)

    given = (tuple(numbers(3)), np.float32(2), np.float32(1))
    assert run(*given) == expected(*given)


def test_division_by_a_factor_is_division() -> None:
    compiled, expected = both("divide")

    @njit
    def worst(limit: int, divisor: int, factor: int) -> int:
        wrong = 0
        for number in range(limit):
            wrong += compiled(number, factor) != number // divisor
        return wrong

    for divisor in (*range(1, 300), 2**15 - 1, 2**15, 2**15 + 1, 65521, 2**16 - 1, 2**16):
        assert worst(2**16, divisor, magic(divisor)) == 0
        assert expected(65535, magic(divisor)) == 65535 // divisor
