"""What a case must give, and how far off float32 arithmetic may be."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from groupcalc.bench.operands import F32, operands
from groupcalc.bench.result import Case
from groupcalc.errors import EngineError
from groupcalc.kernels.reference import convolve

F64 = NDArray[np.float64]

UNIT_ROUNDOFF = 2.0**-24
TF32_ROUNDOFF = 2.0**-10
"""Of an input, whether its last 13 bits are rounded away or cut off."""

TF32_SUMS = 2.0**-23
"""The roundoff of sums behind it: float32, whose last bit a tensor core may cut off."""

SMALLEST_SUBNORMAL = 2.0**-149


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """y64[batch, out_channels, *out_size] and the largest error of each of its elements."""

    y: F64
    bound: F64

    def error(self, y: F32) -> float:
        """The largest error as a part of its bound. EngineError when it is beyond, or the shape is another."""
        if y.shape != self.y.shape:
            raise EngineError(f"its output is {y.shape}, not {self.y.shape}")
        part = float(np.max(np.abs(y - self.y) / self.bound, initial=0.0))
        if not part <= 1:  # nan neither
            raise EngineError(f"its output is wrong: off by {part:.3g} times what rounding explains")
        return part


def expected(case: Case, tf32: bool = False) -> Expected:
    """The chain in float64, and how far any order of float32 sums, fused or not, may be from it.

    One layer: γ(K+2) · (|x| ∗ |w| + |b|), K products a sum, γ(n) = n·u / (1 - n·u) (Higham, Accuracy and Stability
    of Numerical Algorithms, 3.1), and what each term may lose among subnormal numbers. An error that the layer before
    left goes through |w|.

    tf32  the inputs of each layer may be rounded to TF32 first: both factors of each product by (1 + TF32_ROUNDOFF)
    """
    given, conv = operands(case), case.conv
    terms = conv.in_channels // conv.groups * prod(conv.kernel_size) + 2
    unit, rounding = (TF32_SUMS, TF32_ROUNDOFF) if tf32 else (UNIT_ROUNDOFF, 0.0)
    gamma, factors = terms * unit / (1 - terms * unit), (1 + rounding) ** 2
    part = factors * gamma + (factors - 1)
    y: F64 = given.x.astype(np.float64)
    bound: F64 = np.zeros_like(y)
    for w, bias in zip(given.weights, given.biases, strict=True):
        size = None if bias is None else np.abs(bias)
        carried = convolve(conv, bound, np.abs(w)) if bound.any() else 0.0
        rounded = part * convolve(conv, np.abs(y) + bound, np.abs(w), size)
        y, bound = convolve(conv, y, w, bias), carried + rounded + terms * SMALLEST_SUBNORMAL
    return Expected(y=y, bound=bound)
