"""1×1 convolution with pixels in the lanes: a tile is several output channels by vectors of the flattened plane."""

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
    vectors: Any,
    lanes: Any,
) -> Any:
    """y[oc, pixel] = bias[oc] + Σ w[ic, oc] · x[ic, pixel] for the `present` first channels of the tile."""
    operands = (x, x_at, w, w_at, bias, bias_at, y, y_at, plane, in_group, present, channels, vectors, lanes)
    signature = types.void(*operands)
    channels, vectors, lanes = emit.literals(channels, vectors, lanes)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        x_first, w_first, start, target = (
            emit.data(context, builder, kinds[i], args[i], args[i + 1]) for i in (0, 2, 4, 6)
        )
        plane, in_group, present = args[8:11]
        starts = [emit.broadcast(builder, emit.at(builder, start, m), lanes) for m in range(channels)]
        sums = [emit.accumulators(builder, starts) for _ in range(vectors)]
        with cgutils.for_range(builder, in_group) as ic:
            x_ic = builder.gep(x_first, [builder.mul(ic.index, plane)])
            pixels = [emit.load(builder, emit.at(builder, x_ic, v * lanes), lanes) for v in range(vectors)]
            w_ic = builder.gep(w_first, [builder.mul(ic.index, emit.constant(channels))])
            for m in range(channels):
                weight = emit.broadcast(builder, emit.at(builder, w_ic, m), lanes)
                for v in range(vectors):
                    emit.accumulate(builder, sums[v][m], weight, pixels[v])
        for m in range(channels):
            number = emit.constant(m)
            with builder.if_then(builder.icmp_signed("<", number, present)):
                place = builder.gep(target, [builder.mul(number, plane)])
                for v in range(vectors):
                    emit.store(builder, builder.load(sums[v][m]), emit.at(builder, place, v * lanes))
        return context.get_dummy_value()

    return signature, generate


@cache
def blocks(channels: int, vectors: int, lanes: int, tail: int) -> Any:
    """The driver for tiles of so many channels by `vectors` of `lanes` pixels; a plane ends with one of `tail`."""

    @driver(sizes=7)
    def convolve(x: Any, w: Any, bias: Any, y: Any, scratch: Any, sizes: Any) -> None:
        """The threads share the vectors of pixels evenly; `run` of them meet every block of weights in turn."""
        threads, images, groups, in_group, out_group, plane, run = sizes
        channel_blocks = -(-out_group // channels)
        in_plane = -(-plane // lanes)
        count = images * groups * in_plane
        of_caller = get_num_threads()
        set_num_threads(threads)
        for thread in prange(threads):
            start = count * thread // threads
            last = count * (thread + 1) // threads
            while start < last:
                first = start % in_plane
                image_group = start // in_plane
                many = min(run, in_plane - first, last - start)
                whole = min(first + many, plane // lanes)
                group = image_group % groups
                for block in range(channel_blocks):
                    biases = (group * channel_blocks + block) * channels
                    x_at = image_group * in_group * plane
                    y_at = (image_group * out_group + block * channels) * plane
                    present = out_group - block * channels
                    for vector in range(first, whole - vectors + 1, vectors):
                        pixel = vector * lanes
                        tile(x, x_at + pixel, w, biases * in_group, bias, biases, y, y_at + pixel,
                             plane, in_group, present, channels, vectors, lanes)  # fmt: skip
                    if vectors > 1:
                        for vector in range(whole - (whole - first) % vectors, whole):
                            pixel = vector * lanes
                            tile(x, x_at + pixel, w, biases * in_group, bias, biases, y, y_at + pixel,
                                 plane, in_group, present, channels, 1, lanes)  # fmt: skip
                    if first + many > plane // lanes:
                        pixel = plane - tail  # the first of them may be computed again
                        tile(x, x_at + pixel, w, biases * in_group, bias, biases, y, y_at + pixel,
                             plane, in_group, present, channels, 1, tail)  # fmt: skip
                start += many
        set_num_threads(of_caller)

    return convolve
