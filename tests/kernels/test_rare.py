"""Rare geometry: one tile keeps the bound on any width, stride, dilation and padding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from groupcalc.conv import Conv, conv
from groupcalc.kernels import rare
from groupcalc.kernels.host import HOSTS, Host

SEEDS = [*range(60), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(60, 600))]


@pytest.mark.parametrize("seed", SEEDS)
def test_any_geometry_keeps_the_bound(
    seed: int, drawn: Callable[..., Conv], keeps_the_bound: Callable[..., None]
) -> None:
    c = drawn(np.random.default_rng(seed), rank=1 + seed % 2, out_channels=13 * 8, in_channels=13)
    plan = rare.fit(c, HOSTS["avx2"], threads=1 + seed // 2 % 2)
    assert plan is not None
    keeps_the_bound(plan, seed, integers=seed % 5 == 0)


def test_the_tile_leaves_the_fewest_lanes_idle(host: Host) -> None:
    for out_group in range(8, 70):
        plan = rare.fit(conv(1, out_group, 3, (21, 21), dilation=2), host, threads=1)
        assert plan is not None
        _, blocks, *_, channels = plan.packed_shape
        assert blocks * channels - out_group < min(host.widths[:2])
        assert plan.literals["vectors"] * plan.literals["pixels"] + plan.literals["vectors"] + 1 <= host.registers


def test_three_axes_and_few_channels_are_refused() -> None:
    assert rare.fit(conv(8, 8, 3, (9, 9, 9)), HOSTS["avx512"], threads=1) is None
    assert rare.fit(conv(8, 7, 3, (9, 9)), HOSTS["avx512"], threads=1) is None


def test_what_pixels_behind_a_row_see_of_it_is_counted_as_waste() -> None:
    # 8 outputs are two tiles of 7. Of the pixels behind, the first sees two columns of 10 and the second one.
    plan = rare.fit(conv(4, 16, (1, 3), (1, 10)), HOSTS["avx512"], threads=1)
    assert plan is not None
    assert plan.real_macs == 16 * 4 * 8 * 3
    assert plan.lane_macs == 16 * 4 * (8 * 3 + 2 + 1)
