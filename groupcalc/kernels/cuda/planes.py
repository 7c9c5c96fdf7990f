"""Depthwise convolution of small planes: whom it fits, how many planes a block takes."""

from __future__ import annotations

from math import ceil
from typing import Any

from groupcalc.conv import Conv
from groupcalc.kernels.cuda import strips
from groupcalc.kernels.cuda.device import Gpu
from groupcalc.kernels.cuda.plan import BLOCK_LAYERS, Plan, at_once, axes

MOST_ROOM = 6144
"""float32 numbers of shared memory a block, 24 KiB: four blocks a processor even where there are only 100 KiB."""

THREADS = 256

WALKED = 4
"""Numbers of a row that come at once from which on a thread that walks rows needs no help of shared memory."""

pack = strips.pack


def fit(conv: Conv, gpu: Gpu) -> Plan | None:
    """One output a channel of the input, planes that fit shared memory, and rows that no wide access could walk."""
    plan = strips.fit(conv, gpu)
    if plan is None or conv.in_channels != conv.out_channels or plan.literals["Q"] >= WALKED:
        return None
    height, width = axes(conv, 2)
    sizes = (height.size * width.size, height.out * width.out)
    rows = strips.strip_rows(conv, height, lanes=1)[0]
    threads = width.out * ceil(height.out / rows)
    widest = at_once(conv.dtype)
    if sum(sizes) + widest > MOST_ROOM or threads > THREADS:
        return None
    most = min(THREADS // threads, (MOST_ROOM - widest) // sum(sizes), BLOCK_LAYERS, conv.out_channels)
    busy = ceil(conv.batch * conv.out_channels / (2 * gpu.processors))  # planes a block that leave some for everyone
    most = max(min(most, busy), min(most, 4))
    count, moved = together(conv, sizes, most)
    y_start = ceil(count * sizes[0] / widest) * widest
    return Plan(
        kernel="planes",
        conv=conv,
        literals={**strips.window_literals(height, width), "R": rows, "Q": moved},
        sizes=(
            conv.out_channels, height.size, width.size, height.out, width.out, height.before, width.before, y_start,
        ),
        packed_shape=plan.packed_shape,
        grid=(ceil(conv.out_channels / count), conv.batch, 1),
        block=(width.out, threads // width.out, count),
        shared=y_start + count * sizes[1],
    )  # fmt: skip


def together(conv: Conv, sizes: tuple[int, int], most: int) -> tuple[int, int]:
    """Planes a block, and the numbers of one access: 16 bytes when all runs start at a multiple of them, else one."""
    widest = at_once(conv.dtype)
    if conv.batch > 1 and any(conv.out_channels * size % widest for size in sizes):
        return most, 1
    for count in range(most, most // 2, -1):
        if not any(count * size % widest for size in sizes):
            return count, widest
    return most, 1


def load(plan: Plan) -> Any:
    """The compiled kernel."""
    from groupcalc.kernels.cuda.launch import planes

    return planes.planes(**plan.literals)
