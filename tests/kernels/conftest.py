"""What the tests of the kernels share: operands in guarded memory, and the bound that every result must keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from groupcalc.conv import Conv, conv
from groupcalc.errors import GeometryError
from groupcalc.kernels import prepared, reference
from groupcalc.kernels.host import HOSTS, Host
from groupcalc.kernels.plan import Plan
from groupcalc.kernels.prepared import Compiled

GUARD = 64  # numbers before and after each array
SENTINEL = np.float32(-123456.789)


def guarded(array: NDArray[Any], guard: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """The array in the middle of a buffer, and that buffer."""
    buffer = np.full(array.size + 2 * GUARD, guard, array.dtype)
    middle = buffer[GUARD : GUARD + array.size].reshape(array.shape)
    middle[...] = array
    return middle, buffer


def assert_guards_stand(buffer: NDArray[Any], guard: float) -> None:
    ends = np.concatenate([buffer[:GUARD], buffer[-GUARD:]])
    np.testing.assert_array_equal(ends, np.full(2 * GUARD, guard, buffer.dtype))


class Operands:
    """x, w and bias of a convolution: normal, or small integers whose sums float32 holds exactly."""

    def __init__(self, c: Conv, seed: int, integers: bool = False) -> None:
        rng = np.random.default_rng(seed)

        def draw(*shape: int) -> NDArray[Any]:
            if integers:
                return rng.integers(-4, 5, shape).astype(c.dtype)
            return rng.standard_normal(shape, dtype=np.float32).astype(c.dtype)

        self.conv = c
        self.x = draw(c.batch, c.in_channels, *c.in_size)
        self.w = draw(*c.weight_shape)
        self.bias = draw(c.out_channels) if c.bias else None

    def part(self, images: Sequence[int], groups: Sequence[int]) -> Operands:
        """Those of some images and groups: a convolution of its own."""
        c, part = self.conv, copy(self)
        in_group, out_group = c.in_channels // c.groups, c.out_channels // c.groups
        part.conv = replace(
            c,
            batch=len(images),
            groups=len(groups),
            in_channels=len(groups) * in_group,
            out_channels=len(groups) * out_group,
        )
        part.x = _of_groups(self.x[images], 1, c.groups, groups)
        part.w = _of_groups(self.w, 0, c.groups, groups)
        part.bias = None if self.bias is None else _of_groups(self.bias, 0, c.groups, groups)
        return part

    def exact(self) -> NDArray[np.float64]:
        return reference.convolve(self.conv, self.x, self.w, self.bias)

    def bound(self) -> NDArray[np.float64]:
        """γ(K+2)·(|x| ∗ |w| + |b|) and a subnormal term: what any order of summation in float32 stays within.

        To store a sum as float16 moves it by half a unit in the last of 11 places, or of the smallest number.
        """
        terms = prod(self.w.shape[1:])
        unit = 2.0**-24
        gamma = (terms + 2) * unit / (1 - (terms + 2) * unit)
        bias = None if self.bias is None else abs(self.bias)
        size = reference.convolve(self.conv, abs(self.x), abs(self.w), bias)
        summed = gamma * size + (terms + 2) * float(np.finfo(np.float32).smallest_subnormal)
        if self.conv.dtype == "float16":
            return summed + 2.0**-11 * (abs(self.exact()) + summed) + 2.0**-25
        return summed


def _of_groups(array: NDArray[Any], axis: int, count: int, groups: Sequence[int]) -> NDArray[Any]:
    """The channels on an axis that belong to some of `count` groups."""
    channels = np.arange(array.shape[axis]).reshape(count, -1)[groups].reshape(-1)
    return array.take(channels, axis)


@pytest.fixture
def keeps_the_bound(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run a plan twice in guarded memory: within the bound, the same bits, the input and all guards as before."""
    buffers: list[NDArray[np.float32]] = []
    aligned = prepared.aligned

    def with_guards(array: NDArray[np.float32]) -> NDArray[np.float32]:
        widened = np.concatenate([np.full(GUARD, SENTINEL), array.reshape(-1), np.full(GUARD, SENTINEL)])
        buffers.append(aligned(widened.astype(np.float32)))
        return buffers[-1][GUARD : GUARD + array.size]

    monkeypatch.setattr(prepared, "aligned", with_guards)

    def check(plan: Plan, seed: int, integers: bool = False) -> None:
        buffers.clear()
        operands = Operands(plan.conv, seed, integers)
        run = Compiled(plan, operands.w, operands.bias)
        x, x_buffer = guarded(operands.x, np.nan)
        shape = (plan.conv.batch, plan.conv.out_channels, *plan.conv.out_size)
        y, y_buffer = guarded(np.empty(shape, np.float32), SENTINEL)
        assert run(x, y) is y
        first = y.copy()
        y[...] = np.nan
        run(x, y)
        np.testing.assert_array_equal(first, y)
        np.testing.assert_array_equal(x, operands.x)
        assert_guards_stand(x_buffer, np.nan)
        for buffer in (y_buffer, *buffers):
            assert_guards_stand(buffer, SENTINEL)
        limit = 0 if integers else operands.bound()
        worst = np.max(abs(y - operands.exact()) - limit, initial=-np.inf)
        assert worst <= 0, f"{plan.kernel} {dict(plan.literals)} is {worst} past the bound on {plan.conv}"

    return check


def draw_conv(rng: np.random.Generator, rank: int = 2, **fixed: Any) -> Conv:
    """A valid random convolution of small to middling size; `fixed` arguments of `conv` are not drawn."""
    while True:
        try:
            return _draw_conv(rng, rank, **fixed)
        except GeometryError:
            continue


def _draw_conv(rng: np.random.Generator, rank: int, **fixed: Any) -> Conv:
    groups = int(rng.choice([1, 1, 2, 3, 4, 5, 8, 13]))
    shape: dict[str, Any] = {
        "in_channels": groups * int(rng.integers(1, 18)),
        "out_channels": groups * int(rng.integers(1, 18)),
        "kernel_size": tuple(map(int, rng.integers(1, 6, rank))),
        "in_size": tuple(map(int, rng.integers(1, 24 if rank < 3 else 9, rank))),
        "stride": tuple(map(int, rng.choice([1, 1, 1, 2, 3], rank))),
        "dilation": tuple(map(int, rng.choice([1, 1, 2, 3], rank))),
        "padding": tuple((int(a), int(b)) for a, b in rng.integers(0, 4, (rank, 2))),
        "groups": groups,
        "batch": int(rng.choice([0, 1, 1, 1, 2, 3])),
        "bias": bool(rng.integers(2)),
    }
    return conv(**(shape | fixed))


@pytest.fixture
def drawn() -> Callable[..., Conv]:
    return draw_conv


@pytest.fixture
def operands() -> type[Operands]:
    return Operands


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest) -> Host:
    """Each host of the table: its tiles are correct everywhere, and fast on their own."""
    return HOSTS[request.param]
