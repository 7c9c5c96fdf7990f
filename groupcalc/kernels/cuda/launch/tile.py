"""What is compiled on a device and plain Python in the simulator: tiles by name and sizes, and kernels."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

from numba import config, types

SIMULATED = bool(config.ENABLE_CUDASIM)

if SIMULATED:
    from groupcalc.kernels.cuda.launch import plain as tiles
else:
    from groupcalc.kernels.cuda.launch import emit as tiles  # type: ignore[no-redef]


@cache
def tile(name: str, **literals: int) -> Callable[..., Any]:
    """What kernels call, with all sizes compiled in."""
    made: Any = getattr(tiles, name)(**literals)
    if SIMULATED:
        return made  # type: ignore[no-any-return]
    from numba.cuda.extending import intrinsic

    return intrinsic(made)  # type: ignore[no-any-return]


def signature(sizes: int, dtype: str) -> Any:
    """Of a kernel (x, w, bias, y, sizes), the last being that many ints; dtype is that of x and y."""
    flat, stored = (types.Array(getattr(types, name), 1, "C") for name in ("float32", dtype))
    return types.void(stored, flat, flat, stored, types.UniTuple(types.int64, sizes))


def compiled(kernel: Any, sizes: int, dtype: str) -> Any:
    """The kernel, compiled for the current device now and not at its first launch."""
    if not SIMULATED:
        kernel.compile(signature(sizes, dtype).args)
    return kernel


def configured(kernel: Any, grid: Any, block: Any, shared_bytes: int = 0) -> Callable[..., None]:
    """A kernel with its launch on the default stream, to be called with its arguments.

    Numba warns of every grid below 128 blocks. A small layer has no more, and the planner knows.
    """
    if SIMULATED:  # there a kernel remembers its latest launch only
        return lambda *arguments: kernel[grid, block, 0, shared_bytes](*arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kernel[grid, block, 0, shared_bytes]  # type: ignore[no-any-return]
