"""Prepared: one convolution with packed weights, compiled kernel and scratch, ready to run again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import ref

import numpy as np
from numpy.typing import NDArray

from groupcalc.conv import Conv
from groupcalc.kernels import reference, threads
from groupcalc.kernels.arguments import check_input, check_output
from groupcalc.kernels.cuda.plan import Plan as CudaPlan
from groupcalc.kernels.plan import Plan
from groupcalc.kernels.table import KERNELS

CACHE_LINE = 64  # bytes; also the widest vector


class Prepared:
    """A convolution that is ready to run. Owns its scratch: one thread may run it at a time.

    conv  the geometry
    plan  which kernel computes it, and how; None in float64, which goes through the reference
    note  what is known to slow it down; "" when nothing is
    """

    plan: Plan | CudaPlan | None = None
    note = ""

    def __init__(self, conv: Conv) -> None:
        self.conv = conv
        self._dtype = np.dtype(conv.dtype)
        self._in_shape = (conv.batch, conv.in_channels, *conv.in_size)
        self._out_shape = (conv.batch, conv.out_channels, *conv.out_size)
        self._latest_x: Callable[[], object] = _none
        self._latest_out: Callable[[], object] = _none

    def __call__(self, x: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
        """y[batch, out_channels, *out_size] of x[batch, in_channels, *in_size]; `out` itself when it is given.

        Raises GeometryError when x or out is not what this was prepared for, or out overlaps x. The same two arrays
        again are not checked again: on a small layer that would take a twentieth of the time.
        """
        if out is None:
            check_input(x, self._in_shape, self._dtype)
            out = np.empty(self._out_shape, self._dtype)
        elif x is not self._latest_x() or out is not self._latest_out():
            check_input(x, self._in_shape, self._dtype)
            check_output(out, x, self._out_shape)
            self._latest_x, self._latest_out = ref(x), ref(out)  # while these are held NumPy resizes neither array
        self._compute(x, out)
        return out

    def _compute(self, x: NDArray[Any], out: NDArray[Any]) -> None:
        raise NotImplementedError


class Exact(Prepared):
    """float64, by the reference."""

    def __init__(self, conv: Conv, w: NDArray[np.float64], bias: NDArray[np.float64] | None) -> None:
        super().__init__(conv)
        self._w, self._b = w.copy(), None if bias is None else bias.copy()

    def _compute(self, x: NDArray[Any], out: NDArray[Any]) -> None:
        out[...] = reference.convolve(self.conv, x, self._w, self._b)


class Compiled(Prepared):
    """float32, by the kernel of a plan; weights packed, kernel compiled and scratch allocated here, once."""

    plan: Plan

    def __init__(self, plan: Plan, w: NDArray[np.float32], bias: NDArray[np.float32] | None) -> None:
        super().__init__(plan.conv)
        self.plan = plan
        self.note = threads.note(threads.threading_layer(), plan.threads)
        kernel = KERNELS[plan.kernel]
        self._driver = kernel.load(plan)
        if bias is None:
            bias = np.zeros(plan.conv.out_channels, np.float32)
        weights, bias = kernel.pack(plan, w, bias)
        scratch = np.zeros(plan.threads * plan.scratch, np.float32)
        self._operands = (aligned(weights), aligned(bias), aligned(scratch))

    def _compute(self, x: NDArray[Any], out: NDArray[Any]) -> None:
        weights, bias, scratch = self._operands
        y = out if out.flags.carray else np.empty(self._out_shape, np.float32)  # one run of numbers, to be written
        x = x if _flat(x) else x.copy(order="C")
        self._driver(x.ravel(), weights, bias, y.ravel(), scratch, self.plan.sizes)
        if y is not out:
            out[...] = y


def _none() -> None:
    """A reference to nothing yet."""


def _flat(array: NDArray[Any]) -> bool:
    """One run of aligned numbers: what a driver takes."""
    flags = array.flags
    return flags.carray or (flags.c_contiguous and flags.aligned)  # the one is quick, the other knows read-only arrays


def aligned(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """A flat copy that starts at a cache line: a vector load across two lines takes twice as long."""
    room = np.empty(array.nbytes + CACHE_LINE, np.uint8)
    start = -room.ctypes.data % CACHE_LINE
    flat = room[start : start + array.nbytes].view(np.float32)
    flat[:] = array.reshape(-1)
    return flat
