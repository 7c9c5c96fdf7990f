"""Convolution with the pixels of a row in the lanes: the driver, and which code a tile takes."""

from __future__ import annotations

from dataclasses import astuple
from functools import cache
from typing import Any

from numba import prange, types
from numba.extending import intrinsic

from groupcalc.kernels.drivers import emit, row_tile
from groupcalc.kernels.jit import driver, get_num_threads, set_num_threads
from groupcalc.kernels.rows import Tile


@intrinsic(prefer_literal=True)
def tile(
    typing: Any,
    x: Any,
    x_at: Any,
    x_unit: Any,
    x_plane: Any,
    x_line: Any,
    above: Any,
    below: Any,
    w: Any,
    w_at: Any,
    w_unit: Any,
    y: Any,
    y_at: Any,
    y_unit: Any,
    y_line: Any,
    outputs: Any,
    in_group: Any,
    kernel: Any,
    stride: Any,
    rows: Any,
    units: Any,
    lanes: Any,
    at_once: Any,
    top: Any,
    bottom: Any,
    left: Any,
    right: Any,
    single: Any,
    tail: Any,
    width: Any,
    ends: Any,
    fetch: Any,
) -> Any:
    """y[oh, ow] = bias + Σ w[ic, kw, kh] · x[ic, oh·stride + kh, ow·stride + kw - left], `outputs` rows of y_line.

    x_at is column 0 of the first row that the tile sees, in rows of x_line. Of the rows that it sees, the first
    `above` and the last `below` are padding. The counts of a tile's row_padding have code of their own, which leaves
    those rows out; any other go through masks. A second unit lies *_unit further. The sizes are those of a Tile.
    """
    sizes = (
        kernel, stride, rows, units, lanes, at_once, top, bottom, left, right, single, tail, width, ends, fetch,
    )  # fmt: skip
    operands = (
        x, x_at, x_unit, x_plane, x_line, above, below, w, w_at, w_unit, y, y_at, y_unit, y_line, outputs, in_group,
        *sizes,
    )  # fmt: skip
    shape = Tile(*emit.literals(*sizes))

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        (x, x_at, x_unit, x_plane, x_line, above, below, w, w_at, w_unit, y, y_at, y_unit, y_line, outputs, in_group,
         *_) = args  # fmt: skip
        kinds = signature.args
        x, w, y = (
            emit.data(context, builder, kinds[place], array, start)
            for place, array, start in ((0, x, x_at), (7, w, w_at), (10, y, y_at))
        )
        given = row_tile.Given(
            x=x, w=w, y=y, x_line=x_line, x_plane=x_plane, y_line=y_line, in_group=in_group,
            x_unit=x_unit, w_unit=w_unit, y_unit=y_unit, above=above, below=below, outputs=outputs,
        )  # fmt: skip
        whole = builder.icmp_signed("==", outputs, emit.constant(shape.rows))
        done = builder.append_basic_block("done")
        for padding in shape.row_padding:
            fits = (
                builder.icmp_signed("==", rows_of, emit.constant(number))
                for rows_of, number in zip((above, below), padding, strict=True)
            )
            with builder.if_then(emit.all_of(builder, whole, *fits)):
                row_tile.call(builder, shape, given, padding)
                builder.branch(done)
                builder.position_at_end(builder.append_basic_block("other"))
        row_tile.call(builder, shape, given, None)
        builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(*operands), generate


@cache
def planes(shape: Tile) -> Any:
    """The driver for square kernels, with one tile compiled in."""
    (kernel, stride, rows, units, lanes, at_once,
     top, bottom, left, right, single, tail, width, ends, fetch) = astuple(shape)  # fmt: skip

    @driver(sizes=11)
    def convolve(x: Any, w: Any, bias: Any, y: Any, scratch: Any, sizes: Any) -> None:
        """The threads share the bands of rows of all output planes, `units` at a time, evenly."""
        threads, batch, in_group, out_channels, out_group = sizes[:5]
        in_h, in_w, out_h, out_w, pad_h, w_plane = sizes[5:]
        bands = -(-out_h // rows)
        lowest = max(0, out_h - rows)
        outputs = min(rows, out_h)
        seen = (rows - 1) * stride + kernel
        x_plane, y_plane = in_h * in_w, out_h * out_w
        planes = batch * out_channels
        count = -(-planes // units) * bands
        of_caller = get_num_threads()
        set_num_threads(threads)
        for thread in prange(threads):
            index = count * thread // threads
            last = count * (thread + 1) // threads
            plane = index // bands * units
            band = index % bands
            oc = plane % out_channels
            group = plane // out_group
            member = plane % out_group
            for _ in range(last - index):
                oh = min(band * rows, lowest)
                ih = oh * stride - pad_h
                above = max(0, -ih)
                below = max(0, ih + seen - in_h)
                x_at = group * in_group * x_plane + ih * in_w
                w_at = oc * w_plane
                x_unit = y_unit = w_unit = 0
                if units == 2 and plane + 1 < planes:
                    y_unit = y_plane
                    w_unit = w_plane if oc + 1 < out_channels else -w_at
                    x_unit = in_group * x_plane if member + 1 == out_group else 0
                tile(x, x_at, x_unit, x_plane, in_w, above, below, w, w_at, w_unit,
                     y, plane * y_plane + oh * out_w, y_unit, out_w, outputs, in_group,
                     kernel, stride, rows, units, lanes, at_once,
                     top, bottom, left, right, single, tail, width, ends, fetch)  # fmt: skip
                # Counted on: a division takes as long as a third of a small tile.
                band += 1
                if band == bands:
                    band = 0
                    plane += units
                    for _ in range(units):
                        oc += 1
                        member += 1
                        if member == out_group:
                            member = 0
                            group += 1
                        if oc == out_channels:
                            oc = 0
        set_num_threads(of_caller)

    return convolve
