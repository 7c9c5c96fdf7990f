"""1×1 convolution with pixels in the lanes: a tile is several output channels by one vector of the flattened plane."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from numba import prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from groupcalc.kernels.drivers import emit
from groupcalc.kernels.jit import driver, get_num_threads, set_num_threads


@intrinsic(prefer_literal=True)
def tile(
    typing: Any,
    x: Any,
    x_at: Any,
    w: Any,
    w_at: Any,
    bias: Any,
    bias_at: Any,
    y: Any,
    y_at: Any,
    plane: Any,
    in_group: Any,
    present: Any,
    channels: Any,
    lanes: Any,
) -> Any:
    """y[oc, pixel] = bias[oc] + Σ w[ic, oc] · x[ic, pixel] for the `present` first channels of the tile."""
    M, L = emit.literals(channels, lanes)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        x_first, w_first, start, target = (
            emit.data(context, builder, kinds[i], args[i], args[i + 1]) for i in (0, 2, 4, 6)
        )
        plane, in_group, present = args[8:11]
        sums = emit.accumulators(builder, [emit.broadcast(builder, emit.at(builder, start, m), L) for m in range(M)])
        with cgutils.for_range(builder, in_group) as ic:
            pixels = emit.load(builder, builder.gep(x_first, [builder.mul(ic.index, plane)]), L)
            w_ic = builder.gep(w_first, [builder.mul(ic.index, emit.constant(builder, M))])
            for m in range(M):
                emit.accumulate(builder, sums[m], emit.broadcast(builder, emit.at(builder, w_ic, m), L), pixels)
        for m, total in enumerate(sums):
            number = emit.constant(builder, m)
            with builder.if_then(builder.icmp_signed("<", number, present)):
                emit.store(builder, builder.load(total), builder.gep(target, [builder.mul(number, plane)]))
        return context.get_dummy_value()

    operands = (x, x_at, w, w_at, bias, bias_at, y, y_at, plane, in_group, present, channels, lanes)
    return types.void(*operands), generate


@lru_cache(maxsize=None)
def blocks(M: int, L: int, TAIL: int) -> Any:
    """The driver for tiles of M channels by one vector of L pixels; a plane ends with a vector of TAIL."""

    @driver(sizes=7)
    def convolve(x: Any, w: Any, bias: Any, y: Any, scratch: Any, sizes: Any) -> None:
        """The threads share the vectors of pixels evenly; `run` of them meet every block of weights in turn."""
        threads, images, groups, in_group, out_group, plane, run = sizes
        channel_blocks = -(-out_group // M)
        vectors = -(-plane // L)
        count = images * groups * vectors
        of_caller = get_num_threads()
        set_num_threads(threads)
        for thread in prange(threads):
            start = count * thread // threads
            last = count * (thread + 1) // threads
            while start < last:
                first = start % vectors
                image_group = start // vectors
                many = min(run, vectors - first, last - start)
                group = image_group % groups
                for block in range(channel_blocks):
                    biases = (group * channel_blocks + block) * M
                    x_at = image_group * in_group * plane
                    y_at = (image_group * out_group + block * M) * plane
                    present = out_group - block * M
                    for vector in range(first, min(first + many, plane // L)):
                        pixel = vector * L
                        tile(x, x_at + pixel, w, biases * in_group, bias, biases, y, y_at + pixel,
                             plane, in_group, present, M, L)  # fmt: skip
                    if first + many > plane // L:
                        pixel = plane - TAIL  # the first of them may be computed again
                        tile(x, x_at + pixel, w, biases * in_group, bias, biases, y, y_at + pixel,
                             plane, in_group, present, M, TAIL)  # fmt: skip
                start += many
        set_num_threads(of_caller)

    return convolve
