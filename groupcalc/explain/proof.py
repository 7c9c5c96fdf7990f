"""The numeric check: a grouped convolution is the dense one with zeros off the blocks, and no other dense one.

In whole numbers, so that equal means equal: no rounding stands between the two sums.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groupcalc.conv import Conv

Array = NDArray[np.int64]

MOST_WEIGHTS = 2**21
"""Of the dense layer that is checked; larger layers are checked on fewer channels and groups of the same kind."""

MOST_PLACES = 4
"""Outputs along an axis: each is computed alike."""

MOST_TAPS, MOST_STEP = 7, 3
"""Kernel along an axis, stride and dilation: what is larger is checked at that."""

SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What came out.

    conv         the layer that was computed
    outputs      how many numbers it gives
    equal        grouped and dense with zeros off the blocks agree in so many of them
    changed      with other numbers than zero off the blocks so many are no longer those of the grouped layer
    """

    conv: Conv
    outputs: int
    equal: int
    changed: int


def prove(conv: Conv) -> Proof:
    """Compute a layer of this kind in three ways: grouped, dense with zeros off the blocks, dense in general."""
    small = reduced(conv)
    rng = np.random.default_rng(SEED)
    x = _numbers(rng, (small.in_channels, *small.in_size))
    w = _numbers(rng, small.weight_shape)
    grouped = convolve(small, x, w)
    block_diagonal = expand(small, w)
    off = block_diagonal == 0
    dense = convolve(small.dense, x, block_diagonal)
    general = convolve(small.dense, x, block_diagonal + off * _numbers(rng, block_diagonal.shape))
    return Proof(
        conv=small,
        outputs=grouped.size,
        equal=int((grouped == dense).sum()),
        changed=int((grouped != general).sum()),
    )


def _numbers(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Whole numbers from 1 to 9, none of them zero: a zero in the block-diagonal matrix is one off the blocks."""
    return rng.integers(1, 10, shape, dtype=np.int64)


def reduced(conv: Conv) -> Conv:
    """The layer itself, or one of the same kind that is quickly computed: a smaller window, fewer groups, channels of
    a group, and places."""
    conv = _smaller_window(conv)
    kernel = prod(conv.kernel_size)
    groups, ins, outs = conv.groups, conv.in_channels // conv.groups, conv.out_channels // conv.groups
    while (groups * ins) * (groups * outs) * kernel > MOST_WEIGHTS and max(groups, ins, outs) > 2:
        if groups > 2 and groups >= max(ins, outs):
            groups = -(-groups // 2)
        else:
            ins, outs = -(-ins // 2), -(-outs // 2)
    return replace(
        conv,
        in_channels=groups * ins,
        out_channels=groups * outs,
        groups=groups,
        batch=1,
        bias=False,
    )


def _smaller_window(conv: Conv) -> Conv:
    """Kernel, stride and dilation within bounds, padding within the reach of the kernel, and an input that gives
    MOST_PLACES outputs along each axis, or less where the layer has less."""
    axes = [_axis(conv, axis) for axis in range(len(conv.in_size))]
    size, kernel, stride, padding, dilation, extra = zip(*axes, strict=True)
    return replace(
        conv,
        in_size=size,
        kernel_size=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        output_padding=extra if conv.transposed else (),
    )


def _axis(conv: Conv, axis: int) -> tuple[int, int, int, tuple[int, int], int, int]:
    kernel = min(conv.kernel_size[axis], MOST_TAPS)
    stride, dilation = min(conv.stride[axis], MOST_STEP), min(conv.dilation[axis], MOST_STEP)
    reach = dilation * (kernel - 1)
    most = reach // 2 if conv.transposed else reach  # what a transposed convolution cuts off must be there
    before, after = (min(pads, most) for pads in conv.padding[axis])
    extra = min(conv.output_padding[axis], max(stride, dilation) - 1) if conv.output_padding else 0
    wanted = MOST_PLACES if conv.transposed else max(reach + 1 + stride * (MOST_PLACES - 1) - before - after, 1)
    return min(conv.in_size[axis], wanted), kernel, stride, (before, after), dilation, extra


def expand(conv: Conv, w: Array) -> Array:
    """w[o, c/g, *k] -> the dense w[o, c, *k], zero off the blocks; transposed, w[c, o/g, *k] -> w[c, o, *k]"""
    rows, columns = w.shape[0] // conv.groups, w.shape[1]
    dense = np.zeros((w.shape[0], columns * conv.groups, *w.shape[2:]), dtype=np.int64)
    for group in range(conv.groups):
        block = slice(group * rows, (group + 1) * rows)
        dense[block, group * columns : (group + 1) * columns] = w[block]
    return dense


def convolve(conv: Conv, x: Array, w: Array) -> Array:
    """x[c, *in] -> y[o, *out], group by group and tap by tap, as the definition has it."""
    ins, outs = conv.in_channels // conv.groups, conv.out_channels // conv.groups
    parts = []
    for group in range(conv.groups):
        rows = slice(group * (ins if conv.transposed else outs), (group + 1) * (ins if conv.transposed else outs))
        one = _transposed if conv.transposed else _one_group
        parts.append(one(conv, x[group * ins : (group + 1) * ins], w[rows]))
    return np.concatenate(parts)


def _one_group(conv: Conv, x: Array, w: Any) -> Array:
    padded = np.pad(x, ((0, 0), *conv.padding))
    y: Any = np.zeros((w.shape[0], *conv.out_size), dtype=np.int64)
    for tap in product(*map(range, conv.kernel_size)):
        seen = padded[slice(None), *_places(conv, tap, conv.out_size)]
        y += np.tensordot(w[:, :, *tap], seen, axes=1)
    return np.asarray(y)


def _transposed(conv: Conv, x: Array, w: Any) -> Array:
    """Every input is spread over the outputs that its taps reach; then the padding is cut off."""
    whole = tuple(size + sum(pads) for size, pads in zip(conv.out_size, conv.padding, strict=True))
    y: Any = np.zeros((w.shape[1], *whole), dtype=np.int64)
    for tap in product(*map(range, conv.kernel_size)):
        y[slice(None), *_places(conv, tap, conv.in_size)] += np.tensordot(w[:, :, *tap].T, x, axes=1)
    kept = (slice(before, before + size) for (before, _), size in zip(conv.padding, conv.out_size, strict=True))
    return np.asarray(y[slice(None), *kept])


def _places(conv: Conv, tap: tuple[int, ...], count: tuple[int, ...]) -> Iterator[slice]:
    """Where a tap falls, `count` times along each axis."""
    for place, stride, dilation, times in zip(tap, conv.stride, conv.dilation, count, strict=True):
        first = place * dilation
        yield slice(first, first + stride * (times - 1) + 1, stride)


def proof_data(proof: Proof) -> dict[str, Any]:
    """The check as data."""
    conv = proof.conv
    return {
        "in_channels": conv.in_channels,
        "out_channels": conv.out_channels,
        "groups": conv.groups,
        "in_size": list(conv.in_size),
        "outputs": proof.outputs,
        "equal": proof.equal,
        "changed": proof.changed,
    }
