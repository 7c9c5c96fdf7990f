"""Depthwise convolution, and groups of few output channels: whom the kernel of rows fits, its tiles and its weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, prod
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

WIDTHS = (7, 14)
"""Rows of the usual networks that a single tile covers. Compiled in, its addresses and the ends of a row cost nothing;
each such number is a specialisation."""

FAR_BYTES = 2**24
"""Input and output larger than this lie beyond the part of the last cache that a core can count on."""

EDGE = 3
"""Tiles at either end of a plane that may see padding, which is lower than two tiles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """Rows of as many pixels as there are lanes in one or two (`units`) output planes; all sums in registers.

    width  pixels of a row, when it is one of WIDTHS and neither stride nor padding changes it; else 0, for any row
    fetch  whether the next rows are asked for in time, which takes a tenth longer when they are near
    """

    kernel: int
    stride: int
    rows: int
    units: int
    lanes: int
    width: int = 0
    fetch: int = 0

    @property
    def seen(self) -> int:
        """Rows of the input that the tile sees."""
        return (self.rows - 1) * self.stride + self.kernel

    @property
    def triples(self) -> bool:
        """Whether it takes the three taps of a row together, the columns sorted into even and odd ones."""
        return self.stride == 2 and self.kernel == 3

    @property
    def pairs(self) -> bool:
        """Whether it takes two taps of a row together, the columns as they lie: no sorting, but a lane for each tap."""
        return self.stride == 2 and self.kernel > 3

    @property
    def front(self) -> int:
        """Taps of weight 0 before the first, so that pairs begin in even columns when half a kernel is padding."""
        return self.kernel // 2 % 2 if self.pairs else 0

    @property
    def parts(self) -> int:
        """Vectors of sums for the pixels of a row."""
        return 2 if self.pairs else 1

    @property
    def row_taps(self) -> int:
        """Taps of a row, the missing one of a pair among them."""
        return self.kernel + self.pairs

    @property
    def taps(self) -> int:
        """Weights of one input channel."""
        return self.kernel * self.row_taps

    @property
    def usual_padding(self) -> list[tuple[int, int]]:
        """How many rows of padding a tile sees above and below when the padding is half the kernel."""
        half = self.kernel // 2
        below = half if self.stride == 1 or self.kernel == 3 else half - 1
        return sorted({(0, 0), (half, 0), (0, below), (half, below)})

    @property
    def plain_padding(self) -> list[tuple[int, int]]:
        """Those with code for triples that need no masks: of planes of even size, to compile no more than pays."""
        return [padding for padding in self.usual_padding if self.triples and padding[1] == 0]

    @property
    def registers(self) -> int:
        """Sums, weights of one step, and vectors on the way to them."""
        weights, inputs = (3, 6) if self.triples else (1, 3)
        return self.units * (self.rows * self.parts + weights * self.kernel) + inputs

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

    def cost(tile: Tile) -> float:
        return ceil(conv.out_size[0] / tile.rows) * (tile.rows + 1 / tile.units)

    tiles = [
        Tile(kernel=conv.kernel_size[0], stride=conv.stride[0], rows=rows, units=units, lanes=host.lanes)
        for rows, units in SHAPES
    ]
    allowed = [tile for tile in tiles if tile.registers <= host.registers]
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
    alike = tile.stride == 1 and out_w == conv.in_size[1] and left == tile.kernel // 2
    if alike and out_w in WIDTHS and out_w <= tile.lanes:
        tile = replace(tile, width=out_w)
    elif 4 * conv.batch * (conv.in_channels * prod(conv.in_size) + conv.out_channels * prod(conv.out_size)) > FAR_BYTES:
        tile = replace(tile, fetch=1)
    w_plane = 1 + in_group * tile.taps
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
            "width": tile.width,
            "fetch": tile.fetch,
        },
        sizes=(
            *(threads, conv.batch, in_group, conv.out_channels, out_group),
            *(*conv.in_size, *conv.out_size, top, left, wide, w_plane),
        ),
        packed_shape=(conv.out_channels, w_plane),
        scratch=0,
        lane_macs=_planes(conv, tile) * in_group * tile.row_taps * (wide * tile.lanes + tail) * _multiplies(conv, tile),
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
    """bias[oc] and then w[oc, ic, kw, kh], or w[oc, ic, pair, kh, tap of the pair]: the order in which a tile reads."""
    tile = tile_of(plan)
    if tile.pairs:
        out, in_group, kernel, _ = w.shape
        filled = np.zeros((out, in_group, kernel, kernel + 1), np.float32)
        filled[..., tile.front : tile.front + kernel] = w
        w = filled.reshape(out, in_group, kernel, -1, 2)
    taps = np.swapaxes(w, 2, 3).reshape(len(w), -1)
    return np.concatenate([bias[:, None], taps], axis=1), bias


def tile_of(plan: Plan) -> Tile:
    """The tile that its rows begin with."""
    return Tile(**{name: number for name, number in plan.literals.items() if name != "tail"})


def load(plan: Plan) -> Any:
    """The compiled driver for the tile of a plan."""
    from groupcalc.kernels.drivers import rows

    return rows.planes(**plan.literals)(plan.threads)
