"""Grouped and dense convolution with output channels in the lanes: whom it fits, its tiles and its weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from groupcalc.conv import Conv
from groupcalc.kernels.host import Host
from groupcalc.kernels.plan import Plan, Weights

FEWEST_CHANNELS = 8
"""Output channels a group from which a vector of them is worth it."""

WIDTHS = (1, 2, 4, 5, 6, 7, 8, 9, 13, 14)
"""Pixels of a tile: 7, 8, 9, 13 and 14 divide the rows of the usual networks; few, to keep the compiled kernels few."""

BAND = 4096
"""Numbers of scratch worth filling before they are transposed: half of a small level-1 cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """Vectors of output channels by pixels of a row, all sums in registers."""

    vectors: int
    lanes: int
    pixels: int


def tiles(host: Host) -> Iterator[Tile]:
    """Every tile whose sums, weights and one broadcast fit the registers.

    With 32 registers no more than 18 sums: LLVM spills beyond that although there is room on paper.
    """
    sums = {1: 14, 2: 18, 3: 18} if host.registers >= 32 else {1: 10, 2: 10}
    for lanes in host.widths[:2]:
        for vectors, most in sums.items():
            for pixels in WIDTHS:
                if vectors * pixels <= most:
                    yield Tile(vectors=vectors, lanes=lanes, pixels=pixels)


def cycles(tile: Tile, channels: int, row: int, host: Host) -> float:
    """Cycles of one tap over a row, as a Zen 4 core has them: half a cycle a multiply-add of half the widest vector.

    Two loads a cycle, and a sum is ready for its next term after four.
    """
    multiply = tile.vectors * tile.pixels * tile.lanes / host.lanes
    loads = tile.vectors + tile.pixels
    step = max(multiply, loads / 2, 4) + 0.1 + 0.02 * loads
    return ceil(channels / (tile.vectors * tile.lanes)) * ceil(row / tile.pixels) * step


def fit(conv: Conv, host: Host, threads: int) -> Plan | None:
    """Two axes, dilation 1 along a row, and enough channels a group."""
    out_group = conv.out_channels // conv.groups
    if len(conv.in_size) != 2 or out_group < FEWEST_CHANNELS:
        return None
    if conv.kernel_size[1] > 7 or conv.stride[1] > 2 or conv.dilation[1] > 1:
        return None
    row = _row(conv)
    allowed = [tile for tile in tiles(host) if _ends_fit(tile, row)]
    if not allowed:
        return None
    best = min(allowed, key=lambda tile: cycles(tile, out_group, row.out, host))
    return _planned(conv, row, best, threads)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One axis of a convolution, and the columns of padding that its first and last outputs see."""

    size: int
    out: int
    kernel: int
    stride: int
    left: int
    right: int


def _row(conv: Conv) -> Row:
    (in_h, in_w), (out_h, out_w) = conv.in_size, conv.out_size
    kernel, stride, left = conv.kernel_size[1], conv.stride[1], conv.padding[1][0]
    if conv.kernel_size == conv.stride == (1, 1) and not any(map(any, conv.padding)):
        return Row(size=in_h * in_w, out=out_h * out_w, kernel=1, stride=1, left=0, right=0)
    right = max(0, (out_w - 1) * stride + kernel - left - in_w)
    return Row(size=in_w, out=out_w, kernel=kernel, stride=stride, left=left, right=right)


def _ends_fit(tile: Tile, row: Row) -> bool:
    """The row holds a tile, and only its first and last tile see padding."""
    if tile.pixels >= row.out:
        return tile.pixels == row.out
    last = (ceil(row.out / tile.pixels) - 1) * tile.pixels  # where the tiles before the last one end
    inner = tile.pixels < last
    ends = last * row.stride - row.stride + row.kernel - row.left
    reach = (row.out - tile.pixels) * row.stride
    return reach >= row.left and (not inner or (tile.pixels * row.stride >= row.left and ends <= row.size))


def _planned(conv: Conv, row: Row, tile: Tile, threads: int) -> Plan:
    in_group, out_group = conv.in_channels // conv.groups, conv.out_channels // conv.groups
    flat = row.out != conv.out_size[1]
    in_h, out_h = (1, 1) if flat else (conv.in_size[0], conv.out_size[0])
    block = tile.vectors * tile.lanes
    blocks = ceil(out_group / block)
    band = max(1, min(out_h, BAND // (row.out * block)))
    share = (band * row.out + tile.lanes) * block
    vertical = (conv.kernel_size[0], conv.stride[0], conv.dilation[0], conv.padding[0][0])
    single = tile.pixels == row.out
    computed = ceil(row.out / tile.pixels) * tile.pixels * block * blocks
    return Plan(
        kernel="grouped",
        conv=conv,
        threads=threads,
        literals={
            "KW": row.kernel,
            "S": row.stride,
            "D": 1,
            "M": tile.pixels,
            "V": tile.vectors,
            "L": tile.lanes,
            "LEFT": row.left,
            "RIGHT": row.right,
            "SINGLE": int(single),
        },
        sizes=(threads, conv.batch, conv.groups, in_group, out_group, in_h, row.size, out_h, row.out, *vertical, band, share),
        packed_shape=(conv.groups, blocks, in_group, *conv.kernel_size, block),
        scratch=share,
        lane_macs=0,
    )


def pack(plan: Plan, w: Weights, bias: Weights) -> tuple[Weights, Weights]:
    """w[group, block, ic, kh, kw, oc of the block]: a tile reads them in order; channels that are not there are zero."""
    groups, blocks, in_group, *kernel, block = plan.packed_shape
    out_group = len(w) // groups
    padded = np.zeros((groups, blocks * block, in_group, *kernel), np.float32)
    padded[:, :out_group] = w.reshape(groups, out_group, in_group, *kernel)
    biases = np.zeros((groups, blocks * block), np.float32)
    biases[:, :out_group] = bias.reshape(groups, out_group)
    return np.moveaxis(padded.reshape(groups, blocks, block, in_group, *kernel), 2, -1), biases


def load(plan: Plan) -> Any:
    """The compiled driver for the tile of a plan."""
    from groupcalc.kernels.drivers import grouped

    return grouped.blocks(**plan.literals)
