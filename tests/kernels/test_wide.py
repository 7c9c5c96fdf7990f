"""The wide draw: hundreds of shapes through the planner, each with the kernel that it would really get."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from groupcalc.conv import Conv
from groupcalc.kernels.host import HOSTS
from groupcalc.kernels.table import plan

pytestmark = pytest.mark.slow

CHANNELS = (*range(1, 18), 31, 64, 255, 256, 509)
"""Channels a group: all small numbers, powers of two and their neighbours, a prime beyond them."""


def wide(rng: np.random.Generator, drawn: Callable[..., Conv]) -> Conv:
    """Mostly the geometry of networks, so that tuned kernels are drawn too; sometimes anything."""
    if rng.integers(4) == 0:
        return drawn(rng, rank=int(rng.integers(1, 4)))
    groups = int(rng.choice([1, 2, 3, 8, 32]))
    kernel = int(rng.choice([1, 3, 3, 5, 7]))
    in_group, out_group = (int(rng.choice(CHANNELS)) for _ in range(2))
    if in_group * out_group * groups > 70_000:
        groups = 1
    fixed: dict[str, Any] = {
        "in_channels": groups * in_group,
        "out_channels": groups * out_group,
        "kernel_size": (kernel, kernel),
        "in_size": tuple(map(int, rng.choice([7, 13, 14, 17, 23, 28], 2))),
        "stride": int(rng.choice([1, 1, 1, 2])),
        "dilation": 1,
        "padding": kernel // 2 if rng.integers(2) else [(int(a), int(b)) for a, b in rng.integers(0, 3, (2, 2))],
        "groups": groups,
        "batch": int(rng.choice([1, 1, 2])),
    }
    kind = rng.integers(6)
    if kind == 0:  # depthwise, with a depth multiplier
        fixed |= {"in_channels": 32, "out_channels": 32 * int(rng.integers(1, 5)), "groups": 32}
    if kind == 1:  # global depthwise
        fixed |= {"in_channels": 16, "out_channels": 16, "groups": 16, "in_size": (kernel, kernel), "padding": 0}
    return drawn(rng, **fixed)


@pytest.mark.parametrize("seed", range(600))
def test_any_convolution_keeps_the_bound(
    seed: int, drawn: Callable[..., Conv], keeps_the_bound: Callable[..., None]
) -> None:
    rng = np.random.default_rng(1000 + seed)
    host = HOSTS["avx512"] if seed % 4 else HOSTS[list(HOSTS)[seed // 4 % len(HOSTS)]]
    keeps_the_bound(plan(wide(rng, drawn), host, threads=1 + seed % 2), seed, integers=seed % 7 == 0)
