"""Plan: one convolution laid out on a GPU, plain numbers, and the axes that the kernels see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, gcd

from groupcalc.conv import Conv
from groupcalc.kernels import plan as cpu

FLOAT_BYTES = 4
ACCESS_BYTES = 16
"""Of the widest access."""

DTYPES: Mapping[str, int] = {"float32": FLOAT_BYTES, "float16": 2}
"""Those of x and y, and the bytes of a number. Weights, bias, shared memory and sums are float32 with either: a half is
converted on its way from memory, and again on its way back."""

# CUDA C++ Programming Guide, "Technical Specifications per Compute Capability": the same on every GPU since 3.0.
BLOCK_LAYERS = 64
GRID = (2**31 - 1, 65535, 65535)
SHARED_FLOATS = 48 * 1024 // FLOAT_BYTES
"""Shared memory that a block gets without asking for more."""

Triple = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one convolution will be computed on a GPU.

    kernel        name in the table of kernels
    literals      sizes compiled into it: one specialisation each
    sizes         sizes given to it at run time, in its kernel's order
    packed_shape  of the weights as the kernel reads them
    grid, block   blocks of the launch and threads of a block, x varying fastest
    shared        float32 numbers of shared memory a block
    reach         numbers of the input that one block's 32-bit offsets must span
    """

    kernel: str
    conv: Conv
    literals: Mapping[str, int]
    sizes: tuple[int, ...]
    packed_shape: tuple[int, ...]
    grid: Triple
    block: Triple
    shared: int = 0
    reach: int = 0

    @property
    def launchable(self) -> bool:
        """The grid holds its blocks, and 32 bits its offsets."""
        return all(blocks <= most for blocks, most in zip(self.grid, GRID, strict=True)) and self.reach < 2**31

    @property
    def real_macs(self) -> int:
        """Multiply-adds on numbers of the input: taps that fall on padding do no work."""
        return cpu.real_macs(self.conv)


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One spatial axis of a convolution; `before` is the padding in front."""

    size: int
    out: int
    kernel: int
    stride: int
    dilation: int
    before: int

    @property
    def reach(self) -> int:
        """Inputs from the first tap to the last."""
        return (self.kernel - 1) * self.dilation + 1

    def seen(self, outputs: int) -> int:
        """Inputs that so many outputs in a row look at."""
        return (outputs - 1) * self.stride + self.reach


def axes(conv: Conv, count: int) -> tuple[Axis, ...]:
    """The spatial axes, filled up in front to `count` with axes of size 1."""
    lone = Axis(size=1, out=1, kernel=1, stride=1, dilation=1, before=0)
    found = [
        Axis(
            size=conv.in_size[axis],
            out=conv.out_size[axis],
            kernel=conv.kernel_size[axis],
            stride=conv.stride[axis],
            dilation=conv.dilation[axis],
            before=conv.padding[axis][0],
        )
        for axis in range(len(conv.in_size))
    ]
    return (*[lone] * (count - len(found)), *found)


def at_once(dtype: str, *counts: int) -> int:
    """Numbers of x or y that one access moves: as many as 16 bytes hold and each of the counts is a multiple of."""
    return gcd(*counts, ACCESS_BYTES // DTYPES[dtype])


def even(whole: int, most: int) -> int:
    """The size of the parts when `whole` is cut into as few as hold at most `most`: 112 by 64 is two of 56."""
    return ceil(whole / ceil(whole / most))


def magic(divisor: int) -> int:
    """The factor with which the kernels divide by `divisor`."""
    return -(-(2**32) // divisor)
