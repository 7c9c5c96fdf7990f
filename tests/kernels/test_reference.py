"""The oracle agrees with loops over every index, and with sums done by hand."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from groupcalc.conv import Conv, conv
from groupcalc.kernels.reference import convolve


def by_definition(c: Conv, x: np.ndarray, w: np.ndarray, n: int, oc: int, place: tuple[int, ...]) -> float:
    """One output: the sum over input channels of its group and over taps that fall on the input."""
    in_group, out_group = c.in_channels // c.groups, c.out_channels // c.groups
    total = 0.0
    for ic, *tap in product(range(in_group), *map(range, c.kernel_size)):
        at = [
            out * c.stride[axis] + tap[axis] * c.dilation[axis] - c.padding[axis][0] for axis, out in enumerate(place)
        ]
        if all(0 <= index < size for index, size in zip(at, c.in_size, strict=True)):
            total += float(x[(n, oc // out_group * in_group + ic, *at)]) * float(w[(oc, ic, *tap)])
    return total


@pytest.mark.parametrize("seed", range(12))
def test_every_output_is_the_sum_that_defines_it(seed: int, drawn: Callable[..., Conv]) -> None:
    rng = np.random.default_rng(seed)
    rank = 1 + seed % 3
    c = drawn(rng, rank, in_channels=4, out_channels=6, groups=2, in_size=(4,) * rank, batch=2, bias=False)
    x = rng.integers(-9, 10, (2, 4, *c.in_size))
    w = rng.integers(-9, 10, c.weight_shape)
    y = convolve(c, x, w)
    for n, oc, *place in np.ndindex(*y.shape):
        assert y[(n, oc, *place)] == by_definition(c, x, w, n, oc, tuple(place))


def test_ones_count_the_taps_that_see_the_input() -> None:
    # 3×3 over 3×3 with one pixel of padding: corners see 2·2, edges 2·3, the middle 3·3 pixels.
    c = conv(1, 1, 3, (3, 3), padding=1, bias=False)
    y = convolve(c, np.ones((1, 1, 3, 3)), np.ones((1, 1, 3, 3)))
    np.testing.assert_array_equal(y[0, 0], [[2 * 2, 2 * 3, 2 * 2], [2 * 3, 3 * 3, 2 * 3], [2 * 2, 2 * 3, 2 * 2]])


def test_the_bias_is_added_once_to_each_output_of_its_channel() -> None:
    c = conv(1, 2, 1, (2,))
    y = convolve(c, np.zeros((1, 1, 2)), np.zeros((2, 1, 1)), np.array([3.0, -5.0]))
    np.testing.assert_array_equal(y[0], [[3, 3], [-5, -5]])
