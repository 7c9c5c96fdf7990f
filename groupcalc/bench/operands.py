"""The numbers that a case is run on, the same in every process."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from groupcalc.bench.result import Case
from groupcalc.conv import Conv

F32 = NDArray[np.float32]

ALIGNMENT = 64
"""Bytes: a cache line, and what torch and onnxruntime give their own arrays. NumPy's are 16 bytes off, so that each
wide load would touch two lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operands:
    """x[batch, in_channels, *in_size]; weights and biases, one each a layer of the chain, a bias None without."""

    x: F32
    weights: tuple[F32, ...]
    biases: tuple[F32 | None, ...]


def operands(case: Case) -> Operands:
    """Normal random numbers from the seed of the case; weights so small that a chain neither grows nor fades."""
    conv, numbers = case.conv, np.random.default_rng(case.seed)
    x = _normal(numbers, input_shape(conv), 1.0)
    scale = (conv.in_channels // conv.groups * prod(conv.kernel_size)) ** -0.5
    weights, biases = [], []
    for _ in range(case.chain):
        weights.append(_normal(numbers, conv.weight_shape, scale))
        biases.append(_normal(numbers, (conv.out_channels,), 1.0) if conv.bias else None)
    return Operands(x=x, weights=tuple(weights), biases=tuple(biases))


def input_shape(conv: Conv) -> tuple[int, ...]:
    return (conv.batch, conv.in_channels, *conv.in_size)


def output_shape(conv: Conv) -> tuple[int, ...]:
    return (conv.batch, conv.out_channels, *conv.out_size)


def empty(shape: tuple[int, ...]) -> F32:
    """An array that begins at a cache line."""
    room = np.empty(prod(shape) * 4 + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    return room[start : start + prod(shape) * 4].view(np.float32).reshape(shape)


def _normal(numbers: np.random.Generator, shape: tuple[int, ...], scale: float) -> F32:
    array = empty(shape)
    numbers.standard_normal(shape, np.float32, out=array)
    array *= np.float32(scale)
    return array
