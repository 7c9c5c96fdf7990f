"""Plan: everything a kernel must know of one convolution before it is compiled; plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from groupcalc.conv import Conv

Weights = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one convolution will be computed.

    kernel        name in the table of kernels
    threads       threads it is launched on
    literals      sizes compiled into it: one specialisation each
    sizes         sizes given to it at run time, in its driver's order
    packed_shape  of the weights as the kernel reads them
    scratch       float32 numbers each thread needs for itself
    lane_macs     multiply-adds of all lanes, idle ones included
    """

    kernel: str
    conv: Conv
    threads: int
    literals: Mapping[str, int]
    sizes: tuple[int, ...]
    packed_shape: tuple[int, ...]
    scratch: int
    lane_macs: int

    @property
    def real_macs(self) -> int:
        """Multiply-adds on numbers of the input: taps that fall on padding do no work."""
        return real_macs(self.conv)

    @property
    def lane_waste(self) -> float:
        """Share of the computed multiply-adds that no output needs; 0 when there is no work."""
        return 1 - self.real_macs / self.lane_macs if self.lane_macs else 0.0


def real_macs(conv: Conv) -> int:
    """Multiply-adds of a convolution, those with padding left out."""
    return conv.batch * conv.out_channels * (conv.in_channels // conv.groups) * prod(real_taps(conv))


def real_taps(conv: Conv) -> tuple[int, ...]:
    """Pairs of an output position and a tap on the input, not on padding, for each axis."""
    before = (pads[0] for pads in conv.padding)
    axes = zip(conv.out_size, conv.in_size, conv.kernel_size, conv.stride, conv.dilation, before, strict=True)
    return tuple(taps_on_input(range(out), *axis) for out, *axis in axes)


def taps_on_input(places: range, size: int, kernel: int, stride: int, dilation: int, before: int) -> int:
    """The same pairs for a range of output positions along one axis, in a time that hardly grows with its sizes."""

    def below(column: int) -> int:
        """Pairs (i, tap) on columns below `column`: i·stride + tap·dilation < reach, i counted from the first place."""
        reach = column + before - places.start * stride
        taps = max(0, min(kernel, -(-reach // dilation)))  # those that the first place has there
        whole = max(0, min(taps, -(-(reach - (len(places) - 1) * stride) // dilation)))  # those that every place has
        least = reach - (taps - 1) * dilation  # columns for the last of them, of which every stride-th is a place
        return whole * len(places) + floor_sum(taps - whole, dilation, least + stride - 1, stride)

    return below(size) - below(0) if places else 0


def floor_sum(count: int, slope: int, start: int, divisor: int) -> int:
    """Σ ⌊(slope·i + start) / divisor⌋ over i < count, none of them negative, in as many steps as Euclid's algorithm.

    Whole parts are an arithmetic series. What is left counts the points of a lattice below a line, and counted the
    other way, by rows and not by columns, it is such a sum again, with slope and divisor exchanged (Graham, Knuth,
    Patashnik, Concrete Mathematics, 3.5).
    """
    total = 0
    while count > 0:
        total += count * (count - 1) // 2 * (slope // divisor) + count * (start // divisor)
        slope, start = slope % divisor, start % divisor
        count, start = divmod(slope * count + start, divisor)
        slope, divisor = divisor, slope
    return total
