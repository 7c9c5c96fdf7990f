"""The table of the GPU's kernels, and the planner that picks from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from groupcalc.conv import Conv
from groupcalc.kernels.cuda import general, grouped, planes, strips
from groupcalc.kernels.cuda.device import Gpu
from groupcalc.kernels.cuda.plan import Plan
from groupcalc.kernels.plan import Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """One way to compute a convolution on a GPU; `fit` and `pack` are plain, only `load` needs Numba.

    fit   the plan for a convolution, or None when the kernel is not made for it
    pack  w[out_channels, in_channels/groups, *kernel_size] and bias[out_channels] in the order in which the kernel
          reads them; the weights get the shape plan.packed_shape
    load  the compiled kernel: (x, w, bias, y, sizes) -> None, the arrays flat and on the device, w and bias float32
    """

    fit: Callable[[Conv, Gpu], Plan | None]
    pack: Callable[[Plan, Weights, Weights], tuple[Weights, Weights]]
    load: Callable[[Plan], Any]


KERNELS: Mapping[str, Kernel] = {
    "planes": Kernel(fit=planes.fit, pack=planes.pack, load=planes.load),
    "strips": Kernel(fit=strips.fit, pack=strips.pack, load=strips.load),
    "grouped": Kernel(fit=grouped.fit, pack=grouped.pack, load=grouped.load),
    "general": Kernel(fit=general.fit, pack=general.pack, load=general.load),
}
"""By preference: the first that fits is taken, and the last one fits everything."""


def plan(conv: Conv, gpu: Gpu) -> Plan:
    """The plan of the first kernel that is made for the convolution and whose launch the grid can hold."""
    plans = (kernel.fit(conv, gpu) for kernel in KERNELS.values())
    return next(plan for plan in plans if plan is not None and plan.launchable)
