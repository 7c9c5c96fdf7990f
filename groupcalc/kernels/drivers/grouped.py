"""Convolution with output channels in the lanes: a tile is a few vectors of channels by a few pixels of a row."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from llvmlite import ir
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
    x_plane: Any,
    x_line: Any,
    w: Any,
    w_at: Any,
    w_plane: Any,
    bias: Any,
    bias_at: Any,
    scratch: Any,
    scratch_at: Any,
    in_group: Any,
    taps: Any,
    kernel_w: Any,
    stride: Any,
    dilation: Any,
    pixels: Any,
    vectors: Any,
    lanes: Any,
    left: Any,
    right: Any,
) -> Any:
    """scratch[pixel, oc] = bias[oc] + Σ w[ic, kh, kw, oc] · x[ic, kh, pixel·stride + kw·dilation] over `taps` rows kh.

    Of the columns of x that the tile sees, the first `left` and the last `right` are padding: no code for them.
    """
    KW, S, D, M, V, L, LEFT, RIGHT = emit.literals(kernel_w, stride, dilation, pixels, vectors, lanes, left, right)
    seen = range(LEFT, (M - 1) * S + (KW - 1) * D + 1 - RIGHT)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        x_plane, x_line, w_plane, in_group, taps = args[2], args[3], args[6], args[11], args[12]
        x_first = emit.data(context, builder, kinds[0], args[0], args[1])
        w_first = emit.data(context, builder, kinds[4], args[4], args[5])
        start = emit.data(context, builder, kinds[7], args[7], args[8])
        target = emit.data(context, builder, kinds[9], args[9], args[10])
        starts = [emit.load(builder, emit.at(builder, start, v * L), L) for v in range(V)]
        sums = emit.accumulators(builder, starts * M)
        with cgutils.for_range(builder, in_group) as ic:
            x_ic = builder.gep(x_first, [builder.mul(ic.index, x_plane)])
            w_ic = builder.gep(w_first, [builder.mul(ic.index, w_plane)])
            with cgutils.for_range(builder, taps) as kh:
                x_row = builder.gep(x_ic, [builder.mul(kh.index, x_line)])
                w_row = builder.gep(w_ic, [builder.mul(kh.index, ir.Constant(kh.index.type, KW * V * L))])
                for kw in range(KW):
                    places = [emit.at(builder, w_row, (kw * V + v) * L) for v in range(V)]
                    weights = [emit.load(builder, place, L) for place in places]
                    for m in range(M):
                        column = m * S + kw * D
                        if column not in seen:
                            continue
                        value = emit.broadcast(builder, emit.at(builder, x_row, column), L)
                        for v in range(V):
                            emit.accumulate(builder, sums[m * V + v], weights[v], value)
        for index, total in enumerate(sums):
            emit.store(builder, builder.load(total), emit.at(builder, target, index * L))
        return context.get_dummy_value()

    return types.void(*(
        x, x_at, x_plane, x_line, w, w_at, w_plane, bias, bias_at, scratch, scratch_at, in_group, taps,
        kernel_w, stride, dilation, pixels, vectors, lanes, left, right,
    )), generate  # fmt: skip


@intrinsic(prefer_literal=True)
def transpose(
    typing: Any,
    scratch: Any,
    scratch_at: Any,
    y: Any,
    y_at: Any,
    y_plane: Any,
    channels: Any,
    pixels: Any,
    vectors: Any,
    lanes: Any,
    whole: Any,
) -> Any:
    """y[oc, pixel] = scratch[pixel, oc] for one vector of channels and as many pixels, or fewer of either.

    `whole` says that no pixel is missing.
    """
    V, L, WHOLE = emit.literals(vectors, lanes, whole)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        source = emit.data(context, builder, kinds[0], args[0], args[1])
        target = emit.data(context, builder, kinds[2], args[2], args[3])
        y_plane, channels, pixels = args[4:7]
        rows = [emit.load(builder, emit.at(builder, source, pixel * V * L), L) for pixel in range(L)]
        mask = emit.first_lanes(builder, pixels, L)
        for oc, row in enumerate(emit.transposed(builder, rows)):
            number = ir.Constant(channels.type, oc)
            place = builder.gep(target, [builder.mul(number, y_plane)])
            with builder.if_then(builder.icmp_signed("<", number, channels)):
                if WHOLE:
                    emit.store(builder, row, place)
                else:
                    emit.masked_store(builder, row, place, mask)
        return context.get_dummy_value()

    return types.void(scratch, scratch_at, y, y_at, y_plane, channels, pixels, vectors, lanes, whole), generate


@lru_cache(maxsize=None)
def blocks(KW: int, S: int, D: int, M: int, V: int, L: int, LEFT: int, RIGHT: int, SINGLE: int) -> Any:
    """The driver for kernels of width KW, stride S and dilation D along a row; tiles of M pixels by V vectors of L.

    LEFT and RIGHT columns of padding at the ends of a row; SINGLE when one tile is a row.
    """

    @driver(sizes=15)
    def convolve(x: Any, w: Any, bias: Any, y: Any, scratch: Any, sizes: Any) -> None:
        """The threads share the rows of all (image, group, block of channels) evenly; a band of rows goes through scratch."""
        threads, batch, groups, in_group, out_group = sizes[:5]
        in_h, in_w, out_h, out_w = sizes[5:9]
        kernel_h, stride_h, dilation_h, pad_h, band, share = sizes[9:15]
        channel_blocks = -(-out_group // (V * L))
        x_plane, x_line, w_plane = in_h * in_w, in_w * dilation_h, kernel_h * KW * V * L
        plane = out_h * out_w
        count = batch * groups * channel_blocks * out_h
        of_caller = get_num_threads()
        set_num_threads(threads)
        for thread in prange(threads):
            row = count * thread // threads
            last = count * (thread + 1) // threads
            room = thread * share
            while row < last:
                oh = row % out_h
                rows = min(out_h - oh, last - row, band)
                block = row // out_h % channel_blocks
                image_group = row // (out_h * channel_blocks)
                group = image_group % groups
                weights = (group * channel_blocks + block) * in_group * w_plane
                biases = (group * channel_blocks + block) * V * L
                y_at = (image_group * out_group + block * V * L) * plane + oh * out_w
                channels = out_group - block * V * L
                done = 0
                for r in range(rows):
                    top = (oh + r) * stride_h - pad_h
                    kh = max(0, (dilation_h - 1 - top) // dilation_h)
                    taps = min(kernel_h, (in_h - 1 - top) // dilation_h + 1) - kh
                    x_at = image_group * in_group * x_plane + (top + kh * dilation_h) * in_w - LEFT
                    w_at = weights + kh * KW * V * L
                    s_at = room + r * out_w * V * L
                    if SINGLE:
                        tile(x, x_at, x_plane, x_line, w, w_at, w_plane, bias, biases, scratch, s_at,
                             in_group, taps, KW, S, D, M, V, L, LEFT, RIGHT)  # fmt: skip
                    else:
                        tile(x, x_at, x_plane, x_line, w, w_at, w_plane, bias, biases, scratch, s_at,
                             in_group, taps, KW, S, D, M, V, L, LEFT, 0)  # fmt: skip
                        for ow in range(M, out_w - M, M):
                            tile(x, x_at + ow * S, x_plane, x_line, w, w_at, w_plane, bias, biases,
                                 scratch, s_at + ow * V * L, in_group, taps, KW, S, D, M, V, L, 0, 0)  # fmt: skip
                        ow = out_w - M
                        tile(x, x_at + ow * S, x_plane, x_line, w, w_at, w_plane, bias, biases,
                             scratch, s_at + ow * V * L, in_group, taps, KW, S, D, M, V, L, 0, RIGHT)  # fmt: skip
                    # While the next row is multiplied: its sums do not wait for these shuffles.
                    while done + L <= (r + 1) * out_w:
                        for v in range(V):
                            transpose(scratch, room + (done * V + v) * L, y, y_at + v * L * plane + done, plane,
                                      channels - v * L, L, V, L, 1)  # fmt: skip
                        done += L
                left_over = rows * out_w - done
                if left_over > 0:
                    for v in range(V):
                        transpose(scratch, room + (done * V + v) * L, y, y_at + v * L * plane + done, plane,
                                  channels - v * L, left_over, V, L, 0)  # fmt: skip
                row += rows
        set_num_threads(of_caller)

    return convolve
