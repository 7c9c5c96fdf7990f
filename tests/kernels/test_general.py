"""The kernel for everything keeps the bound on any geometry, in one, two and three axes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from groupcalc.conv import Conv
from groupcalc.kernels import general
from groupcalc.kernels.host import HOSTS

ANY_HOST = HOSTS["portable"]


SEEDS = [*range(90), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(90, 600))]


@pytest.mark.parametrize("seed", SEEDS)
def test_any_geometry_keeps_the_bound(
    seed: int, drawn: Callable[..., Conv], keeps_the_bound: Callable[..., None]
) -> None:
    conv = drawn(np.random.default_rng(seed), rank=1 + seed % 3)
    keeps_the_bound(general.fit(conv, ANY_HOST, threads=1 + seed // 3 % 2), seed)


@pytest.mark.parametrize("seed", range(6))
def test_sums_of_integers_are_exact(
    seed: int, drawn: Callable[..., Conv], keeps_the_bound: Callable[..., None]
) -> None:
    keeps_the_bound(general.fit(drawn(np.random.default_rng(seed)), ANY_HOST, threads=1), seed, integers=True)
