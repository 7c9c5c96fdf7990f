"""The kernel for everything: any rank, stride, dilation and padding, one specialisation."""

from __future__ import annotations

from math import ceil, prod
from typing import Any

from groupcalc.conv import Conv
from groupcalc.kernels.cuda.device import Gpu
from groupcalc.kernels.cuda.plan import GRID, Plan, axes
from groupcalc.kernels.plan import Weights

THREADS = 256


def fit(conv: Conv, gpu: Gpu) -> Plan:
    """Every convolution fits."""
    count = conv.batch * conv.out_channels * prod(conv.out_size)
    numbers = (
        number
        for axis in axes(conv, 3)
        for number in (axis.size, axis.out, axis.kernel, axis.stride, axis.dilation, axis.before)
    )
    channels = (conv.groups, conv.in_channels // conv.groups, conv.out_channels // conv.groups)
    return Plan(
        kernel="general",
        conv=conv,
        literals={},
        sizes=(count, *channels, *numbers),
        packed_shape=conv.weight_shape,
        grid=(min(ceil(count / THREADS), GRID[0]), 1, 1),
        block=(THREADS, 1, 1),
    )


def pack(plan: Plan, w: Weights, bias: Weights) -> tuple[Weights, Weights]:
    """As they are."""
    return w, bias


def load(plan: Plan) -> Any:
    """The compiled kernel."""
    from groupcalc.kernels.cuda.launch import general

    return general.outputs()
