"""Rare geometry with output channels in the lanes: one tile, and width, stride and dilation given at run time."""

from __future__ import annotations

from math import ceil

from groupcalc.conv import Conv
from groupcalc.kernels.grouped import FEWEST_CHANNELS, Row, Tile, in_two_axes, load, pack, plan_of
from groupcalc.kernels.host import Host
from groupcalc.kernels.plan import Plan, taps_on_input

__all__ = ["fit", "load", "pack"]

PIXELS = 7
"""Of the tile: it divides the rows of the usual networks, and its sums fit the registers of every host."""


def fit(conv: Conv, host: Host, threads: int) -> Plan | None:
    """One or two axes and enough channels a group."""
    out_group = conv.out_channels // conv.groups
    if len(conv.in_size) > 2 or out_group < FEWEST_CHANNELS:
        return None
    vectors = (2, 1) if host.registers >= 32 else (1,)
    tiles = [Tile(vectors=count, lanes=lanes, pixels=PIXELS) for lanes in host.widths[:2] for count in vectors]
    best = min(tiles, key=lambda tile: (ceil(out_group / tile.channels) * tile.channels, -tile.channels))
    return planned(conv, best, threads)


def planned(conv: Conv, tile: Tile, threads: int) -> Plan:
    """The plan with any tile."""
    plane = in_two_axes(conv)
    width, stride, pad = plane.kernel_size[1], plane.stride[1], plane.padding[1][0]
    row = Row(size=plane.in_size[1], out=plane.out_size[1], kernel=width, stride=stride, left=pad, right=0)
    computed = ceil(row.out / tile.pixels) * tile.pixels  # pixels behind the row see what is there of it
    taps = taps_on_input(range(computed), row.size, width, stride, plane.dilation[1], pad)
    literals = dict.fromkeys(("kernel_w", "stride", "left", "right", "single"), 0)
    return plan_of("rare", conv, tile, row, literals, taps, threads)
