"""Depthwise convolution down to one pixel: each output is one dot product, with the taps in the lanes."""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from groupcalc.kernels.drivers import emit
from groupcalc.kernels.jit import driver, get_num_threads, set_num_threads


@intrinsic(prefer_literal=True)
def dot(typing: Any, x: Any, x_at: Any, w: Any, w_at: Any, taps: Any, lanes: Any) -> Any:
    """Σ x[x_at + tap] · w[w_at + tap]; the lanes are added up pair by pair."""
    signature = types.float32(x, x_at, w, w_at, taps, lanes)
    (width,) = emit.literals(lanes)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        x_first = emit.data(context, builder, signature.args[0], args[0], args[1])
        w_first = emit.data(context, builder, signature.args[2], args[2], args[3])
        (total,) = emit.accumulators(builder, [emit.vector(width)(None)])
        with cgutils.for_range_slice(builder, emit.constant(0), args[4], emit.constant(width)) as (
            tap,
            _,
        ):
            mask = emit.first_lanes(builder, builder.sub(args[4], tap), width)
            numbers = [emit.masked_load(builder, builder.gep(first, [tap]), mask) for first in (x_first, w_first)]
            emit.accumulate(builder, total, *numbers)
        return emit.sum_of_lanes(builder, builder.load(total))

    return signature, generate


@cache
def planes(lanes: int) -> Any:
    """The driver for vectors of so many taps."""

    @driver(sizes=4)
    def convolve(x: Any, w: Any, bias: Any, y: Any, scratch: Any, sizes: Any) -> None:
        """The threads share the planes of all images evenly."""
        threads, batch, channels, taps = sizes
        count = batch * channels
        of_caller = get_num_threads()
        set_num_threads(threads)
        for thread in prange(threads):
            first = count * thread // threads
            c = first % channels
            for plane in range(first, count * (thread + 1) // threads):
                y[plane] = bias[c] + dot(x, plane * taps, w, c * taps, taps, lanes)
                c += 1
                if c == channels:
                    c = 0
        set_num_threads(of_caller)

    return convolve
