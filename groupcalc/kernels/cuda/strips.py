"""Depthwise convolution of wide planes: whom it fits, its strips and its weights."""

from __future__ import annotations

from itertools import product
from math import ceil, prod
from typing import Any

import numpy as np

from groupcalc.conv import Conv
from groupcalc.kernels.cuda.device import Gpu
from groupcalc.kernels.cuda.plan import (
    ACCESS_BYTES,
    BLOCK_LAYERS,
    FLOAT_BYTES,
    Axis,
    Plan,
    Triple,
    at_once,
    axes,
    even,
    magic,
)
from groupcalc.kernels.plan import Weights

MOST_TAPS = 49
"""Taps whose weights a thread keeps in registers; 7×7 leaves room for the sums."""

MOST_SUMS = 80
"""Sums and weights of a thread: 32 and 25 take 108 registers, 28 and 49 take 150 (ptxas for sm_90)."""

THREADS = (256, 128, 64)
"""Of a block, at most: several blocks share a processor and hide each other's loads, and 256 can be launched whatever
the compiler makes of a kernel: 255 registers a thread of 65,536."""

WIDEST = ACCESS_BYTES // FLOAT_BYTES


def fit(conv: Conv, gpu: Gpu) -> Plan | None:
    """One channel of the input a group, one or two axes, and a kernel whose weights fit the registers."""
    if conv.in_channels != conv.groups or len(conv.in_size) > 2 or prod(conv.kernel_size) > MOST_TAPS:
        return None
    if not all(conv.in_size):
        return None
    height, width = axes(conv, 2)
    # Rows then start where such an access may, and end with one; so does the first input of each thread.
    lanes = at_once(conv.dtype, width.out)
    loaded = at_once(conv.dtype, width.size, lanes * width.stride)
    rows, (bx, by, bz) = _cut(conv, height, width.out // lanes, lanes, gpu)
    columns = width.out // lanes
    col_blocks, row_blocks = ceil(columns / bx), ceil(height.out / (rows * by))
    sizes = (height.size, width.size, height.out, width.out, height.before, width.before)
    return Plan(
        kernel="strips",
        conv=conv,
        literals={
            **window_literals(height, width),
            "R": rows,
            "V": lanes,
            "Q": loaded,
            "LEAD": -width.before % loaded,
            "M": conv.out_channels // conv.in_channels,
        },
        sizes=(conv.out_channels, *sizes, col_blocks, magic(col_blocks)),
        packed_shape=(conv.out_channels, room(conv)),
        grid=(ceil(conv.out_channels / bz), col_blocks * row_blocks, conv.batch),
        block=(bx, by, bz),
        reach=prod(conv.in_size),
    )


def _cut(conv: Conv, height: Axis, columns: int, lanes: int, gpu: Gpu) -> tuple[int, Triple]:
    """Rows of a strip, and threads of a block: the largest of both with which every processor still gets a block."""
    found = []
    for rows, threads in product(strip_rows(conv, height, lanes), THREADS):
        bx = even(columns, min(64, threads))
        by = even(ceil(height.out / rows), max(1, threads // bx))
        bz = min(conv.out_channels, max(1, threads // (bx * by)), BLOCK_LAYERS)
        blocks = ceil(columns / bx) * ceil(height.out / (rows * by)) * ceil(conv.out_channels / bz) * conv.batch
        found.append((rows, (bx, by, bz)))
        if blocks >= 2 * gpu.processors:
            break
    return found[-1]


def strip_rows(conv: Conv, height: Axis, lanes: int) -> list[int]:
    """Rows a thread may compute, best first; fewer where the weights leave few registers.

    A strip reads reach - stride rows more than it needs for itself, and the fewer strips, the fewer of those; with
    eight rows there are enough loads under way.
    """
    most = min(8, max(1, (MOST_SUMS - prod(conv.kernel_size)) // lanes))
    extra = height.reach - height.stride

    def read(rows: int) -> int:
        return ceil(height.out / rows) * (rows * height.stride + extra)

    best = min(range(1, min(most, height.out) + 1), key=read)
    return sorted({best, ceil(best / 2), ceil(best / 4)}, reverse=True)


def window_literals(height: Axis, width: Axis) -> dict[str, int]:
    """The sizes of the kernel that a window of it has compiled in."""
    return {
        "KH": height.kernel,
        "KW": width.kernel,
        "SH": height.stride,
        "SW": width.stride,
        "DH": height.dilation,
        "DW": width.dilation,
    }


def room(conv: Conv) -> int:
    """Weights a channel, up to a whole number of the widest access."""
    return ceil(prod(conv.kernel_size) / WIDEST) * WIDEST


def pack(plan: Plan, w: Weights, bias: Weights) -> tuple[Weights, Weights]:
    """w[oc, tap], with zeros behind the last tap."""
    packed = np.zeros(plan.packed_shape, np.float32)
    taps = w.reshape(len(w), -1)
    packed[:, : taps.shape[1]] = taps
    return packed, bias


def load(plan: Plan) -> Any:
    """The compiled kernel."""
    from groupcalc.kernels.cuda.launch import strips

    return strips.strips(**plan.literals)
