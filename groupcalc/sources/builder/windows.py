"""Shapes that pooling and elementwise arithmetic give: the part of torch's shape rules that is not convolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groupcalc.conv import per_axis
from groupcalc.errors import GeometryError
from groupcalc.sources.builder.growing import Ints
from groupcalc.units import show_shape


def pool_window(
    in_size: Sequence[int], kernel_size: Ints, stride: Ints | None, padding: Ints, dilation: Ints, ceil_mode: bool
) -> tuple[dict[str, Any], tuple[int, ...]]:
    """The geometry of a pooling layer as a Layer carries it, and the size of its output. (torch.nn.MaxPool2d)"""
    rank = len(in_size)
    kernels = per_axis(kernel_size, rank, "kernel_size")
    strides = kernels if stride is None else per_axis(stride, rank, "stride")
    pads = per_axis(padding, rank, "padding")
    dilations = per_axis(dilation, rank, "dilation")
    for field, values, least in (
        ("kernel_size", kernels, 1), ("stride", strides, 1), ("dilation", dilations, 1), ("padding", pads, 0),
    ):  # fmt: skip
        if min(values) < least:
            raise GeometryError(f"{field}={min(values)} is too small", f"use {least} or more")
    for pad, kernel, step in zip(pads, kernels, dilations, strict=True):
        most = (step * (kernel - 1) + 1) // 2
        if pad > most:  # torch refuses it too: a window could lie on padding alone
            raise GeometryError(f"padding={pad} is more than half of the kernel", f"use at most {most}")
    axes = zip(in_size, kernels, strides, pads, dilations, strict=True)
    size = tuple(_windows(*axis, ceil_mode) for axis in axes)
    if min(size) < 1:
        reach = show_shape(step * (kernel - 1) + 1 for step, kernel in zip(dilations, kernels, strict=True))
        padded = show_shape(length + 2 * pad for length, pad in zip(in_size, pads, strict=True))
        fact = f"the kernel reaches over {reach} but the padded input is only {padded}"
        raise GeometryError(fact, "use a smaller kernel_size or dilation, or more padding")
    pairs = tuple((pad, pad) for pad in pads)
    return {"kernel_size": kernels, "stride": strides, "padding": pairs, "dilation": dilations}, size


def _windows(length: int, kernel: int, stride: int, pad: int, dilation: int, ceil_mode: bool) -> int:
    """How many windows fit; in ceil mode also a last one that hangs over, if it starts before the padding behind."""
    room = length + 2 * pad - dilation * (kernel - 1) - 1
    count = (room + (stride - 1 if ceil_mode else 0)) // stride + 1
    return count - 1 if ceil_mode and (count - 1) * stride >= length + pad else count


def adaptive_kernel(in_size: Sequence[int], output_size: int | Sequence[int | None] | None) -> tuple[int, ...]:
    """The kernel, and stride, of the pooling that an adaptive one comes down to when all its windows are equal."""
    wanted = output_size if isinstance(output_size, Sequence) else (output_size,)
    wanted = tuple(wanted) * (len(in_size) if len(wanted) == 1 else 1)
    if len(wanted) != len(in_size):
        fact = f"output_size has {len(wanted)} numbers for {len(in_size)} axes"
        raise GeometryError(fact, f"give 1 or {len(in_size)}")
    sizes = tuple(length if size is None else size for length, size in zip(in_size, wanted, strict=True))
    if min(sizes) < 1:
        raise GeometryError(f"output_size={min(sizes)} is too small", "use 1 or more")
    if any(length < 1 or length % size for length, size in zip(in_size, sizes, strict=True)):
        fact = f"output_size {show_shape(sizes)} does not divide its input {show_shape(in_size)}"
        raise GeometryError(fact, "use a size that does, or a plain pooling layer: these windows would be unequal")
    return tuple(length // size for length, size in zip(in_size, sizes, strict=True))


def broadcast(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...]:
    """The shape of an elementwise operation; an axis of 1, or one that is missing in front, is stretched."""
    rank = max(len(a), len(b))
    left, right = ((1,) * (rank - len(shape)) + tuple(shape) for shape in (a, b))
    if any(m != n and 1 not in (m, n) for m, n in zip(left, right, strict=True)):
        raise GeometryError(f"{show_shape(a)} and {show_shape(b)} do not fit together", "give both the same shape")
    return tuple(n if m == 1 else m for m, n in zip(left, right, strict=True))
