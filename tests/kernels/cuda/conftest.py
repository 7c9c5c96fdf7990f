"""What the tests on a device share: a plan is run in guarded device memory and must keep the bound."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import pytest

from groupcalc.conv import Conv
from groupcalc.kernels.cuda.device import Gpu
from groupcalc.kernels.cuda.plan import DTYPES, Plan
from groupcalc.kernels.cuda.prepared import OnDevice

GUARD = (
    64  # numbers before and after each array; 128 bytes at least, so what they guard is aligned as an array of its own
)
SENTINEL = -12345.0


@pytest.fixture(params=[1, 8], ids=["one-processor", "8-processors"])
def planned_for(request: pytest.FixtureRequest) -> Gpu:
    """A GPU to plan for: with many processors the blocks become small."""
    return Gpu(name="planned", processors=request.param, shared_floats=228 * 256, l2_bytes=50 << 20)


@pytest.fixture(params=DTYPES)
def dtype(request: pytest.FixtureRequest) -> str:
    """What x and y are stored as."""
    found: str = request.param
    return found


def guarded(shape: tuple[int, ...], dtype: Any, guard: float) -> tuple[Any, Any]:
    """A device array in the middle of a larger one, and that one."""
    from numba import cuda

    buffer = cuda.to_device(np.full(prod(shape) + 2 * GUARD, guard, dtype))
    return buffer[GUARD : GUARD + prod(shape)].reshape(shape), buffer


def assert_guards_stand(buffer: Any, guard: float) -> None:
    host = buffer.copy_to_host()
    ends = np.concatenate([host[:GUARD], host[-GUARD:]])
    np.testing.assert_array_equal(ends, np.full(2 * GUARD, guard, host.dtype))


@pytest.fixture
def keeps_the_bound(operands: Any) -> Callable[..., None]:
    """Run a plan from NumPy and on the device: within the bound, the same bits, the input and all guards as before."""

    def check(plan: Plan, seed: int, integers: bool = False) -> None:
        given = operands(plan.conv, seed, integers)
        run = OnDevice(plan, given.w, given.bias)
        result = run(given.x)
        assert result.dtype == given.x.dtype
        x, x_buffer = guarded(given.x.shape, given.x.dtype, np.nan)
        x.copy_to_device(given.x)
        y, y_buffer = guarded(result.shape, given.x.dtype, SENTINEL)
        assert run(x, y) is y
        np.testing.assert_array_equal(y.copy_to_host(), result)
        np.testing.assert_array_equal(x.copy_to_host(), given.x)
        assert_guards_stand(x_buffer, np.nan)
        assert_guards_stand(y_buffer, SENTINEL)
        limit = 0 if integers else given.bound()
        worst = np.max(abs(result - given.exact()) - limit, initial=-np.inf)
        assert worst <= 0, f"{plan.kernel} {dict(plan.literals)} is {worst} past the bound on {plan.conv}"

    return check


@pytest.fixture
def small(drawn: Callable[..., Conv]) -> Callable[..., Conv]:
    """A random convolution small enough for the simulator, in which each thread of a block is one of Python's."""

    def draw(rng: np.random.Generator, rank: int = 2, **fixed: Any) -> Conv:
        groups = int(rng.choice([1, 2, 3]))
        size = {
            "groups": groups,
            "in_channels": groups * int(rng.integers(1, 4)),
            "out_channels": groups * int(rng.integers(1, 7)),
            "kernel_size": tuple(map(int, rng.integers(1, 4, rank))),
            "in_size": tuple(map(int, rng.integers(1, 9 if rank < 3 else 5, rank))),
            "batch": int(rng.integers(1, 4)),
        }
        return drawn(rng, rank, **(size | fixed))

    return draw
