"""What a case must give, and how far off the arithmetic of an engine may be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from groupcalc.bench.operands import DISTINCT, Floats, distinct, operands
from groupcalc.bench.result import Case
from groupcalc.errors import EngineError
from groupcalc.kernels.reference import convolve

F64 = NDArray[np.float64]

UNIT_ROUNDOFF = 2.0**-24
TF32_ROUNDOFF = 2.0**-10
"""Of an input, whether its last 13 bits are rounded away or cut off."""

TENSOR_CORE_SUMS = 2.0**-23
"""The roundoff of sums of TF32 and float16: float32, whose last bit a tensor core may cut off."""

HALF_ROUNDOFF = 2.0**-11
HALF_SUBNORMAL = 2.0**-25
"""Of what is stored as float16: half a unit in the last of 11 places, or of the smallest number."""

SMALLEST_SUBNORMAL = 2.0**-149


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """y64[image, out_channels, *out_size] of the images that differ, and the largest error of each of its elements.

    batch  images of the case
    """

    y: F64
    bound: F64
    batch: int

    def error(self, y: Floats) -> float:
        """The largest error as a part of its bound. EngineError when it is beyond, or the shape is another."""
        shape = (self.batch, *self.y.shape[1:])
        if y.shape != shape:
            raise EngineError(f"its output is {y.shape}, not {shape}")
        chunks = (y[first : first + DISTINCT] for first in range(0, self.batch, DISTINCT))
        errors = (np.abs(some - self.y[: len(some)]) / self.bound[: len(some)] for some in chunks)
        part = float(np.max([np.max(error, initial=0.0) for error in errors], initial=0.0))
        if not part <= 1:  # nan neither
            raise EngineError(f"its output is wrong: off by {part:.3g} times what rounding explains")
        return part


def expected(case: Case, tf32: bool = False) -> Expected:
    """The chain in float64, and how far any order of sums in float32, fused or not, may be from it.

    One layer: γ(K+2) · (|x| ∗ |w| + |b|), K products a sum, γ(n) = n·u / (1 - n·u) (Higham, Accuracy and Stability
    of Numerical Algorithms, 3.1), and what each term may lose among subnormal numbers; for float16 what it takes to
    store the output. An error that the layer before left goes through |w|.

    tf32  the inputs of each layer may be rounded to TF32 first: both factors of each product by (1 + TF32_ROUNDOFF)
    """
    given, conv = operands(case), replace(case.conv, batch=distinct(case.conv))
    half = conv.dtype == "float16"
    terms = conv.in_channels // conv.groups * prod(conv.kernel_size) + 2
    unit, rounding = TENSOR_CORE_SUMS if tf32 or half else UNIT_ROUNDOFF, TF32_ROUNDOFF if tf32 else 0.0
    gamma, factors = terms * unit / (1 - terms * unit), (1 + rounding) ** 2
    part = factors * gamma + (factors - 1)
    y: F64 = given.x[: conv.batch].astype(np.float64)
    bound: F64 = np.zeros_like(y)
    for weights, biases in zip(given.weights, given.biases, strict=True):
        w, bias = weights.astype(np.float64), None if biases is None else biases.astype(np.float64)
        size = None if bias is None else np.abs(bias)
        carried = convolve(conv, bound, np.abs(w)) if bound.any() else 0.0
        rounded = part * convolve(conv, np.abs(y) + bound, np.abs(w), size)
        y, bound = convolve(conv, y, w, bias), carried + rounded + terms * SMALLEST_SUBNORMAL
        if half:
            bound += HALF_ROUNDOFF * (np.abs(y) + bound) + HALF_SUBNORMAL
    return Expected(y=y, bound=bound, batch=case.conv.batch)
