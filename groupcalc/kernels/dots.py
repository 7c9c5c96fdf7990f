"""Depthwise convolution down to one pixel, as the last layer of a network has it: whom the kernel of dots fits."""

from __future__ import annotations

from math import ceil, prod
from typing import Any

from groupcalc.conv import Conv
from groupcalc.kernels.host import Host
from groupcalc.kernels.plan import Plan, Weights


def fit(conv: Conv, host: Host, threads: int) -> Plan | None:
    """The kernel is as large as the input, without padding: both are then one run of numbers, in any rank."""
    if host.lanes < 8 or not conv.groups == conv.in_channels == conv.out_channels:
        return None
    if conv.kernel_size != conv.in_size or any(map(any, conv.padding)):
        return None
    taps = prod(conv.kernel_size)
    return Plan(
        kernel="dots",
        conv=conv,
        threads=threads,
        literals={"lanes": host.lanes},
        sizes=(threads, conv.batch, conv.in_channels, taps),
        packed_shape=conv.weight_shape,
        scratch=0,
        lane_macs=conv.batch * conv.in_channels * ceil(taps / host.lanes) * host.lanes,
    )


def pack(plan: Plan, w: Weights, bias: Weights) -> tuple[Weights, Weights]:
    """As they are."""
    return w, bias


def load(plan: Plan) -> Any:
    """The compiled driver for the vectors of a plan."""
    from groupcalc.kernels.drivers import dots

    return dots.planes(**plan.literals)(plan.threads)
