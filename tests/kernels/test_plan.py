"""Real work is counted without the taps that fall on padding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from groupcalc.conv import Conv
from groupcalc.kernels.plan import real_macs, taps_on_input
from groupcalc.kernels.reference import convolve


@pytest.mark.parametrize("seed", range(30))
def test_real_macs_are_what_a_convolution_of_ones_sums(seed: int, drawn: Callable[..., Conv]) -> None:
    c = drawn(np.random.default_rng(seed), rank=1 + seed % 3, bias=False)
    ones = np.ones((c.batch, c.in_channels, *c.in_size)), np.ones(c.weight_shape)
    assert real_macs(c) == convolve(c, *ones).sum()


def test_a_long_axis_is_counted_at_once() -> None:
    length = 10**15
    assert taps_on_input(range(length), length, 3, 1, 1, 1) == 3 * length - 2
