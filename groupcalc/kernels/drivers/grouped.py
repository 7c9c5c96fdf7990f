"""Convolution with output channels in the lanes: a tile is a few vectors of channels by a few pixels of a row."""

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
    pixels: Any,
    vectors: Any,
    lanes: Any,
    left: Any,
    right: Any,
) -> Any:
    """scratch[pixel, oc] = bias[oc] + Σ w[ic, kh, kw, oc] · x[ic, kh, pixel·stride + kw] over `taps` rows kh.

    Of the columns of x that the tile sees, the first `left` and the last `right` are padding: no code for them.
    """
    operands = (x, x_at, x_plane, x_line, w, w_at, w_plane, bias, bias_at, scratch, scratch_at, in_group, taps)
    sizes = (kernel_w, stride, pixels, vectors, lanes, left, right)
    signature = types.void(*operands, *sizes)
    kernel_w, stride, pixels, vectors, lanes, left, right = emit.literals(*sizes)
    channels = vectors * lanes
    seen = range(left, (pixels - 1) * stride + kernel_w - right)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        x_plane, x_line, w_plane, in_group, taps = args[2], args[3], args[6], args[11], args[12]
        x_first = emit.data(context, builder, kinds[0], args[0], args[1])
        w_first = emit.data(context, builder, kinds[4], args[4], args[5])
        start = emit.data(context, builder, kinds[7], args[7], args[8])
        target = emit.data(context, builder, kinds[9], args[9], args[10])
        starts = [emit.load(builder, emit.at(builder, start, v * lanes), lanes) for v in range(vectors)]
        sums = emit.accumulators(builder, starts * pixels)
        with cgutils.for_range(builder, in_group) as ic:
            x_ic = builder.gep(x_first, [builder.mul(ic.index, x_plane)])
            w_ic = builder.gep(w_first, [builder.mul(ic.index, w_plane)])
            with cgutils.for_range(builder, taps) as kh:
                x_row = builder.gep(x_ic, [builder.mul(kh.index, x_line)])
                w_row = builder.gep(w_ic, [builder.mul(kh.index, emit.constant(kernel_w * channels))])
                for kw in range(kernel_w):
                    places = [emit.at(builder, w_row, (kw * vectors + v) * lanes) for v in range(vectors)]
                    weights = [emit.load(builder, place, lanes) for place in places]
                    for m in range(pixels):
                        column = m * stride + kw
                        if column not in seen:
                            continue
                        value = emit.broadcast(builder, emit.at(builder, x_row, column), lanes)
                        for v in range(vectors):
                            emit.accumulate(builder, sums[m * vectors + v], weights[v], value)
        for index, total in enumerate(sums):
            emit.store(builder, builder.load(total), emit.at(builder, target, index * lanes))
        return context.get_dummy_value()

    return signature, generate


@intrinsic(prefer_literal=True)
def loose_tile(
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
    first: Any,
    in_w: Any,
    pixels: Any,
    vectors: Any,
    lanes: Any,
) -> Any:
    """The sums of `tile` with width, stride and dilation given at run time, for pixels from column `first` of x on.

    A tap that reads within the row for all pixels is as fast as there; at the ends of a row each pixel is asked for.
    """
    operands = (x, x_at, x_plane, x_line, w, w_at, w_plane, bias, bias_at, scratch, scratch_at, in_group, taps)
    signature = types.void(*operands, kernel_w, stride, dilation, first, in_w, pixels, vectors, lanes)
    pixels, vectors, lanes = emit.literals(pixels, vectors, lanes)
    channels = vectors * lanes

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        x_plane, x_line, w_plane, in_group, taps = args[2], args[3], args[6], args[11], args[12]
        kernel_w, stride, dilation, first, in_w = args[13:18]
        x_first = emit.data(context, builder, kinds[0], args[0], args[1])
        w_first = emit.data(context, builder, kinds[4], args[4], args[5])
        start = emit.data(context, builder, kinds[7], args[7], args[8])
        target = emit.data(context, builder, kinds[9], args[9], args[10])
        starts = [emit.load(builder, emit.at(builder, start, v * lanes), lanes) for v in range(vectors)]
        sums = emit.accumulators(builder, starts * pixels)
        reach = builder.mul(stride, emit.constant(pixels - 1))
        w_line = builder.mul(kernel_w, emit.constant(channels))
        with (
            cgutils.for_range(builder, in_group) as ic,
            cgutils.for_range(builder, taps) as kh,
            cgutils.for_range(builder, kernel_w) as kw,
        ):
            x_row = builder.gep(x_first, [builder.mul(ic.index, x_plane)])
            x_row = builder.gep(x_row, [builder.mul(kh.index, x_line)])
            w_row = builder.gep(w_first, [builder.mul(ic.index, w_plane)])
            w_row = builder.gep(w_row, [builder.mul(kh.index, w_line)])
            w_row = builder.gep(w_row, [builder.mul(kw.index, emit.constant(channels))])
            weights = [emit.load(builder, emit.at(builder, w_row, v * lanes), lanes) for v in range(vectors)]
            column = builder.add(first, builder.mul(kw.index, dilation))
            columns = [builder.add(column, builder.mul(stride, emit.constant(m))) for m in range(pixels)]

            def add(m: int) -> None:
                value = emit.broadcast(builder, builder.gep(x_row, [columns[m]]), lanes)
                for v in range(vectors):
                    emit.accumulate(builder, sums[m * vectors + v], weights[v], value)

            starts_inside = builder.icmp_signed(">=", column, emit.constant(0))
            ends_inside = builder.icmp_signed("<", builder.add(column, reach), in_w)
            with builder.if_else(builder.and_(starts_inside, ends_inside)) as (inside, at_an_end):
                with inside:
                    for m in range(pixels):
                        add(m)
                with at_an_end:
                    for m in range(pixels):
                        with builder.if_then(builder.icmp_unsigned("<", columns[m], in_w)):
                            add(m)
        for index, total in enumerate(sums):
            emit.store(builder, builder.load(total), emit.at(builder, target, index * lanes))
        return context.get_dummy_value()

    return signature, generate


@intrinsic(prefer_literal=True)
def transpose(
    typing: Any,
    scratch: Any,
    scratch_at: Any,
    y: Any,
    y_at: Any,
    y_plane: Any,
    oc_count: Any,
    pixel_count: Any,
    vectors: Any,
    lanes: Any,
    whole: Any,
) -> Any:
    """y[oc, pixel] = scratch[pixel, oc] for one vector of channels and as many pixels, or fewer of either.

    `whole` says that no pixel is missing.
    """
    operands = (scratch, scratch_at, y, y_at, y_plane, oc_count, pixel_count, vectors, lanes, whole)
    signature = types.void(*operands)
    vectors, lanes, whole = emit.literals(vectors, lanes, whole)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        source = emit.data(context, builder, kinds[0], args[0], args[1])
        target = emit.data(context, builder, kinds[2], args[2], args[3])
        y_plane, oc_count, pixel_count = args[4:7]
        rows = [emit.load(builder, emit.at(builder, source, pixel * vectors * lanes), lanes) for pixel in range(lanes)]
        mask = emit.first_lanes(builder, pixel_count, lanes)
        for oc, row in enumerate(emit.transposed(builder, rows)):
            number = emit.constant(oc)
            place = builder.gep(target, [builder.mul(number, y_plane)])
            with builder.if_then(builder.icmp_signed("<", number, oc_count)):
                if whole:
                    emit.store(builder, row, place)
                else:
                    emit.masked_store(builder, row, place, mask)
        return context.get_dummy_value()

    return signature, generate


@cache
def blocks(
    kernel_w: int, stride: int, pixels: int, vectors: int, lanes: int, left: int, right: int, single: int
) -> Any:
    """The driver for kernels of this width and stride along a row, in tiles of `pixels` by `vectors` of so many lanes.

    left, right  columns of padding that the first and the last tile of a row see
    single       one tile is a whole row, and is both

    With kernel_w 0 all but the tile is given at run time.
    """
    channels = vectors * lanes

    @driver(sizes=19)
    def convolve(x: Any, w: Any, bias: Any, y: Any, scratch: Any, sizes: Any) -> None:
        """The threads share the rows of all (image, group, block of channels); a band of rows goes through scratch."""
        threads, batch, groups, in_group, out_group = sizes[:5]
        in_h, in_w, out_h, out_w = sizes[5:9]
        kernel_h, stride_h, dilation_h, pad_h = sizes[9:13]
        width, stride_w, dilation_w, pad_w, band, share = sizes[13:]
        channel_blocks = -(-out_group // channels)
        x_plane, x_line, w_plane, y_plane = in_h * in_w, in_w * dilation_h, kernel_h * width * channels, out_h * out_w
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
                group_block = image_group % groups * channel_blocks + block
                b_at = group_block * channels
                y_at = (image_group * out_group + block * channels) * y_plane + oh * out_w
                present = out_group - block * channels
                done = 0
                for r in range(rows):
                    top = (oh + r) * stride_h - pad_h
                    kh = max(0, (dilation_h - 1 - top) // dilation_h)
                    taps = min(kernel_h, (in_h - 1 - top) // dilation_h + 1) - kh
                    x_at = image_group * in_group * x_plane + (top + kh * dilation_h) * in_w
                    w_at = group_block * in_group * w_plane + kh * width * channels
                    s_at = room + r * out_w * channels
                    if single:  # literals choose: Numba leaves the other branches out
                        tile(x, x_at - left, x_plane, x_line, w, w_at, w_plane, bias, b_at, scratch, s_at, in_group,
                             taps, kernel_w, stride, pixels, vectors, lanes, left, right)  # fmt: skip
                    elif kernel_w:
                        tile(x, x_at - left, x_plane, x_line, w, w_at, w_plane, bias, b_at, scratch, s_at, in_group,
                             taps, kernel_w, stride, pixels, vectors, lanes, left, 0)  # fmt: skip
                        for ow in range(pixels, out_w - pixels, pixels):
                            tile(x, x_at - left + ow * stride, x_plane, x_line, w, w_at, w_plane, bias, b_at,
                                 scratch, s_at + ow * channels, in_group, taps,
                                 kernel_w, stride, pixels, vectors, lanes, 0, 0)  # fmt: skip
                        ow = out_w - pixels
                        tile(x, x_at - left + ow * stride, x_plane, x_line, w, w_at, w_plane, bias, b_at,
                             scratch, s_at + ow * channels, in_group, taps,
                             kernel_w, stride, pixels, vectors, lanes, 0, right)  # fmt: skip
                    else:
                        # The last tile writes past its row: the next row, or the spare room, takes it.
                        for ow in range(0, out_w, pixels):
                            loose_tile(x, x_at, x_plane, x_line, w, w_at, w_plane, bias, b_at,
                                       scratch, s_at + ow * channels, in_group, taps,
                                       width, stride_w, dilation_w, ow * stride_w - pad_w, in_w,
                                       pixels, vectors, lanes)  # fmt: skip
                    # As soon as there are pixels enough: the next row's sums do not wait for these shuffles.
                    while done + lanes <= (r + 1) * out_w:
                        for v in range(vectors):
                            transpose(scratch, room + done * channels + v * lanes, y, y_at + v * lanes * y_plane + done,
                                      y_plane, present - v * lanes, lanes, vectors, lanes, 1)  # fmt: skip
                        done += lanes
                for v in range(vectors if done < rows * out_w else 0):
                    transpose(scratch, room + done * channels + v * lanes, y, y_at + v * lanes * y_plane + done,
                              y_plane, present - v * lanes, rows * out_w - done, vectors, lanes, 0)  # fmt: skip
                row += rows
        set_num_threads(of_caller)

    return convolve
