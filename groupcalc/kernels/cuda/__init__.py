"""Convolution on an NVIDIA GPU, compiled for its shape.

device    the GPU: what is planned for, and one line when there is none
plan      one convolution, laid out on a grid of blocks
strips …  one file a kernel: whom it fits, how weights are packed; blocking: how the grouped one is cut
table     kernels by name, and the planner over them
arrays    NumPy's and the device's
prepared  ready to run
probes    what the device can do at most; events: how long things take on it
launch/   the kernels compiled, and their register tiles

Needs numba-cuda (the extras cuda12 and cuda13), or Numba's simulator; nothing of either is imported before the first
convolution is prepared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groupcalc.kernels.arguments import Numbers, Padding, geometry
from groupcalc.kernels.cuda import table
from groupcalc.kernels.cuda.arrays import check_array, to_host
from groupcalc.kernels.cuda.device import gpu
from groupcalc.kernels.cuda.prepared import OnDevice

__all__ = ["OnDevice", "check_array", "prepare"]


def prepare(
    w: Any, input_shape: Sequence[int], bias: Any, stride: Numbers, padding: Padding, dilation: Numbers, groups: int
) -> OnDevice:
    """As kernels.prepare, on the GPU; w and bias may be on either side. DeviceError when there is no GPU."""
    found = gpu()
    check_array("w", w)
    w = to_host(w)
    if bias is not None:
        check_array("bias", bias)
        bias = to_host(bias)
    conv = geometry(w, bias, input_shape, stride, padding, dilation, groups)
    return OnDevice(table.plan(conv, found), w, bias)
