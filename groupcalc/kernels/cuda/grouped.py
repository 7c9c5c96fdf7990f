"""Grouped and dense convolution: whom it fits, how it is cut and how its weights lie."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from groupcalc.conv import Conv
from groupcalc.kernels.cuda.blocking import Cut, cuts
from groupcalc.kernels.cuda.device import Gpu
from groupcalc.kernels.cuda.plan import Plan, magic
from groupcalc.kernels.plan import Weights

MOST_KERNEL_ROWS = 11
"""Rows of the kernel that are compiled into straight code, as are all sums of a thread for each."""


def fit(conv: Conv, gpu: Gpu) -> Plan | None:
    """One or two axes, and something to read."""
    if len(conv.in_size) > 2 or not all(conv.in_size) or not conv.batch:
        return None
    if len(conv.in_size) == 2 and conv.kernel_size[0] > MOST_KERNEL_ROWS:
        return None
    cut = _best(conv, gpu)
    return _planned(conv, cut) if cut else None


@lru_cache(maxsize=256)
def _best(conv: Conv, gpu: Gpu) -> Cut | None:
    return min(cuts(conv), key=lambda cut: cut.cycles(gpu), default=None)


def _planned(conv: Conv, cut: Cut) -> Plan:
    height, width = cut.height, cut.width
    in_group, out_group = conv.in_channels // conv.groups, conv.out_channels // conv.groups
    planes = (height.size, width.size, height.out, width.out)
    kernel = (width.kernel, width.stride, width.dilation, height.before, width.before)
    share = (cut.groups, cut.images, cut.chunk, cut.strips, cut.seen_rows, cut.weight_room)
    divisors = (cut.strips, cut.pitch // cut.at_once, cut.seen_rows, cut.groups * cut.chunk)
    blocks = (cut.tiles, magic(cut.tiles), cut.col_blocks, magic(cut.col_blocks))
    return Plan(
        kernel="grouped",
        conv=conv,
        literals={
            "KH": height.kernel,
            "SH": height.stride,
            "DH": height.dilation,
            "TM": cut.channels,
            "R": cut.rows,
            "WIDTH": cut.block_channels,
            "PITCH": cut.pitch,
            "Q": cut.at_once,
            "LEAD": cut.lead,
        },
        sizes=(conv.batch, conv.groups, in_group, out_group, *planes, *kernel, *share, *blocks, *map(magic, divisors)),
        packed_shape=(conv.groups, cut.tiles, in_group, width.kernel, height.kernel, cut.block_channels),
        grid=cut.grid,
        block=cut.block,
        shared=cut.shared,
        reach=cut.images * conv.in_channels * prod(conv.in_size),
    )


def pack(plan: Plan, w: Weights, bias: Weights) -> tuple[Weights, Weights]:
    """w[group, tile, ic, kw, kh, oc of the tile], bias[group, tile, oc]; channels that are not there are zero."""
    groups, tiles, in_group, kernel_w, kernel_h, width = plan.packed_shape
    out_group = len(w) // groups
    padded = np.zeros((groups, tiles * width, in_group, kernel_h, kernel_w), np.float32)
    padded[:, :out_group] = w.reshape(groups, out_group, in_group, kernel_h, kernel_w)
    biases = np.zeros((groups, tiles * width), np.float32)
    biases[:, :out_group] = bias.reshape(groups, out_group)
    return padded.reshape(groups, tiles, width, in_group, kernel_h, kernel_w).transpose(0, 1, 3, 5, 4, 2), biases


def load(plan: Plan) -> Any:
    """The compiled kernel."""
    from groupcalc.kernels.cuda.launch import grouped

    return grouped.blocks(**plan.literals)
