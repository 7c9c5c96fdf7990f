"""A register tile by name and sizes: compiled on a device, plain Python in the simulator."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from numba import config, cuda

SIMULATED = bool(config.ENABLE_CUDASIM)

if SIMULATED:
    from groupcalc.kernels.cuda.launch import plain as tiles
else:
    from groupcalc.kernels.cuda.launch import emit as tiles  # type: ignore[no-redef]


@lru_cache(maxsize=None)
def tile(name: str, **literals: int) -> Callable[..., Any]:
    """What kernels call, with all sizes compiled in."""
    made: Any = getattr(tiles, name)(**literals)
    if SIMULATED:
        return made  # type: ignore[no-any-return]
    from numba.cuda.extending import intrinsic

    return intrinsic(made)  # type: ignore[no-any-return]


@cuda.jit(device=True)  # type: ignore[untyped-decorator]
def divide(number: Any, magic: Any) -> Any:
    """number // divisor for both below 2¹⁶, by the factor `plan.magic(divisor)`: ⌈2³²/divisor⌉.

    A GPU divides 64-bit integers in some hundred instructions. The factor is (2³² + e)/divisor with e < divisor, so
    the product is too large by number·e < 2³² parts of 2³²·divisor: never enough to reach the next quotient.
    """
    return (number * magic) >> 32
