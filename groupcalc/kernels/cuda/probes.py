"""What the device can do at most: copy its memory, multiply and add, launch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from groupcalc.kernels.cuda import arrays, events
from groupcalc.kernels.cuda.device import Gpu, free_bytes, simulated
from groupcalc.kernels.cuda.plan import FLOAT_BYTES

THREADS = 256
CHAINS, LENGTH = 16, 64
"""Sums of a thread that do not wait for each other, and multiply-adds on each between two looks at the loop."""

SAMPLES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """Of a device, the best of several samples each.

    copy_bytes_per_s  read and written together, far past the level-2 cache
    flops_per_s       float32, two a multiply-add
    launch_s          of the device from one empty kernel to the next
    host_launch_s     of the host to put a kernel in the queue
    """

    copy_bytes_per_s: float
    flops_per_s: float
    launch_s: float
    host_launch_s: float


def ceilings(gpu: Gpu) -> Ceilings:
    """Measure a device. Takes a second, and a tenth of its free memory at most."""
    empty = launch()
    return Ceilings(
        copy_bytes_per_s=copy_bandwidth(gpu),
        flops_per_s=multiply_add_rate(gpu),
        launch_s=min(sample.device_s for sample in empty),
        host_launch_s=min(sample.host_s for sample in empty),
    )


def copy_bandwidth(gpu: Gpu) -> float:
    """Bytes per second, read and written, of a copy in accesses of 16 bytes that finds nothing in the cache."""
    from groupcalc.kernels.cuda.launch.probes import copy
    from groupcalc.kernels.cuda.launch.tile import configured

    count = 64 if simulated() else int(min(8 * gpu.l2_bytes, free_bytes() / 20)) // 1024 * 256
    source, target = arrays.empty(count), arrays.empty(count)
    blocks = max(1, min(count // 4 // THREADS, 32 * gpu.processors))
    kernel = configured(copy(), blocks, min(THREADS, count // 4))
    taken = events.Sampler(launches=[lambda: kernel(target, source, count)])(SAMPLES, 4)
    return 2 * count * FLOAT_BYTES / min(sample.device_s for sample in taken)


def multiply_add_rate(gpu: Gpu) -> float:
    """float32 operations per second, two a multiply-add, of every processor with nothing else to do."""
    from groupcalc.kernels.cuda.launch.probes import multiply_add
    from groupcalc.kernels.cuda.launch.tile import configured

    blocks, threads, rounds = (1, 2, 1) if simulated() else (8 * gpu.processors, THREADS, 128)
    sink = arrays.upload(np.zeros(blocks * threads, np.float32))
    kernel = configured(multiply_add(CHAINS, LENGTH), blocks, threads)
    taken = events.Sampler(launches=[lambda: kernel(sink, rounds)])(SAMPLES, 4)
    flops = 2 * blocks * threads * rounds * CHAINS * LENGTH
    return flops / min(sample.device_s for sample in taken)


def launch() -> list[events.Sample]:
    """Samples of a kernel that does nothing."""
    from groupcalc.kernels.cuda.launch.probes import nothing
    from groupcalc.kernels.cuda.launch.tile import configured

    sink = arrays.empty(1)
    kernel = configured(nothing(), 1, 1)
    return events.Sampler(launches=[lambda: kernel(sink)])(SAMPLES, 4 if simulated() else events.MOST_QUEUED)
