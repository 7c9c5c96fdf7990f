"""A register tile by name and sizes: compiled on a device, plain Python in the simulator."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from numba import config

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
