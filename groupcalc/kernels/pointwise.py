"""1×1 convolution of large planes: pixels in the lanes, no transposition."""

from __future__ import annotations

from math import ceil, prod
from typing import Any

from groupcalc.conv import Conv
from groupcalc.kernels.grouped import in_blocks
from groupcalc.kernels.host import Host
from groupcalc.kernels.plan import Plan, Weights

MOST_WASTE = 0.03
"""Share of the time that may go to lanes without a pixel; past it, output channels in the lanes are faster."""

NARROW = 0.5
"""Time of a multiply-add of a narrow vector to that of the widest: half of it, however narrow."""

INPUT_BYTES = 16384
"""Input that a thread holds while all weights pass by: half of a small level-1 cache."""


def fit(conv: Conv, host: Host, threads: int) -> Plan | None:
    """Kernel and stride 1, no padding, any number of axes, and a plane that fills its vectors."""
    if any(number != 1 for number in (*conv.kernel_size, *conv.stride)) or any(map(any, conv.padding)):
        return None
    in_group, out_group = conv.in_channels // conv.groups, conv.out_channels // conv.groups
    plane, lanes = prod(conv.in_size), host.lanes
    tail = min(width for width in host.widths if width >= plane % lanes)
    row = plane // lanes + (plane % lanes > 0) * max(tail / lanes, NARROW)
    channels = channels_of_a_tile(out_group, host)
    blocks = ceil(out_group / channels)
    if plane < lanes or 1 - plane / (row * lanes) > MOST_WASTE:
        return None
    computed = plane // lanes * lanes + (plane % lanes > 0) * tail
    vectors = vectors_of_a_tile(host)
    run = max(1, INPUT_BYTES // (in_group * vectors * lanes * 4)) * vectors
    return Plan(
        kernel="pointwise",
        conv=conv,
        threads=threads,
        literals={"channels": channels, "vectors": vectors, "lanes": lanes, "tail": tail},
        sizes=(threads, conv.batch, conv.groups, in_group, out_group, plane, run),
        packed_shape=(conv.groups, blocks, in_group, channels),
        scratch=0,
        lane_macs=conv.batch * conv.groups * in_group * blocks * channels * computed,
    )


def vectors_of_a_tile(host: Host) -> int:
    """Vectors of pixels. Of two, each weight that is loaded makes two multiply-adds.

    With twice the registers one vector of more channels does as well, and wastes less at the end of a plane.
    """
    return 1 if host.registers >= 32 else 2


def channels_of_a_tile(out_group: int, host: Host) -> int:
    """The size that leaves the fewest sums unused; the larger of two equals."""
    sizes = (4, 8, 12, 14, 16, 17) if vectors_of_a_tile(host) == 1 else (4, 5, 6)
    return min(sizes, key=lambda size: (ceil(out_group / size) * (size + 1), -size))


def pack(plan: Plan, w: Weights, bias: Weights) -> tuple[Weights, Weights]:
    """w[group, block, ic, oc of the block]; channels that are not there are zero."""
    groups, blocks, in_group, channels = plan.packed_shape
    padded = in_blocks(w.reshape(groups, -1, in_group), blocks, channels)
    return padded.swapaxes(2, 3), in_blocks(bias.reshape(groups, -1), blocks, channels)


def load(plan: Plan) -> Any:
    """The compiled driver for the tile of a plan."""
    from groupcalc.kernels.drivers import pointwise

    return pointwise.blocks(**plan.literals)(plan.threads)
