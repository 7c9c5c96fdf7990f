"""1×1 convolution with pixels in the lanes: a tile is several output channels by one vector of the flattened plane."""

from __future__ import annotations

from functools import cache
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
    operands = (x, x_at, w, w_at, bias, bias_at, y, y_at, plane, in_group, present, channels, lanes)
    signature = types.void(*operands)
    channels, lanes = emit.literals(channels, lanes)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        x_first, w_first, start, target = (
            emit.data(context, builder, kinds[i], args[i], args[i + 1]) for i in (0, 2, 4, 6)
        )
        plane, in_group, present = args[8:11]
        starts = [emit.broadcast(builder, emit.at(builder, start, m), lanes) for m in range(channels)]
        sums = emit.accumulators(builder, starts)
        with cgutils.for_range(builder, in_group) as ic:
            pixels = emit.load(builder, builder.gep(x_first, [builder.mul(ic.index, plane)]), lanes)
            w_ic = builder.gep(w_first, [builder.mul(ic.index, emit.constant(channels))])
            for m in range(channels):
                emit.accumulate(builder, sums[m], emit.broadcast(builder, emit.at(builder, w_ic, m), lanes), pixels)
        for m, total in enumerate(sums):
            number = emit.constant(m)
            with builder.if_then(builder.icmp_signed("<", number, present)):
                emit.store(builder, builder.load(total), builder.gep(target, [builder.mul(number, plane)]))
        return context.get_dummy_value()

    return signature, generate


@cache
def blocks(channels: int, lanes: int, tail: int) -> Any:
    """The driver for tiles of so many channels by one vector of `lanes` pixels; a plane ends with one of `tail`."""

    @driver(sizes=7)
    def convolve(x: Any, w: Any, bias: Any, y: Any, scratch: Any, sizes: Any) -> None:
        """The threads share the vectors of pixels evenly; `run` of them meet every block of weights in turn."""
        threads, images, groups, in_group, out_group, plane, run = sizes
        channel_blocks = -(-out_group // channels)
        vectors = -(-plane // lanes)
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
                    biases = (group * channel_blocks + block) * channels
                    x_at = image_group * in_group * plane
                    y_at = (image_group * out_group + block * channels) * plane
                    present = out_group - block * channels
                    for vector in range(first, min(first + many, plane // lanes)):
                        pixel = vector * lanes
                        tile(x, x_at + pixel, w, biases * in_group, bias, biases, y, y_at + pixel,
                             plane, in_group, present, channels, lanes)  # fmt: skip
                    if first + many > plane // lanes:
                        pixel = plane - tail  # the first of them may be computed again
                        tile(x, x_at + pixel, w, biases * in_group, bias, biases, y, y_at + pixel,
                             plane, in_group, present, channels, tail)  # fmt: skip
                start += many
        set_num_threads(of_caller)

    return convolve
