"""The kernel of dots: depthwise down to one pixel, in any rank."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from groupcalc.conv import Conv, conv
from groupcalc.kernels import dots
from groupcalc.kernels.host import HOSTS, Host


def whole_plane(channels: int, size: tuple[int, ...], **more: Any) -> Conv:
    return conv(channels, channels, size, size, groups=channels, **more)


@pytest.mark.parametrize("name", ["avx512", "avx2"])
@pytest.mark.parametrize("size", [(1,), (49,), (7, 7), (16, 1), (8, 8), (3, 5, 17)])
def test_every_count_of_taps_keeps_the_bound(
    name: str, size: tuple[int, ...], keeps_the_bound: Callable[..., None]
) -> None:
    plan = dots.fit(whole_plane(5, size, batch=3), HOSTS[name], threads=2)
    assert plan is not None
    keeps_the_bound(plan, seed=len(size))
    keeps_the_bound(plan, seed=len(size), integers=True)


def test_the_last_vector_of_taps_is_partly_idle() -> None:
    plan = dots.fit(whole_plane(3, (7, 7)), HOSTS["avx512"], threads=1)
    assert plan is not None
    assert (plan.real_macs, plan.lane_macs) == (3 * 7 * 7, 3 * 4 * 16)  # 49 taps are three vectors of 16 and one tap


@pytest.mark.parametrize(
    "c",
    [
        conv(4, 4, 3, (3, 3), padding=1, groups=4),
        conv(4, 4, 3, (4, 4), groups=4),
        conv(4, 8, 3, (3, 3), groups=4),
        conv(4, 4, 3, (3, 3), groups=2),
    ],
    ids=["padded", "several-pixels", "two-outputs-a-channel", "two-channels-a-group"],
)
def test_anything_else_is_left_to_another_kernel(c: Conv) -> None:
    assert dots.fit(c, HOSTS["avx512"], threads=1) is None


@pytest.mark.parametrize("host", [HOSTS["neon"], HOSTS["portable"]], ids=lambda host: host.name)
def test_a_host_without_masked_loads_is_left_to_another_kernel(host: Host) -> None:
    assert dots.fit(whole_plane(4, (7, 7)), host, threads=1) is None
