"""What a caller hands over, checked: each thing that does not fit is one GeometryError."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from groupcalc.conv import Conv, conv
from groupcalc.errors import GeometryError

DTYPES = ("float32", "float64")
RANKS = (3, 4, 5)

Numbers = int | Sequence[int]
Padding = int | str | Sequence[int] | Sequence[tuple[int, int]]


def check_device(device: str) -> None:
    """One of those that there are kernels for."""
    if device not in ("cpu", "cuda"):
        raise GeometryError(f"device={device!r} is not known", 'use "cpu" or "cuda"')


def check_threads(threads: int | None) -> None:
    """None, or a positive number."""
    if threads is None:
        return
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise GeometryError(f"threads={threads!r} is not a positive number", "use 1 or more")


def check_array(name: str, array: Any) -> None:
    """A NumPy array of a dtype that the CPU's kernels take."""
    check_kind(name, array)
    if array.dtype.name not in DTYPES or not array.dtype.isnative:
        elsewhere = ', or device="cuda"' if array.dtype == np.float16 else ""
        raise GeometryError(f"{name} is {array.dtype}", f"use {' or '.join(DTYPES)}{elsewhere}")


def check_kind(name: str, array: Any) -> None:
    """A NumPy array."""
    if not isinstance(array, np.ndarray):
        raise GeometryError(f"{name} is a {type(array).__name__}, not a NumPy array", "convert it with numpy.asarray")


def geometry(
    w: Any, bias: Any, input_shape: Sequence[int], stride: Numbers, padding: Padding, dilation: Numbers, groups: int
) -> Conv:
    """The convolution of an input of this shape with w[out_channels, in_channels/groups, *kernel_size].

    w and bias are arrays that the device takes: its own check comes first.
    """
    if len(input_shape) not in RANKS:
        way_out = "give x[batch, channels, *spatial] with 1 to 3 spatial axes"
        raise GeometryError(f"x has {len(input_shape)} axes", way_out)
    if w.ndim != len(input_shape):
        raise GeometryError(f"w has {w.ndim} axes and x {len(input_shape)}", "give both the same")
    found = conv(
        in_channels=input_shape[1],
        out_channels=w.shape[0],
        kernel_size=w.shape[2:],
        in_size=input_shape[2:],
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        batch=input_shape[0],
        bias=bias is not None,
        dtype=w.dtype.name,
    )
    if w.shape != found.weight_shape:
        fact = f"w takes {w.shape[1]} channels a group, x has {found.in_channels} in {groups} groups"
        raise GeometryError(fact, f"give w the shape {found.weight_shape}")
    if any(size < 1 for size in found.out_size):
        raise GeometryError(f"x of size {found.in_size} leaves no output", "give x at least one element an axis")
    if bias is not None:
        _check_bias(bias, found)
    return found


def _check_bias(bias: Any, conv: Conv) -> None:
    if bias.shape != (conv.out_channels,):
        way_out = f"give one number an output channel, {(conv.out_channels,)}"
        raise GeometryError(f"bias has the shape {bias.shape}", way_out)
    if bias.dtype.name != conv.dtype:
        raise GeometryError(f"bias is {bias.dtype} and w {conv.dtype}", "give both the same dtype")


def check_input(x: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """x[batch, in_channels, *in_size] of the dtype of w."""
    # This stands before every run, and the name of a dtype alone takes longer than a small layer's checks may.
    if type(x) is np.ndarray and x.shape == shape and x.dtype == dtype:
        return
    check_kind("x", x)
    if x.shape != shape:
        raise GeometryError(f"x has the shape {x.shape}, not {shape}", "prepare again for this shape")
    if x.dtype != dtype:
        raise GeometryError(f"x is {x.dtype} and w {dtype}", "give both the same dtype")


def check_output(out: Any, x: Any, shape: tuple[int, ...]) -> None:
    """out[batch, out_channels, *out_size] that can be written, of the dtype of x, and apart from it in memory."""
    if not isinstance(out, np.ndarray):
        raise GeometryError(f"out is a {type(out).__name__}, not a NumPy array", "give an array that can be written")
    if out.shape != shape:
        raise GeometryError(f"out has the shape {out.shape}", f"give it the shape {shape}")
    if out.dtype != x.dtype:
        raise GeometryError(f"out is {out.dtype} and x {x.dtype}", "give both the same dtype")
    if not out.flags.writeable:
        raise GeometryError("out is read-only", "give an array that can be written")
    if _overlap(out, x):
        raise GeometryError("out overlaps x in memory", "give an array of its own")


def _overlap(a: Any, b: Any) -> bool:
    """Exact for most arrays; NumPy's bounded search gives up on odd strides, and then the bounds decide."""
    if not np.may_share_memory(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=10_000)  # type: ignore[arg-type]
    except (np.exceptions.TooHardError, OverflowError):
        return True
