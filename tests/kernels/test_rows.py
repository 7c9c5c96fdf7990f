"""The kernel of rows: depthwise and narrow groups, any padding below the kernel, planes of any size."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from groupcalc.conv import Conv, conv
from groupcalc.kernels import reference, rows
from groupcalc.kernels.host import HOSTS
from groupcalc.kernels.prepared import Compiled
from groupcalc.kernels.rows import Tile

AVX512, AVX2 = HOSTS["avx512"], HOSTS["avx2"]


def depthwise(channels: int, size: int, kernel: int, stride: int = 1, **more: Any) -> Conv:
    given: dict[str, Any] = {"stride": stride, "padding": kernel // 2, "groups": channels}
    return conv(channels, channels, kernel, (size, size), **given | more)


# --- the planner ----------------------------------------------------------------------------------------------------


def tile_of(c: Conv) -> tuple[int, int]:
    tile = rows.best_tile(c, AVX512)
    return tile.rows, tile.units


def test_rows_of_a_tile_divide_the_plane() -> None:
    assert [tile_of(depthwise(8, size, 3)) for size in (112, 56, 28, 14)] == [(14, 1)] * 4
    assert tile_of(depthwise(8, 64, 3)) == (8, 1)


def test_planes_of_seven_rows_go_in_pairs() -> None:
    assert tile_of(depthwise(8, 7, 5)) == (7, 2)


def test_a_tile_leaves_registers_for_its_weights() -> None:
    for host in (AVX512, AVX2):
        for kernel, stride in ((3, 1), (5, 1), (7, 1), (3, 2), (5, 2), (7, 2)):
            for size in range(1, 40):
                tile = rows.best_tile(depthwise(8, size, kernel, stride), host)
                # Stride 2: two vectors of sums a row, or all 9 weights at once. Of 7 weights in a column 5 are held.
                triples = kernel == 3 and stride == 2 and host is AVX512
                vectors, weights = (1, 9) if triples else (stride, min(kernel, 5))
                assert tile.units * (tile.rows * vectors + weights) < host.registers


def tile_for(size: int, kernel: int = 3, stride: int = 1, **more: Any) -> Tile:
    plan = rows.fit(depthwise(8, size, kernel, stride, **more), AVX512, threads=1)
    assert plan is not None
    return rows.tile_of(plan)


def vectors_of(size: int) -> tuple[int, int, int]:
    tile = tile_for(size)
    return tile.vectors(size), tile.lanes, tile.tail


def test_a_row_ends_with_half_a_vector_where_that_is_enough() -> None:
    assert vectors_of(56) == (3, 16, 8)  # 56 = 3·16 + 8
    assert vectors_of(28) == (2, 16, 0)  # of the last 12 pixels half a vector would leave 4
    assert vectors_of(7) == (1, 8, 0)


def test_only_vectors_at_the_ends_of_a_long_row_see_padding() -> None:
    def ends(size: int, kernel: int, stride: int = 1) -> tuple[int, int, int]:
        tile = tile_for(size, kernel, stride)
        return tile.left, tile.right, tile.ends

    assert ends(56, 3) == (1, 1, 1)
    assert ends(112, 7, 2) == (3, 2, 1)  # the last pixel, the 56th, sees columns 55·2 - 3 = 107 to 113 of 112
    assert ends(113, 3, 2) == (1, 1, 1)
    # 17 = 16 + 1: the first 16 pixels must not see the 3 columns of padding at the end, but the last of them sees 2
    assert ends(17, 7) == (3, 0, 0)
    assert ends(19, 7) == (3, 3, 1)


def test_a_last_pixel_may_leave_a_column_unseen() -> None:
    assert tile_for(112, 3, 2, padding=0).right == -1  # (112 - 3)//2 + 1 = 55 pixels see 54·2 + 3 = 111 columns


def test_usual_short_rows_are_compiled_in() -> None:
    assert [tile_for(size).width for size in (7, 8, 14, 16, 28)] == [7, 8, 14, 16, 0]
    assert [tile_for(size, 3, 2).width for size in (14, 28, 32, 56)] == [14, 28, 32, 0]
    assert [tile_for(size).width for size in (6, 9, 13)] == [0, 0, 0]


NOT_FOR_ROWS = {
    "eight-channels-a-group": conv(8, 16, 3, (9, 9), groups=2),
    "one-axis": conv(4, 4, 3, (9,), groups=4),
    "a-flat-kernel": conv(4, 4, (1, 3), (9, 9), groups=4),
    "stride-3": depthwise(4, 9, 3, stride=3),
    "unequal-strides": depthwise(4, 9, 3, stride=(1, 2)),  # type: ignore[arg-type]
    "dilation": depthwise(4, 9, 3, dilation=2),
    "rows-of-padding": depthwise(4, 9, 3, padding=3),
}


@pytest.mark.parametrize("c", NOT_FOR_ROWS.values(), ids=NOT_FOR_ROWS)
def test_rare_geometry_is_left_to_another_kernel(c: Conv) -> None:
    assert rows.fit(c, AVX512, threads=1) is None


def test_a_host_without_masked_loads_is_left_to_another_kernel() -> None:
    assert rows.fit(depthwise(4, 9, 3), HOSTS["neon"], threads=1) is None


def test_a_full_row_of_lanes_wastes_only_padding() -> None:
    plan = rows.fit(depthwise(4, 56, 3, bias=False), AVX512, threads=1)
    assert plan is not None
    # 4 planes of 56 = 3·16 + 8 columns; 3 taps along a row; 56 rows see 3 taps each, but the first and last see 2
    assert plan.lane_macs == 4 * 56 * 3 * (3 * 56 - 2)
    assert plan.real_macs == 4 * (3 * 56 - 2) * (3 * 56 - 2)


def test_a_row_of_seven_leaves_one_lane_of_eight_idle() -> None:
    plan = rows.fit(depthwise(3, 7, 3), AVX512, threads=1)
    assert plan is not None
    assert plan.lane_macs == 4 * 8 * 3 * (3 * 7 - 2)  # the third plane is computed twice, for want of a fourth


def test_a_lane_of_a_pair_without_a_second_tap_is_idle() -> None:
    plan = rows.fit(depthwise(4, 56, 5, stride=2), AVX512, threads=1)
    assert plan is not None
    # 28 columns in 2 vectors of 16; 5 taps along a row make 3 pairs; 28 rows see 5 taps, but the first 3 and the last 4
    assert plan.lane_macs == 4 * (2 * 16) * 6 * (28 * 5 - 2 - 1)


# --- the numbers ----------------------------------------------------------------------------------------------------

TILES = (
    Tile(kernel=3, stride=1, rows=14, units=1, lanes=16, at_once=1),
    Tile(kernel=3, stride=1, rows=7, units=2, lanes=16, at_once=1),
    Tile(kernel=3, stride=1, rows=8, units=1, lanes=8, at_once=1),
    Tile(kernel=5, stride=1, rows=4, units=2, lanes=16, at_once=1),
    Tile(kernel=7, stride=1, rows=4, units=2, lanes=16, at_once=1),
    Tile(kernel=3, stride=2, rows=7, units=1, lanes=16, at_once=3),
    Tile(kernel=3, stride=2, rows=4, units=1, lanes=8, at_once=2),
    Tile(kernel=5, stride=2, rows=8, units=1, lanes=16, at_once=2),
    Tile(kernel=7, stride=2, rows=4, units=1, lanes=16, at_once=2),
)
"""One of each kind: every kernel and stride, both widths, single planes and pairs."""

ROWS = (7, 14, 23, 38)
COLUMNS = (7, 10, 15, 24, 27, 39)
"""Each column count may be a specialisation: one compiled in, short ones that are not, and long ones of all tails."""

SEEDS = [*range(3), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 60))]


def name_of(tile: Tile) -> str:
    return f"{tile.kernel}×{tile.kernel}-stride{tile.stride}-{tile.units}×{tile.rows}×{tile.lanes}"


def drawn_conv(tile: Tile, rng: np.random.Generator) -> Conv:
    """Small and middling planes, half of them padded as usual, the others as much as may be on one side."""
    groups, in_group, out_group = (int(rng.integers(1, most)) for most in (7, 4, 8))
    half, most = tile.kernel // 2, tile.kernel - 1
    paddings = half, half, ((most, 0), (0, most)), ((0, most), (most, 0))
    padding: Any = paddings[rng.integers(len(paddings))]
    return conv(
        groups * in_group,
        groups * out_group,
        tile.kernel,
        (int(rng.choice(ROWS)), int(rng.choice(COLUMNS))),
        stride=tile.stride,
        padding=padding,
        groups=groups,
        batch=int(rng.choice([0, 1, 1, 2, 3])),
        bias=bool(rng.integers(2)),
    )


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("tile", TILES, ids=name_of)
def test_any_plane_keeps_the_bound(tile: Tile, seed: int, keeps_the_bound: Callable[..., None]) -> None:
    c = drawn_conv(tile, np.random.default_rng(seed))
    keeps_the_bound(rows.planned(c, tile, threads=1 + c.in_size[1] % 2), seed, integers=seed % 5 == 0)


@pytest.mark.parametrize("size", [1, 3, 7, 8, 13, 16, 17, 28, 33])
@pytest.mark.parametrize("tile", TILES[:2] + TILES[5:6], ids=name_of)
def test_usual_planes_of_every_width_keep_the_bound(
    tile: Tile, size: int, keeps_the_bound: Callable[..., None]
) -> None:
    keeps_the_bound(rows.planned(depthwise(5, size, tile.kernel, tile.stride, batch=2), tile, threads=2), size)


@pytest.mark.parametrize("multiplier", [1, 2, 3, 7])
def test_outputs_of_a_group_read_the_same_input(multiplier: int, keeps_the_bound: Callable[..., None]) -> None:
    tile = TILES[1]
    c = conv(6, 3 * multiplier, 3, (7, 9), padding=1, groups=3, batch=2)
    keeps_the_bound(rows.planned(c, tile, threads=1), multiplier, integers=True)


@pytest.mark.parametrize("tile", TILES, ids=name_of)
def test_what_is_no_number_reaches_only_the_outputs_that_see_it(tile: Tile) -> None:
    """Lanes read on into the next row and the next plane, and a weight of 0 makes no 0 of what they find there."""
    c = depthwise(6, 29, tile.kernel, tile.stride)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 6, 29, 29), dtype=np.float32)
    x[:, 2], x[:, :, ::5, 0], x[:, :, 3, -1] = np.nan, np.inf, -np.inf
    w = rng.standard_normal(c.weight_shape, dtype=np.float32)
    y = Compiled(rows.planned(c, tile, threads=1), w, None)(x)
    with np.errstate(invalid="ignore"):
        exact = reference.convolve(c, x, w, None)
    np.testing.assert_array_equal(np.isfinite(y), np.isfinite(exact))
    np.testing.assert_array_equal(np.isnan(y), np.isnan(exact))


AT_THE_END_OF_MEMORY = """
import ctypes, mmap, sys
import numpy as np
from groupcalc import kernels
from groupcalc.conv import conv
from groupcalc.kernels import reference

PAGE = mmap.PAGESIZE
libc = ctypes.CDLL(None, use_errno=True)

def between(count, at_end):
    # An array that begins or ends with a page whose neighbour may not be touched.
    pages = -(-count * 4 // PAGE)
    room = mmap.mmap(-1, (pages + 2) * PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(room))
    for neighbour in (start, start + (pages + 1) * PAGE):
        assert libc.mprotect(ctypes.c_void_p(neighbour), ctypes.c_size_t(PAGE), 0) == 0
    first = PAGE + (pages * PAGE - count * 4 if at_end else 0)
    return np.frombuffer(room, np.float32, count, first)

for kernel, stride in ((3, 1), (5, 1), (7, 1), (3, 2), (5, 2), (7, 2)):
    for size in (7, 15, 16, 28, 33):
        for groups, channels in ((3, 3), (2, 4)):
            c = conv(channels, channels, kernel, (size, size), stride=stride, padding=kernel // 2, groups=groups)
            w = np.ones(c.weight_shape, np.float32)
            for at_end in (False, True):
                x = between(channels * size * size, at_end).reshape(1, channels, size, size)
                y = between(channels * c.out_size[0] * c.out_size[1], at_end).reshape(1, channels, *c.out_size)
                x[...] = np.arange(x.size).reshape(x.shape) % 7
                run = kernels.prepare(w, x.shape, stride=stride, padding=kernel // 2, groups=groups, threads=1)
                assert run.plan.kernel == "rows"
                np.testing.assert_array_equal(run(x, y), reference.convolve(c, x, w, None))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="protects pages as POSIX does")
def test_nothing_is_read_or_written_beyond_the_arrays() -> None:
    """The pages before and after them may not be touched, so that the process would be killed."""
    done = subprocess.run([sys.executable, "-c", AT_THE_END_OF_MEMORY], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr or done.returncode
