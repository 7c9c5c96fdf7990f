"""Pixels in the lanes: any 1×1 convolution of a plane of one vector or more keeps the bound."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
import pytest

from groupcalc.conv import Conv, conv
from groupcalc.kernels import pointwise
from groupcalc.kernels.host import HOSTS, Host


def drawn_plane(rng: np.random.Generator, host: Host, tail: int) -> Conv:
    """A random 1×1 convolution of one to three axes, in tiles of 4 channels that end with this tail."""
    while True:
        groups = int(rng.choice([1, 2, 3]))
        in_size = tuple(map(int, rng.integers(1, 30, int(rng.integers(1, 4)))))
        found = conv(
            groups * int(rng.integers(1, 40)),
            groups * int(rng.choice([1, 2, 3, 4])),
            1,
            in_size,
            groups=groups,
            batch=int(rng.integers(0, 4)),
            bias=bool(rng.integers(2)),
        )
        plan = pointwise.fit(found, host, threads=1)
        if plan is not None and prod(in_size) < 2000 and plan.literals["tail"] == tail:
            return found


SEEDS = [*range(40), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(40, 600))]


@pytest.mark.parametrize("seed", SEEDS)
def test_any_plane_keeps_the_bound(seed: int, keeps_the_bound: Callable[..., None]) -> None:
    host = HOSTS["avx2"]
    plan = pointwise.fit(drawn_plane(np.random.default_rng(seed), host, tail=4), host, threads=1 + seed % 2)
    assert plan is not None
    assert plan.literals == {"channels": 4, "vectors": 2, "lanes": 8, "tail": 4}
    keeps_the_bound(plan, seed, integers=seed % 5 == 0)


def test_no_tile_needs_more_registers_than_there_are(host: Host) -> None:
    for out_group in range(1, 70):
        pixels, broadcast = pointwise.vectors_of_a_tile(host), 1
        sums = pointwise.channels_of_a_tile(out_group, host) * pixels
        assert sums + pixels + broadcast <= host.registers


@pytest.mark.parametrize(("out_group", "channels"), [(64, 16), (68, 17), (136, 17), (80, 16), (4, 4)])
def test_channels_divide_into_whole_tiles(out_group: int, channels: int) -> None:
    assert pointwise.channels_of_a_tile(out_group, HOSTS["avx512"]) == channels


def test_a_plane_that_leaves_lanes_idle_is_refused() -> None:
    # 7·7 pixels are 3 vectors of 16 and one pixel, and that one would take the time of half a vector more.
    assert pointwise.fit(conv(64, 64, 1, (7, 7)), HOSTS["avx512"], threads=1) is None
    assert pointwise.fit(conv(64, 64, 1, (14, 14)), HOSTS["avx512"], threads=1) is not None


@pytest.mark.parametrize("geometry", [{"stride": 2}, {"padding": 1}, {"kernel_size": 3}], ids=str)
def test_what_is_not_pointwise_is_refused(geometry: dict[str, int]) -> None:
    layer = {"in_channels": 8, "out_channels": 8, "kernel_size": 1, "in_size": (32, 32)}
    assert pointwise.fit(conv(**(layer | geometry)), HOSTS["avx512"], threads=1) is None  # type: ignore[arg-type]


def test_an_empty_lane_is_counted_as_waste() -> None:
    # 3 channels of a tile of 4, and 18 pixels as 16 and the last 4: two of them twice.
    plan = pointwise.fit(conv(5, 3, 1, (1000 * 16 + 2,)), HOSTS["avx512"], threads=1)
    assert plan is not None
    assert plan.lane_macs == 5 * 4 * (1000 * 16 + 4)
    assert plan.real_macs == 5 * 3 * (1000 * 16 + 2)
