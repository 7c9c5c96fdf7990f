"""Depthwise convolution, and groups of few output channels: whom the kernel of rows fits, its tiles and its weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np

from groupcalc.conv import Conv
from groupcalc.kernels.host import Host
from groupcalc.kernels.plan import Plan, Weights

MOST_CHANNELS = 7
"""Output channels a group up to which pixels fill the lanes better than channels do."""

KERNELS = (3, 5, 7)

SHAPES = ((14, 1), (7, 2), (8, 1), (7, 1), (4, 2), (4, 1))
"""Rows of a tile, and planes that it takes together. 7 and 14 divide the planes of the usual networks, 8 those of
powers of two, 4 is for the smallest. Small planes go in pairs: so there are enough sums to hide how long each takes."""

EDGE = 3
"""Tiles at either end of a plane that may see padding, which is lower than two tiles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """Rows of as many pixels as there are lanes in one or two (`units`) output planes; all sums in registers."""

    kernel: int
    stride: int
    rows: int
    units: int
    lanes: int

    @property
    def seen(self) -> int:
        """Rows of the input that the tile sees."""
        return (self.rows - 1) * self.stride + self.kernel

    @property
    def usual_padding(self) -> list[tuple[int, int]]:
        """How many rows of padding a tile sees above and below when the padding is half the kernel."""
        half = self.kernel // 2
        below = half if self.stride == 1 or self.kernel == 3 else half - 1
        return sorted({(0, 0), (half, 0), (0, below), (half, below)})

    @property
    def weights(self) -> int:
        """Weights in registers at a time: of one tap of a row, with stride 2 of two, or of all three."""
        together = 1 if self.stride == 1 else 3 if self.kernel == 3 else 2
        return together * self.kernel

    def multiplies(self, above: int = 0, below: int = 0) -> int:
        """Pairs of an output row and a tap that fall on the rows between `above` and `below`."""
        real = range(above, self.seen - below)
        return sum(oh * self.stride + kh in real for oh in range(self.rows) for kh in range(self.kernel))


def fit(conv: Conv, host: Host, threads: int) -> Plan | None:
    """Two axes alike, no dilation, and padding that no output row consists of."""
    if len(conv.in_size) != 2 or conv.out_channels // conv.groups > MOST_CHANNELS or host.lanes < 8:
        return None
    (kernel, kernel_w), (stride, stride_w) = conv.kernel_size, conv.stride
    if kernel not in KERNELS or kernel != kernel_w or stride != stride_w or stride > 2 or conv.dilation != (1, 1):
        return None
    if max(conv.padding[0]) >= kernel:
        return None
    return planned(conv, best_tile(conv, host), threads)


def best_tile(conv: Conv, host: Host) -> Tile:
    """The tile that covers the rows of a plane with the least work, of those that fit the registers."""

    def registers(tile: Tile) -> int:
        inputs = 3 if tile.stride == 1 else 6
        return tile.units * (tile.rows + tile.weights) + inputs

    def cost(tile: Tile) -> float:
        return ceil(conv.out_size[0] / tile.rows) * (tile.rows + 1 / tile.units)

    tiles = [
        Tile(kernel=conv.kernel_size[0], stride=conv.stride[0], rows=rows, units=units, lanes=host.lanes)
        for rows, units in SHAPES
    ]
    allowed = [tile for tile in tiles if registers(tile) <= host.registers]
    return min(allowed or tiles[-1:], key=cost)


def planned(conv: Conv, tile: Tile, threads: int) -> Plan:
    """The plan for one tile: whole vectors along a row, then one of half the width where that is enough."""
    in_group, out_group = conv.in_channels // conv.groups, conv.out_channels // conv.groups
    (top, _), (left, _) = conv.padding
    out_w = conv.out_size[1]
    half = tile.lanes // 2
    narrow = half >= 8 and 0 < out_w % tile.lanes <= half
    if narrow and out_w <= half:
        tile, narrow = replace(tile, lanes=half), False
    wide = out_w // tile.lanes if narrow else ceil(out_w / tile.lanes)
    tail = half if narrow else 0
    return Plan(
        kernel="rows",
        conv=conv,
        threads=threads,
        literals={
            "kernel": tile.kernel,
            "stride": tile.stride,
            "rows": tile.rows,
            "units": tile.units,
            "lanes": tile.lanes,
            "tail": tail,
        },
        sizes=(
            *(threads, conv.batch, in_group, conv.out_channels, out_group),
            *(*conv.in_size, *conv.out_size, top, left, wide),
        ),
        packed_shape=(conv.out_channels, 1 + in_group * tile.kernel * tile.kernel),
        scratch=0,
        lane_macs=_planes(conv, tile) * in_group * tile.kernel * (wide * tile.lanes + tail) * _multiplies(conv, tile),
    )


def _planes(conv: Conv, tile: Tile) -> int:
    """Output planes, the last one twice if it has no partner."""
    return ceil(conv.batch * conv.out_channels / tile.units) * tile.units


def _multiplies(conv: Conv, tile: Tile) -> int:
    """Pairs of an output row and a tap over all tiles of a plane; those in the middle all have as many."""
    in_h, out_h, top = conv.in_size[0], conv.out_size[0], conv.padding[0][0]
    bands, whole = ceil(out_h / tile.rows), tile.multiplies()
    spared = 0
    for band in {*range(min(EDGE, bands)), *range(max(0, bands - EDGE), bands)}:
        first = max(0, min(band * tile.rows, out_h - tile.rows)) * tile.stride - top
        padding = max(0, -first), max(0, first + tile.seen - in_h)
        if out_h >= tile.rows and padding in tile.usual_padding:
            spared += whole - tile.multiplies(*padding)
    return bands * whole - spared


def pack(plan: Plan, w: Weights, bias: Weights) -> tuple[Weights, Weights]:
    """bias[oc] and then w[oc, ic, kw, kh]: the order in which a tile takes them."""
    taps = np.swapaxes(w, 2, 3).reshape(len(w), -1)
    return np.concatenate([bias[:, None], taps], axis=1), bias


def load(plan: Plan) -> Any:
    """The compiled driver for the tile of a plan."""
    from groupcalc.kernels.drivers import rows

    return rows.planes(**plan.literals)(plan.threads)
