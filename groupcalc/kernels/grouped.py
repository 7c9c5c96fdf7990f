"""Grouped and dense convolution with output channels in the lanes: whom it fits, its tiles and its weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil, prod
from typing import Any

import numpy as np

from groupcalc.conv import Conv
from groupcalc.kernels.host import Host
from groupcalc.kernels.plan import Plan, Weights, real_taps, taps_on_input

FEWEST_CHANNELS = 8
"""Output channels a group from which a vector of them is worth it."""

KERNELS, STRIDES = (1, 3, 5, 7), (1, 2)
"""Along a row, with no padding or half a kernel of it. All else is rare, and each such number is a specialisation."""

WIDTHS = (1, 2, 4, 5, 6, 7, 8, 9, 13, 14)
"""Pixels of a tile: 7, 8, 9, 13 and 14 divide the rows of the usual networks; few, to keep the compiled kernels few."""

BAND = 4096
"""Numbers of scratch that stay near between multiplication and transposition: half of a small level-1 cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """Vectors of output channels by pixels of a row, all sums in registers."""

    vectors: int
    lanes: int
    pixels: int

    @property
    def channels(self) -> int:
        return self.vectors * self.lanes


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A convolution along its last axis, and the columns of padding that its first and last outputs see.

    The plane of a 1×1 convolution with stride 1 is one long row.
    """

    size: int
    out: int
    kernel: int
    stride: int
    left: int
    right: int

    @classmethod
    def of(cls, conv: Conv) -> Row:
        in_w, out_w = conv.in_size[-1], conv.out_size[-1]
        kernel, stride, left = conv.kernel_size[-1], conv.stride[-1], conv.padding[-1][0]
        if prod(conv.kernel_size) == prod(conv.stride) == 1 and not any(map(any, conv.padding)):
            return cls(size=prod(conv.in_size), out=prod(conv.out_size), kernel=1, stride=1, left=0, right=0)
        right = max(0, (out_w - 1) * stride + kernel - left - in_w)
        return cls(size=in_w, out=out_w, kernel=kernel, stride=stride, left=left, right=right)

    def taps(self, pixels: int) -> int:
        """Taps on the input, not on padding, of all tiles: the last one ends with the row, and computes some again."""
        before_last = (ceil(self.out / pixels) - 1) * pixels
        return self._taps(range(before_last)) + self._taps(range(self.out - pixels, self.out))

    def _taps(self, places: range) -> int:
        return taps_on_input(places, self.size, self.kernel, self.stride, 1, self.left)

    def fits(self, pixels: int) -> bool:
        """The row holds a tile of so many pixels, and only the first and the last one see padding."""
        if pixels >= self.out:
            return pixels == self.out
        before_last = (ceil(self.out / pixels) - 1) * pixels
        ends = (before_last - 1) * self.stride + self.kernel - self.left  # where the columns end that these tiles see
        second = min(pixels, self.out - pixels)
        return ends <= self.size and second * self.stride >= self.left


def tiles(host: Host, stride: int = 1) -> Iterator[Tile]:
    """Every tile whose sums, weights and one broadcast fit the registers.

    With 32 registers no more than 18 sums: LLVM spills beyond that although there is room on paper. So it does with 16
    beyond 8 where the stride is 2, as no two taps then meet the same column.
    """
    most = {1: 14, 2: 18, 3: 18} if host.registers >= 32 else {1: 10, 2: 10 if stride == 1 else 8}
    for lanes in host.widths[:2]:
        for vectors, sums in most.items():
            for pixels in WIDTHS:
                if vectors * pixels <= sums:
                    yield Tile(vectors=vectors, lanes=lanes, pixels=pixels)


def cycles(tile: Tile, channels: int, row: int) -> float:
    """Cycles of one tap over a row, as a Zen 4 core has them: it multiplies and adds 16 numbers in one.

    Two loads a cycle, and a sum is ready for its next term after four; what is added breaks ties for few loads.
    """
    multiply = tile.pixels * tile.channels / 16
    loads = tile.vectors + tile.pixels
    step = max(multiply, loads / 2, 4) + 0.1 + 0.02 * loads
    return ceil(channels / tile.channels) * ceil(row / tile.pixels) * step


def fit(conv: Conv, host: Host, threads: int) -> Plan | None:
    """One or two axes, the usual rows without dilation, and enough channels a group."""
    out_group = conv.out_channels // conv.groups
    if len(conv.in_size) > 2 or out_group < FEWEST_CHANNELS or conv.dilation[-1] > 1:
        return None
    row = Row.of(conv)
    half = row.kernel // 2
    if row.kernel not in KERNELS or row.stride not in STRIDES or row.left not in (0, half) or row.right > half:
        return None
    allowed = [tile for tile in tiles(host, row.stride) if row.fits(tile.pixels)]
    if not allowed:
        return None
    return planned(conv, min(allowed, key=lambda tile: cycles(tile, out_group, row.out)), threads)


def planned(conv: Conv, tile: Tile, threads: int) -> Plan:
    """The plan with a tile that fits the rows."""
    row = Row.of(conv)
    literals = {"kernel_w": row.kernel, "stride": row.stride, "left": row.left, "right": row.right}
    literals["single"] = int(tile.pixels == row.out)
    return plan_of("grouped", conv, tile, row, literals, row.taps(tile.pixels), threads)


def plan_of(
    kernel: str, conv: Conv, tile: Tile, row: Row, literals: dict[str, int], row_taps: int, threads: int
) -> Plan:
    """The plan of a kernel with channels in the lanes, whose tiles compute `row_taps` taps along a row."""
    plane = in_two_axes(conv)
    flat = row.out != plane.out_size[1]
    in_h, out_h = (1, 1) if flat else (plane.in_size[0], plane.out_size[0])
    in_group, out_group = conv.in_channels // conv.groups, conv.out_channels // conv.groups
    blocks = ceil(out_group / tile.channels)
    taps = row_taps * (1 if flat else real_taps(plane)[0])
    band = max(1, min(out_h, BAND // (row.out * tile.channels)))
    scratch = (band * row.out + max(tile.lanes, tile.pixels)) * tile.channels
    axes = zip(plane.kernel_size, plane.stride, plane.dilation, (pads[0] for pads in plane.padding), strict=True)
    return Plan(
        kernel=kernel,
        conv=conv,
        threads=threads,
        literals=literals | {"pixels": tile.pixels, "vectors": tile.vectors, "lanes": tile.lanes},
        sizes=(
            *(threads, conv.batch, conv.groups, in_group, out_group, in_h, row.size, out_h, row.out),
            *(number for axis in axes for number in axis),
            *(band, scratch),
        ),
        packed_shape=(conv.groups, blocks, in_group, *plane.kernel_size, tile.channels),
        scratch=scratch,
        lane_macs=conv.batch * conv.groups * blocks * tile.channels * in_group * taps,
    )


def in_two_axes(conv: Conv) -> Conv:
    """The same convolution of a plane: one axis becomes the row of a plane of height 1."""
    if len(conv.in_size) == 2:
        return conv
    return replace(
        conv,
        in_size=(1, *conv.in_size),
        kernel_size=(1, *conv.kernel_size),
        stride=(1, *conv.stride),
        padding=((0, 0), *conv.padding),
        dilation=(1, *conv.dilation),
    )


def pack(plan: Plan, w: Weights, bias: Weights) -> tuple[Weights, Weights]:
    """w[group, block, ic, kh, kw, oc of the block]: a tile reads them in order; missing channels are zero."""
    groups, blocks, in_group, *kernel, channels = plan.packed_shape
    padded = in_blocks(w.reshape(groups, -1, in_group, *kernel), blocks, channels)
    return np.moveaxis(padded, 2, -1), in_blocks(bias.reshape(groups, -1), blocks, channels)


def in_blocks(array: Weights, blocks: int, channels: int) -> Weights:
    """a[group, oc, ...] as a[group, block, oc of the block, ...], filled up with zeros."""
    groups, out_group, *rest = array.shape
    padded = np.zeros((groups, blocks * channels, *rest), np.float32)
    padded[:, :out_group] = array
    return padded.reshape(groups, blocks, channels, *rest)


def load(plan: Plan) -> Any:
    """The compiled driver for the tile of a plan."""
    from groupcalc.kernels.drivers import grouped

    return grouped.blocks(**plan.literals)(plan.threads)
