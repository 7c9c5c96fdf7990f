"""Output channels in the lanes: any shape that a tile fits keeps the bound, and no tile outgrows the registers."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any

import numpy as np
import pytest

from groupcalc.conv import Conv, conv
from groupcalc.errors import GeometryError
from groupcalc.kernels import grouped
from groupcalc.kernels.grouped import Row, Tile
from groupcalc.kernels.host import HOSTS, Host
from groupcalc.kernels.plan import Plan

# --- the compiled tiles: two specialisations, and every size that is given at run time --------------------------------

TILES = {
    "3-wide, stride 1": (Tile(vectors=2, lanes=8, pixels=4), {"kernel_w": 3, "stride_w": 1, "pads_w": (1, 1)}),
    "2-wide, stride 2": (Tile(vectors=1, lanes=4, pixels=2), {"kernel_w": 2, "stride_w": 2, "pads_w": (0, 0)}),
}


CHANNELS = (*range(1, 18), 64, 255, 256, 509)
"""Channels a group: small ones, powers of two and what is next to them, and a prime beyond."""


def drawn_for(tile: Tile, rng: np.random.Generator, kernel_w: int, stride_w: int, pads_w: tuple[int, int]) -> Conv:
    """A random convolution that this tile fits without another specialisation."""
    while True:
        groups, kernel_h = int(rng.choice([1, 2, 3, 5])), int(rng.integers(1, 6))
        in_h, in_w = map(int, rng.integers(1, 40, 2))
        try:
            found = conv(
                groups * int(rng.choice(CHANNELS)),
                groups * int(rng.integers(1, 40)),
                (kernel_h, kernel_w),
                (in_h, stride_w * in_w),
                stride=(int(rng.integers(1, 4)), stride_w),
                padding=(tuple(map(int, rng.integers(0, 4, 2))), pads_w),
                dilation=(int(rng.integers(1, 4)), 1),
                groups=groups,
                batch=int(rng.integers(0, 4)),
                bias=bool(rng.integers(2)),
            )
        except GeometryError:
            continue
        row = Row.of(found)
        if tile.pixels < row.out < tile.pixels * 12 and row.fits(tile.pixels) and (row.left, row.right) == pads_w:
            return found


SEEDS = [*range(40), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(40, 600))]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("tile", "width"), TILES.values(), ids=TILES)
def test_any_shape_that_a_tile_fits_keeps_the_bound(
    tile: Tile, width: dict[str, Any], seed: int, keeps_the_bound: Callable[..., None]
) -> None:
    c = drawn_for(tile, np.random.default_rng(seed), **width)
    keeps_the_bound(grouped.planned(c, tile, threads=1 + seed % 2), seed, integers=seed % 5 == 0)


# --- the planner ------------------------------------------------------------------------------------------------------


def planned(host: Host, *arguments: Any, **geometry: Any) -> Plan:
    plan = grouped.fit(conv(*arguments, **geometry), host, threads=1)
    assert plan is not None
    return plan


def test_no_tile_needs_more_registers_than_there_are(host: Host) -> None:
    for tile in grouped.tiles(host):
        sums, weights, broadcast = tile.vectors * tile.pixels, tile.vectors, 1
        assert sums + weights + broadcast <= host.registers


def test_the_last_tile_of_a_row_computes_some_pixels_again() -> None:
    # 20 pixels in tiles of 7: from 0, from 7, and the last 7. One is computed twice, and sees all its 3 taps.
    assert Row(size=20, out=20, kernel=3, stride=1, left=1, right=1).taps(7) == 20 * 3 - 2 + 3


def test_a_tile_is_refused_where_an_inner_one_would_see_padding() -> None:
    # 7 taps and 3 columns of padding: tiles of 2 outputs see it from their first start, 0, and still from 2.
    row = Row(size=12, out=12, kernel=7, stride=1, left=3, right=3)
    assert not row.fits(2)
    assert row.fits(4)


def test_a_tile_wider_than_the_row_is_refused() -> None:
    assert not Row(size=5, out=5, kernel=3, stride=1, left=1, right=1).fits(7)


def test_the_plane_of_a_pointwise_convolution_is_one_row() -> None:
    assert Row.of(conv(8, 8, 1, (7, 9))).out == 7 * 9
    assert Row.of(conv(8, 8, 1, (7, 9), stride=2)).out == 5


def test_alexnets_rows_of_13_pixels_are_one_tile() -> None:
    assert planned(HOSTS["avx512"], 384, 384, 3, (13, 13), padding=1, groups=2).literals["pixels"] == 13


def test_eight_channels_a_group_take_vectors_of_eight() -> None:
    plan = planned(HOSTS["avx512"], 256, 256, 3, (28, 28), padding=1, groups=32)
    assert plan.literals["lanes"] == 8
    assert plan.lane_waste == 0


def test_idle_lanes_are_counted_as_waste(host: Host) -> None:
    # 9 channels a group fill 12 or 16 lanes of whatever vector: nothing else is idle in a row of 7 pixels.
    plan = planned(host, 9, 9, 3, (7, 7), padding=1)
    lanes = plan.packed_shape[1] * plan.packed_shape[-1]
    assert lanes > 9
    columns = Row.of(plan.conv).taps(plan.literals["pixels"]) / (3 * 7 - 2)
    assert plan.lane_waste == pytest.approx(1 - 9 / (lanes * columns))


@pytest.mark.parametrize("out_group", range(8, 40))
def test_the_blocks_hold_every_channel(host: Host, out_group: int) -> None:
    plan = planned(host, 6, 2 * out_group, 3, (9, 9), padding=1, groups=2)
    groups, blocks, in_group, *kernel, channels = plan.packed_shape
    assert (groups, in_group, kernel) == (2, 3, [3, 3])
    assert blocks == ceil(out_group / channels)


def test_packed_weights_are_the_weights_with_channels_last_and_zeros_behind() -> None:
    c = conv(4, 10, 3, (9, 9), padding=1, groups=1)
    plan = planned(HOSTS["avx512"], 4, 10, 3, (9, 9), padding=1)
    w = np.arange(10 * 4 * 9, dtype=np.float32).reshape(c.weight_shape)
    packed, bias = grouped.pack(plan, w, np.ones(10, np.float32))
    flat = np.moveaxis(packed, -1, 2).reshape(-1, 4, 3, 3)
    np.testing.assert_array_equal(flat[:10], w)
    assert not flat[10:].any()
    assert bias.sum() == 10


@pytest.mark.parametrize(
    "geometry",
    [
        {"dilation": (1, 2)},
        {"stride": (1, 3)},
        {"kernel_size": (1, 2)},
        {"padding": (0, 1)},
        {"out_channels": 7},
        {"in_size": (9, 9, 9)},
    ],
    ids=str,
)
def test_rare_geometry_is_left_to_other_kernels(geometry: dict[str, Any]) -> None:
    usual: dict[str, Any] = {"in_channels": 8, "out_channels": 16, "kernel_size": 1, "in_size": (9, 9)}
    assert grouped.fit(conv(**(usual | geometry)), HOSTS["avx512"], threads=1) is None
