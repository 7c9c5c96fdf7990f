"""The kernel for everything: one specialisation, any rank, stride, dilation and padding, sizes given at run time."""

from __future__ import annotations

from typing import Any

from groupcalc.conv import Conv
from groupcalc.kernels.host import Host
from groupcalc.kernels.plan import Plan, Weights, real_macs

AXES = 3
"""Spatial axes of the kernel: fewer are filled up in front with axes of size 1."""


def fit(conv: Conv, host: Host, threads: int) -> Plan:
    """Every convolution fits; lanes are the pixels of an output row."""
    before = [pads[0] for pads in conv.padding]
    geometry = (conv.in_size, conv.out_size, conv.kernel_size, conv.stride, conv.dilation, before)
    axes = [*[(1, 1, 1, 1, 1, 0)] * (AXES - len(before)), *zip(*geometry, strict=True)]
    in_group = conv.in_channels // conv.groups
    channels = (conv.batch, conv.groups, in_group, conv.out_channels // conv.groups)
    return Plan(
        kernel="general",
        conv=conv,
        threads=threads,
        literals={},
        sizes=(threads, *channels, *(number for axis in axes for number in axis)),
        packed_shape=conv.weight_shape,
        scratch=0,
        lane_macs=real_macs(conv),
    )


def pack(plan: Plan, w: Weights, bias: Weights) -> tuple[Weights, Weights]:
    """As they are."""
    return w, bias


def load(plan: Plan) -> Any:
    """The compiled driver."""
    from groupcalc.kernels.drivers import general

    return general.rows(plan.threads)
