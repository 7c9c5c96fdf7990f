"""The numbers that a case is run on, the same in every process."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groupcalc.bench.result import Case
from groupcalc.conv import Conv

Floats = NDArray[np.float32] | NDArray[np.float16]

DISTINCT = 7
"""Images of a batch that differ; then they come again, as a core takes long to check one in float64. Blocks and tiles
hold powers of two of them, so that what reads another's image does not find its own there.
"""

ALIGNMENT = 64
"""Bytes: a cache line, and what torch and onnxruntime give their own arrays. NumPy's are 16 bytes off, so that each
wide load would touch two lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operands:
    """x[batch, in_channels, *in_size]; weights and biases, one each a layer of the chain, a bias None without.

    All of the dtype of the case. Image n is image n % DISTINCT.
    """

    x: Floats
    weights: tuple[Floats, ...]
    biases: tuple[Floats | None, ...]


def operands(case: Case) -> Operands:
    """Normal random numbers from the seed of the case; weights so small that a chain neither grows nor fades."""
    conv, numbers = case.conv, np.random.default_rng(case.seed)
    images = _normal(numbers, (distinct(conv), *input_shape(conv)[1:]), 1.0)
    x = empty(input_shape(conv), conv.dtype)
    for first in range(0, conv.batch, DISTINCT):
        x[first : first + DISTINCT] = images[: conv.batch - first]
    scale = (conv.in_channels // conv.groups * prod(conv.kernel_size)) ** -0.5
    weights, biases = [], []
    for _ in range(case.chain):
        weights.append(_stored(_normal(numbers, conv.weight_shape, scale), conv.dtype))
        biases.append(_stored(_normal(numbers, (conv.out_channels,), 1.0), conv.dtype) if conv.bias else None)
    return Operands(x=x, weights=tuple(weights), biases=tuple(biases))


def distinct(conv: Conv) -> int:
    """How many images of its batch differ."""
    return min(conv.batch, DISTINCT)


def input_shape(conv: Conv) -> tuple[int, ...]:
    return (conv.batch, conv.in_channels, *conv.in_size)


def output_shape(conv: Conv) -> tuple[int, ...]:
    return (conv.batch, conv.out_channels, *conv.out_size)


def empty(shape: tuple[int, ...], dtype: str = "float32") -> Any:
    """An array that begins at a cache line."""
    size = prod(shape) * np.dtype(dtype).itemsize
    room = np.empty(size + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    return room[start : start + size].view(dtype).reshape(shape)


def _stored(array: NDArray[np.float32], dtype: str) -> Floats:
    """The same at the beginning of a cache line, rounded to the dtype."""
    if array.dtype == dtype:
        return array
    rounded: Floats = empty(array.shape, dtype)
    rounded[...] = array
    return rounded


def _normal(numbers: np.random.Generator, shape: tuple[int, ...], scale: float) -> NDArray[np.float32]:
    array: NDArray[np.float32] = empty(shape)
    numbers.standard_normal(shape, np.float32, out=array)
    array *= np.float32(scale)
    return array
