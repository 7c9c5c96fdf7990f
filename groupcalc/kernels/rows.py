"""Depthwise convolution, and groups of few output channels: whom the kernel of rows fits, its tiles and its weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
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

HELD = 5
"""Weights of a step that are worth a register each. More of them stay in memory, spread over the lanes, from where a
multiply-add takes them as fast."""

WIDTHS = (7, 8, 14, 16, 28, 32)
"""Columns of the usual networks' rows that a single vector covers. Compiled in, their ends cost nothing; each is a
specialisation, and a row of any other such width has masks computed for it."""

FAR_BYTES = 2**24
"""Input and output larger than this lie beyond the part of the last cache that a core can count on."""

EDGE = 3
"""Tiles at either end of a plane that may see padding, which is lower than two tiles."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Whole rows in one or two (`units`) output planes, a vector of pixels after the other; all sums in registers.

    at_once  taps of a row that are taken together: 1 for stride 1; for stride 2 two neighbours, whose products lie
             side by side, or all three, for which the columns are sorted into even and odd ones
    top, left      rows and columns of padding before a plane
    bottom, right  those beyond it that its last pixel sees; columns below 0 when it leaves the last ones unseen
    single   whether it takes a whole plane at once
    tail     lanes of the last vector of a row, if fewer
    width    columns of the input, when one vector covers a row and they are one of WIDTHS; else 0
    ends     whether only the first vector of a row sees the padding before it, and only the last one what follows
    fetch    whether the next rows are asked for in time, which takes a tenth longer when they are near
    """

    kernel: int
    stride: int
    rows: int
    units: int
    lanes: int
    at_once: int
    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0
    single: int = 0
    tail: int = 0
    width: int = 0
    ends: int = 0
    fetch: int = 0

    @property
    def seen(self) -> int:
        """Rows of the input that the tile sees."""
        return (self.rows - 1) * self.stride + self.kernel

    @property
    def pairs(self) -> bool:
        """Whether it takes two taps of a row together: no sorting, but a lane for each tap."""
        return self.at_once == 2

    @property
    def front(self) -> int:
        """Taps of weight 0 before the first, so that pairs begin in even columns when half a kernel is padding."""
        return self.kernel // 2 % 2 if self.pairs else 0

    @property
    def offsets(self) -> range:
        """Where pairs begin, counted from the first tap of a row."""
        return range(-self.front, self.kernel, 2)

    @property
    def lone(self) -> int | None:
        """Where the pair begins that has one tap only, and must not meet what is no number under the other."""
        return (self.offsets[0] if self.front else self.offsets[-1]) if self.pairs else None

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
    def row_padding(self) -> list[tuple[int, int]]:
        """How many rows of padding a tile sees above and below, but for bands of few rows and short planes."""
        if self.single:
            return [(self.top, self.bottom)]
        return sorted({(0, 0), (self.top, 0), (0, self.bottom)})

    @property
    def registers(self) -> int:
        """Sums, weights of one step, and vectors on the way to them."""
        weights, inputs = (3 * self.kernel, 6) if self.at_once == 3 else (min(self.kernel, HELD), 3)
        return self.units * (self.rows * self.parts + weights) + inputs

    def multiplies(self, above: int = 0, below: int = 0) -> int:
        """Pairs of an output row and a tap that fall on the rows between `above` and `below`."""
        real = range(above, self.seen - below)
        return sum(oh * self.stride + kh in real for oh in range(self.rows) for kh in range(self.kernel))

    def vectors(self, out_w: int) -> int:
        """Vectors of `lanes` in a row of so many pixels, before the tail if there is one."""
        return out_w // self.lanes if self.tail else ceil(out_w / self.lanes)


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
    kernel, stride = conv.kernel_size[0], conv.stride[0]
    at_once = 1 if stride == 1 else 3 if kernel == 3 and host.registers >= 32 else 2

    def cost(tile: Tile) -> float:
        return ceil(conv.out_size[0] / tile.rows) * (tile.rows + 1 / tile.units)

    tiles = [Tile(kernel, stride, rows, units, host.lanes, at_once) for rows, units in SHAPES]
    allowed = [tile for tile in tiles if tile.registers <= host.registers]
    return min(allowed or tiles[-1:], key=cost)


def planned(conv: Conv, tile: Tile, threads: int) -> Plan:
    """The plan for one tile, which is fitted to the rows of the convolution."""
    in_group, out_group = conv.in_channels // conv.groups, conv.out_channels // conv.groups
    tile = _fitted(conv, tile)
    w_plane = 1 + in_group * tile.taps
    lanes = tile.vectors(conv.out_size[1]) * tile.lanes + tile.tail
    return Plan(
        kernel="rows",
        conv=conv,
        threads=threads,
        literals=asdict(tile),
        sizes=(
            *(threads, conv.batch, in_group, conv.out_channels, out_group),
            *(*conv.in_size, *conv.out_size, conv.padding[0][0], w_plane),
        ),
        packed_shape=(conv.out_channels, w_plane),
        scratch=0,
        lane_macs=_planes(conv, tile) * in_group * tile.row_taps * lanes * _multiplies(conv, tile),
    )


def _fitted(conv: Conv, tile: Tile) -> Tile:
    """A tile that knows its plane: whole vectors along a row, or one of half the width last where that is enough."""
    (top, _), (left, _) = conv.padding
    (in_h, in_w), (out_h, out_w) = conv.in_size, conv.out_size
    half, tail = tile.lanes // 2, 0
    if half >= 8 and 0 < out_w % tile.lanes <= half:
        tile, tail = (tile, half) if out_w > tile.lanes else (replace(tile, lanes=half), 0)
    bottom = max(0, (out_h - 1) * tile.stride + tile.kernel - top - in_h)
    right = (out_w - 1) * tile.stride + tile.kernel - left - in_w
    tile = replace(tile, top=top, bottom=bottom, left=left, single=int(out_h == tile.rows))
    if in_w in WIDTHS and out_w <= tile.lanes:
        return replace(tile, right=right, width=in_w)
    before, after = (ceil(max(0, padding) / tile.stride) for padding in (left, right))  # pixels that see padding
    if before > out_w - (tail or tile.lanes) or after > out_w - tile.lanes:
        return tile
    numbers = conv.batch * (conv.in_channels * prod(conv.in_size) + conv.out_channels * prod(conv.out_size))
    return replace(tile, right=right, tail=tail, ends=1, fetch=int(4 * numbers > FAR_BYTES))


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
        if out_h >= tile.rows and padding in tile.row_padding:
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
    """The tile, fitted to its rows."""
    return Tile(**plan.literals)


def load(plan: Plan) -> Any:
    """The compiled driver for the tile of a plan."""
    from groupcalc.kernels.drivers import rows

    return rows.planes(tile_of(plan))(plan.threads)
