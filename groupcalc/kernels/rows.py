"""Depthwise convolution, and groups of few output channels: whom the kernel of rows fits, and its weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from groupcalc.conv import Conv
from groupcalc.kernels.host import Host
from groupcalc.kernels.plan import Plan, Weights

MOST_CHANNELS = 7
"""Output channels a group up to which pixels fill the lanes better than channels do."""

SHAPES = ((14, 1), (7, 2), (8, 1), (7, 1), (4, 2), (4, 1))
"""Rows of a tile, and planes that it takes together: 7 and 14 divide the planes of the usual networks, 8 those of
powers of two, 4 is for the smallest. Small planes go in pairs, for more sums at a time."""


def _shape(conv: Conv, host: Host) -> tuple[int, int]:
    kernel, stride, out_h = conv.kernel_size[0], conv.stride[0], conv.out_size[0]

    def registers(shape: tuple[int, int]) -> int:
        rows, units = shape
        return units * (rows + stride * kernel) + (3 if stride == 1 else 6)

    allowed = [shape for shape in SHAPES if registers(shape) <= host.registers] or [SHAPES[-1]]
    return min(allowed, key=lambda shape: -(-out_h // shape[0]) * (shape[0] + 2 / shape[1]))


def fit(conv: Conv, host: Host, threads: int) -> Plan | None:
    if len(conv.in_size) != 2 or conv.out_channels // conv.groups > MOST_CHANNELS or host.lanes < 8:
        return None
    (kernel, kernel_w), (stride, stride_w) = conv.kernel_size, conv.stride
    if kernel not in (3, 5, 7) or kernel != kernel_w or stride != stride_w or stride > 2 or conv.dilation != (1, 1):
        return None
    if max(conv.padding[0]) >= kernel:
        return None
    (in_h, in_w), (out_h, out_w) = conv.in_size, conv.out_size
    R, U = _shape(conv, host)
    L = host.lanes
    wide, rest = divmod(out_w, L)
    narrow_at = out_w
    if 0 < rest <= L // 2 and L > 8:
        narrow_at = max(0, out_w - L // 2)
    elif rest:
        wide += 1
    in_group, out_group = conv.in_channels // conv.groups, conv.out_channels // conv.groups
    return Plan(
        kernel="rows",
        conv=conv,
        threads=threads,
        literals={"K": kernel, "S": stride, "R": R, "U": U, "L": L},
        sizes=(threads, conv.batch, conv.in_channels, in_group, conv.out_channels, out_group, in_h, in_w, out_h, out_w,
               conv.padding[0][0], conv.padding[1][0], wide, narrow_at),
        packed_shape=(conv.out_channels, 1 + in_group * kernel * kernel),
        scratch=0,
        lane_macs=0,
    )


def pack(plan: Plan, w: Weights, bias: Weights) -> tuple[Weights, Weights]:
    """bias[oc] and w[oc, ic, kw, kh]: the order in which a tile takes them."""
    taps = np.swapaxes(w, 2, 3).reshape(len(w), -1)
    return np.concatenate([bias[:, None], taps], axis=1), bias


def load(plan: Plan) -> Any:
    """The compiled driver for the tile of a plan."""
    from groupcalc.kernels.drivers import rows

    return rows.planes(**plan.literals)
