"""The table of kernels, and the planner that picks from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from groupcalc.conv import Conv
from groupcalc.kernels import dots, general, grouped, pointwise, rare, rows
from groupcalc.kernels.host import Host
from groupcalc.kernels.plan import Plan, Weights

Driver = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """One way to compute a convolution; `fit` and `pack` are plain, only `load` needs Numba.

    fit   the plan for a convolution, or None when the kernel is not made for it
    pack  w[out_channels, in_channels/groups, *kernel_size] and bias[out_channels] in the order in which the kernel
          reads them; the weights get the shape plan.packed_shape
    load  the compiled driver: (x, w, bias, y, scratch, sizes) -> None, the arrays flat, contiguous and float32
    """

    fit: Callable[[Conv, Host, int], Plan | None]
    pack: Callable[[Plan, Weights, Weights], tuple[Weights, Weights]]
    load: Callable[[Plan], Driver]


KERNELS: Mapping[str, Kernel] = {
    "pointwise": Kernel(fit=pointwise.fit, pack=pointwise.pack, load=pointwise.load),
    "grouped": Kernel(fit=grouped.fit, pack=grouped.pack, load=grouped.load),
    "rare": Kernel(fit=rare.fit, pack=rare.pack, load=rare.load),
    "dots": Kernel(fit=dots.fit, pack=dots.pack, load=dots.load),
    "rows": Kernel(fit=rows.fit, pack=rows.pack, load=rows.load),
    "general": Kernel(fit=general.fit, pack=general.pack, load=general.load),
}
"""By preference: the first that fits is taken. The last one fits everything, and is the only one without vectors."""


def plan(conv: Conv, host: Host, threads: int) -> Plan:
    """The plan of the first kernel that is made for a float32 convolution."""
    kernels = list(KERNELS.values()) if host.lanes > 1 else [KERNELS["general"]]
    plans = (kernel.fit(conv, host, threads) for kernel in kernels)
    return next(plan for plan in plans if plan is not None)
