"""Convolution on the CPU, compiled for its shape.

arguments  what callers hand over, checked      table      kernels by name, and the planner over them
host       the vector unit to plan for          general …  one file a kernel: whom it fits, how weights are packed
threads    how many, and on what                drivers/   the same kernels compiled: tiles and the loops around them
plan       one convolution, planned             jit        the house decorator and its cache on disk
prepared   ready to run                         reference  the oracle, plain float64

Numba is imported when the first float32 convolution is prepared, and its threads stay: a process that has run one
may start others by spawn, but OpenMP ends a child that was forked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from groupcalc.kernels import cuda, table
from groupcalc.kernels.arguments import Numbers, Padding, check_array, check_device, check_threads, geometry
from groupcalc.kernels.host import this_host
from groupcalc.kernels.plan import Plan
from groupcalc.kernels.prepared import Compiled, Exact, Prepared
from groupcalc.kernels.threads import thread_count

__all__ = ["Plan", "Prepared", "conv2d", "prepare"]


def conv2d(
    x: NDArray[Any],
    w: NDArray[Any],
    bias: NDArray[Any] | None = None,
    stride: Numbers = 1,
    padding: Padding = 0,
    dilation: Numbers = 1,
    groups: int = 1,
    threads: int | None = None,
    device: str = "cpu",
) -> NDArray[Any]:
    """y[batch, out_channels, *out_size] of x[batch, in_channels, *in_size], as `prepare` and one run of it."""
    (cuda.check_array if device == "cuda" else check_array)("x", x)
    run = prepare(w, x.shape, bias, stride, padding, dilation, groups, threads, device)
    return run(x)


def prepare(
    w: NDArray[Any],
    input_shape: Sequence[int],
    bias: NDArray[Any] | None = None,
    stride: Numbers = 1,
    padding: Padding = 0,
    dilation: Numbers = 1,
    groups: int = 1,
    threads: int | None = None,
    device: str = "cpu",
) -> Prepared:
    """A convolution with w[out_channels, in_channels/groups, *kernel_size], ready to run on inputs of one shape.

    input_shape  (batch, in_channels, *in_size), one to three spatial axes
    bias         bias[out_channels]
    stride, dilation  an int, or one number an axis
    padding      an int, one number an axis, one (before, after) pair an axis, "same" or "valid"
    threads      None: the CPUs of the affinity mask or the cgroup's quota, whichever is fewer

    float32 or float64, all arrays alike; any strides. Raises GeometryError when the arguments do not fit together.

    device="cuda": float32 or float16, which is summed in float32 and rounded when it is stored; threads is of no
    account. An x with __cuda_array_interface__ stays on the device, must have no gaps, and gives a device array; one
    of NumPy is copied there and back. Raises DeviceError when there is no GPU.
    """
    check_device(device)
    check_threads(threads)
    if device == "cuda":
        return cuda.prepare(w, input_shape, bias, stride, padding, dilation, groups)
    check_array("w", w)
    if bias is not None:
        check_array("bias", bias)
    conv = geometry(w, bias, input_shape, stride, padding, dilation, groups)
    if conv.dtype == "float64":
        return Exact(conv, w, bias)
    return Compiled(table.plan(conv, this_host(), thread_count(threads)), w, bias)
