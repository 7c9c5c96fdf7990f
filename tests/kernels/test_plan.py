"""Real work is counted without the taps that fall on padding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groupcalc.conv import Conv
from groupcalc.kernels.plan import floor_sum, real_macs, taps_on_input
from groupcalc.kernels.reference import convolve


@pytest.mark.parametrize("seed", range(30))
def test_real_macs_are_what_a_convolution_of_ones_sums(seed: int, drawn: Callable[..., Conv]) -> None:
    c = drawn(np.random.default_rng(seed), rank=1 + seed % 3, bias=False)
    ones = np.ones((c.batch, c.in_channels, *c.in_size)), np.ones(c.weight_shape)
    assert real_macs(c) == convolve(c, *ones).sum()


few, some = st.integers(0, 12), st.integers(1, 5)


@given(start=few, count=few, size=few, kernel=some, stride=some, dilation=some, before=st.integers(0, 20))
def test_pairs_of_places_and_taps_on_the_input_are_counted(
    start: int, count: int, size: int, kernel: int, stride: int, dilation: int, before: int
) -> None:
    places = range(start, start + count)
    columns = [place * stride + tap * dilation - before for place in places for tap in range(kernel)]
    found = taps_on_input(places, size, kernel, stride, dilation, before)
    assert found == sum(0 <= column < size for column in columns)


@given(count=few, slope=few, first=st.integers(0, 30), divisor=st.integers(1, 9))
def test_floors_are_summed(count: int, slope: int, first: int, divisor: int) -> None:
    assert floor_sum(count, slope, first, divisor) == sum((slope * i + first) // divisor for i in range(count))


def test_a_long_axis_and_a_long_kernel_are_counted_at_once() -> None:
    length = 10**15
    assert taps_on_input(range(length), length, 3, 1, 1, 1) == 3 * length - 2
    # Half of the kernel is before the first place: each of 6 places sees all 5 columns.
    assert taps_on_input(range(6), 5, length, 1, 1, length // 2) == 6 * 5
