"""Our own kernels on a GPU, timed by its clock, on buffers that have left its cache when their turn comes again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod
from typing import Any

from groupcalc import kernels
from groupcalc.bench.backends import Ready
from groupcalc.bench.launches import buffer_sets, late
from groupcalc.bench.operands import input_shape, operands, output_shape
from groupcalc.bench.result import Case
from groupcalc.kernels.cuda import arrays
from groupcalc.kernels.cuda.device import gpu
from groupcalc.kernels.cuda.events import Sampler


def prepare(case: Case) -> Ready:
    """The chain of the case, weights packed on the device; each round of launches reads and writes other memory."""
    given, conv = operands(case), case.conv
    runs = [
        kernels.prepare(
            w, input_shape=input_shape(conv), bias=bias, stride=conv.stride, padding=conv.padding,
            dilation=conv.dilation, groups=conv.groups, device="cuda",
        )
        for w, bias in zip(given.weights, given.biases, strict=True)
    ]  # fmt: skip
    shape = output_shape(conv)
    rooms = [
        [
            arrays.upload(given.x).reshape(given.x.shape),
            *(arrays.empty(prod(shape), given.x.dtype).reshape(shape) for _ in range(min(case.chain, 2))),
        ]
        for _ in range(buffer_sets(case, gpu().l2_bytes))
    ]
    launches = [partial(_chain, runs, room) for room in rooms]
    sampler, plan = Sampler(launches=launches), runs[0].plan
    return Ready(
        call=launches[0],
        output=lambda: arrays.to_host(launches[0]()),
        sampler=sampler,
        kernel=plan.kernel if plan else "",
        note=late(sampler),
    )


def _chain(runs: Sequence[Any], room: Sequence[Any]) -> Any:
    """The output of the last layer: the first reads the input, and they write the other buffers of the room in turn."""
    reads, *buffers = room
    for index, run in enumerate(runs):
        reads = run(reads, buffers[index % len(buffers)])
    return reads
