"""The oracle: convolution in plain float64 NumPy, tap by tap."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from groupcalc.conv import Conv


def convolve(
    conv: Conv, x: NDArray[np.floating], w: NDArray[np.floating], bias: NDArray[np.floating] | None = None
) -> NDArray[np.float64]:
    """y[batch, out_channels, *out_size] of x[batch, in_channels, *in_size].

    The weights are w[out_channels, in_channels/groups, *kernel_size]. Each tap adds one product: the window that
    it sees, strided, times its weights, group by group.
    """
    groups, in_group, out_group = conv.groups, conv.in_channels // conv.groups, conv.out_channels // conv.groups
    padded = np.pad(np.asarray(x, np.float64), ((0, 0), (0, 0), *conv.padding))
    padded = padded.reshape(conv.batch, groups, in_group, *padded.shape[2:])
    weights = np.asarray(w, np.float64).reshape(groups, out_group, in_group, *conv.kernel_size)
    y = np.zeros((conv.batch, groups, out_group, *conv.out_size))
    for tap in np.ndindex(*conv.kernel_size):
        y += np.einsum("ngi...,goi->ngo...", padded[_window(conv, tap)], weights[_at(tap)])
    y = y.reshape(conv.batch, conv.out_channels, *conv.out_size)
    return y if bias is None else y + np.asarray(bias, np.float64).reshape(-1, *[1] * len(conv.in_size))


def _window(conv: Conv, tap: tuple[int, ...]) -> Any:
    """Where a tap reads: one element of the padded input an output."""
    axes = zip(tap, conv.dilation, conv.stride, conv.out_size, strict=True)
    return (..., *(slice(k * step, k * step + (out - 1) * stride + 1, stride) for k, step, stride, out in axes))


def _at(tap: tuple[int, ...]) -> Any:
    return (..., *tap)
