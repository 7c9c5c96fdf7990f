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
                # Stride 2: for a kernel of 5 or 7 two vectors of sums a row; of one of 3 all 9 weights at once.
                vectors, weights = (1, kernel) if stride == 1 else (1, 9) if kernel == 3 else (2, kernel)
                sums_and_weights = tile.units * (tile.rows * vectors + weights)
                assert sums_and_weights < host.registers or rows.SHAPES[-1] == (tile.rows, tile.units)


def vectors_of(size: int) -> tuple[int, int, int]:
    plan = rows.fit(depthwise(8, size, 3), AVX512, threads=1)
    assert plan is not None
    return plan.sizes[-2], plan.literals["lanes"], plan.literals["tail"]


def test_a_row_ends_with_half_a_vector_where_that_is_enough() -> None:
    assert vectors_of(56) == (3, 16, 8)  # 56 = 3·16 + 8
    assert vectors_of(28) == (2, 16, 0)  # of the last 12 pixels half a vector would leave 4
    assert vectors_of(7) == (1, 8, 0)


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
    Tile(kernel=3, stride=1, rows=14, units=1, lanes=16),
    Tile(kernel=3, stride=1, rows=7, units=2, lanes=16),
    Tile(kernel=3, stride=1, rows=8, units=1, lanes=8),
    Tile(kernel=5, stride=1, rows=4, units=2, lanes=16),
    Tile(kernel=7, stride=1, rows=7, units=2, lanes=16),
    Tile(kernel=3, stride=2, rows=7, units=1, lanes=16),
    Tile(kernel=3, stride=2, rows=4, units=1, lanes=8),
    Tile(kernel=5, stride=2, rows=8, units=1, lanes=16),
    Tile(kernel=7, stride=2, rows=4, units=1, lanes=16),
)
"""One of each kind: every kernel and stride, both widths, single planes and pairs."""


def name_of(tile: Tile) -> str:
    return f"{tile.kernel}×{tile.kernel}-stride{tile.stride}-{tile.units}×{tile.rows}×{tile.lanes}"


def drawn_conv(tile: Tile, rng: np.random.Generator) -> Conv:
    """Small and middling planes, half of them padded as usual."""
    groups, in_group, out_group = (int(rng.integers(1, most)) for most in (7, 4, 8))
    padding: Any = tile.kernel // 2
    if rng.integers(2):
        padding = tuple((int(a), int(b)) for a, b in rng.integers(0, tile.kernel, (2, 2)))
    return conv(
        groups * in_group,
        groups * out_group,
        tile.kernel,
        tuple(map(int, rng.integers(tile.kernel, 40, 2))),
        stride=tile.stride,
        padding=padding,
        groups=groups,
        batch=int(rng.choice([0, 1, 1, 2, 3])),
        bias=bool(rng.integers(2)),
    )


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("tile", TILES, ids=name_of)
def test_any_plane_keeps_the_bound(tile: Tile, seed: int, keeps_the_bound: Callable[..., None]) -> None:
    rng = np.random.default_rng(seed)
    keeps_the_bound(rows.planned(drawn_conv(tile, rng), tile, threads=1 + seed % 2), seed, integers=seed % 5 == 0)


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8, 13, 14, 15, 16, 17, 24, 28, 33])
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
    for size in (7, 8, 14, 15, 16, 28, 33):
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
