"""Convolution with the pixels of a row in the lanes: a tile is a few rows of one output plane, or of two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from llvmlite import ir
from numba import prange, types
from numba.extending import intrinsic

from groupcalc.kernels.drivers import emit
from groupcalc.kernels.jit import driver, get_num_threads, set_num_threads
from groupcalc.kernels.rows import Tile

QUARTER = 4  # lanes of a vector that lies within a cache line if its last lane does not start one


@intrinsic(prefer_literal=True)
def tile(
    typing: Any,
    x: Any,
    x_at: Any,
    x_unit: Any,
    x_plane: Any,
    x_line: Any,
    column: Any,
    above: Any,
    below: Any,
    w: Any,
    w_at: Any,
    w_unit: Any,
    y: Any,
    y_at: Any,
    y_unit: Any,
    y_line: Any,
    pixels: Any,
    outputs: Any,
    in_group: Any,
    kernel: Any,
    stride: Any,
    rows: Any,
    units: Any,
    lanes: Any,
) -> Any:
    """y[oh, ow] = bias + Σ w[ic, kw, kh] · x[ic, oh·stride + kh, ow·stride + kw], `outputs` rows of `pixels`.

    x_at is where the first lane reads at tap (0, 0): in column `column` of a row with x_line of them. Of the rows that
    the tile sees, the first `above` and the last `below` are padding. The usual counts of these have a function of
    their own, which leaves those rows out; any other go through masks. A second unit lies *_unit further.
    """
    operands = (
        x, x_at, x_unit, x_plane, x_line, column, above, below, w, w_at, w_unit, y, y_at, y_unit, y_line,
        pixels, outputs, in_group, kernel, stride, rows, units, lanes,
    )  # fmt: skip
    numbers = emit.literals(kernel, stride, rows, units, lanes)
    shape = Tile(**dict(zip(("kernel", "stride", "rows", "units", "lanes"), numbers, strict=True)))

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        (x, x_at, x_unit, x_plane, x_line, column, above, below, w, w_at, w_unit, y, y_at, y_unit, y_line,
         pixels, outputs, in_group, *_) = args  # fmt: skip
        kinds = signature.args
        source = emit.data(context, builder, kinds[0], x, x_at)
        weights = emit.data(context, builder, kinds[8], w, w_at)
        target = emit.data(context, builder, kinds[11], y, y_at)
        common = [source, x_line, weights, target, column, pixels, y_line, in_group, x_plane]
        if shape.units > 1:
            common += [x_unit, w_unit, y_unit]
        done = builder.append_basic_block("done")
        whole = builder.icmp_signed("==", outputs, emit.constant(shape.rows))
        for usual in shape.usual_padding:
            same = [
                builder.icmp_signed("==", rows_of, emit.constant(number))
                for rows_of, number in zip((above, below), usual, strict=True)
            ]
            with builder.if_then(builder.and_(whole, builder.and_(*same))):
                builder.call(_function(builder.module, shape, usual), common)
                builder.branch(done)
                builder.position_at_end(builder.append_basic_block("other"))
        builder.call(_function(builder.module, shape, None), [*common, above, below, outputs])
        builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(*operands), generate


def _function(module: Any, shape: Tile, padding: tuple[int, int] | None) -> Any:
    """The function for one count of padded rows, or for any.

    Inlined, the constants of every tile would fill the registers of the loops around them.
    """
    name = f"tile_{shape}_{padding}"
    if name in module.globals:
        return module.globals[name]
    units, any_padding = 3 * (shape.units > 1), 3 * (padding is None)
    pointer, number = emit.FLOAT.as_pointer(), ir.IntType(64)
    kinds = [pointer, number, pointer, pointer] + [number] * (5 + units + any_padding)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
    function.linkage = "internal"
    for attribute in ("noinline", "nounwind", "optsize"):  # the last one keeps LLVM from unrolling the loop over kw
        function.attributes.add(attribute)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    _Body(builder, shape, function.args).emit(padding)
    builder.ret_void()
    return function


class _Body:
    """The code of one tile."""

    def __init__(self, builder: Any, shape: Tile, args: Any) -> None:
        self.builder, self.shape = builder, shape
        self.x, self.x_line, self.w, self.y, column, pixels, self.y_line, self.in_group, self.x_plane, *rest = args
        self.units = [(self.constant(0),) * 3] + ([tuple(rest[:3])] if shape.units > 1 else [])
        self.rest = rest[3 * (shape.units > 1) :]
        self.columns = emit.counted(builder, column, shape.lanes)
        self.width = emit.repeated(builder, self.x_line, shape.lanes)
        self.written = emit.first_lanes(builder, pixels, shape.lanes)

    def constant(self, number: int) -> Any:
        return emit.constant(number)

    def emit(self, padding: tuple[int, int] | None) -> None:
        b, t = self.builder, self.shape
        starts = [emit.broadcast(b, b.gep(self.w, [w_unit]), t.lanes) for _, w_unit, _ in self.units]
        sums = [emit.accumulators(b, [start] * t.rows) for start in starts]
        taps = emit.at(b, self.w, 1)
        with counted(b, self.in_group) as ic:
            x_ic = b.gep(self.x, [b.mul(ic, self.x_plane)])
            w_ic = b.gep(taps, [b.mul(ic, self.constant(t.kernel * t.kernel))])
            for first, together, steps in _steps(t):
                with counted(b, self.constant(steps)) as step:
                    kw = b.add(self.constant(first), b.mul(step, self.constant(together)))
                    self.step(sums, x_ic, w_ic, kw, together, padding)
        for (_, _, y_unit), unit in zip(self.units, sums, strict=True):
            place = b.gep(self.y, [y_unit])
            for oh, total in enumerate(unit):
                emit.masked_store(b, b.load(total), place, self.stored(oh, padding))
                place = b.gep(place, [self.y_line])

    def step(
        self, sums: list[list[Any]], x_ic: Any, w_ic: Any, kw: Any, together: int, padding: tuple[int, int] | None
    ) -> None:
        """One tap of a row, or some neighbours, over every row that the tile sees."""
        b, t = self.builder, self.shape
        w_kw = b.gep(w_ic, [b.mul(kw, self.constant(t.kernel))])
        weights = [
            [emit.broadcast(b, emit.at(b, b.gep(w_kw, [w_unit]), tap), t.lanes) for tap in range(together * t.kernel)]
            for _, w_unit, _ in self.units
        ]
        masks = self.masks(kw, together)
        above, below = padding or (0, 0)
        x_kw = b.gep(x_ic, [kw])
        lines = [b.gep(x_kw, [x_unit]) for x_unit, _, _ in self.units]
        lines = [b.gep(line, [b.mul(self.x_line, self.constant(above))]) for line in lines]
        for row in range(above, t.seen - below):
            inside = self.inside(row, padding, masks)
            for unit, line in enumerate(lines):
                values = self.values(line, inside, together)
                for tap, value in enumerate(values):
                    for kh in range(t.kernel):
                        oh, between = divmod(row - kh, t.stride)
                        if not between and 0 <= oh < t.rows:
                            emit.accumulate(b, sums[unit][oh], value, weights[unit][tap * t.kernel + kh])
            lines = [b.gep(line, [self.x_line]) for line in lines]

    def masks(self, kw: Any, together: int) -> list[Any]:
        """The columns inside the input, for each load of `values`."""
        b, t = self.builder, self.shape
        columns = b.add(self.columns, emit.repeated(b, kw, t.lanes))
        starts = [part * t.lanes + (together == 3) for part in range(t.stride)]
        masks = [b.icmp_unsigned("<", emit.plus(b, columns, start), self.width) for start in starts]
        if together == 3:
            before = b.icmp_unsigned("<", columns, self.width)
            only = ir.Constant(ir.VectorType(ir.IntType(1), QUARTER), [0] * (QUARTER - 1) + [1])
            masks.append(b.and_(emit.shuffle(b, before, before, [0] * QUARTER), only))
        return masks

    def values(self, line: Any, masks: list[Any], together: int) -> list[Any]:
        """The input under `together` neighbouring taps, from as few loads as it takes.

        With stride 2 the even columns of two vectors are under one tap and the odd ones under the next. Under the tap
        before these lie the odd ones again, moved up by a lane: one more column is all that they lack.
        """
        b, t = self.builder, self.shape
        start = emit.at(b, line, 1) if together == 3 else line
        parts = [emit.masked_load(b, emit.at(b, start, part * t.lanes), masks[part]) for part in range(t.stride)]
        if t.stride == 1:
            return parts
        values = [emit.every_second(b, parts, tap) for tap in range(min(together, 2))]
        if together == 3:
            before = emit.masked_load(b, emit.at(b, line, 1 - QUARTER), masks[2])
            values.insert(0, emit.moved_up(b, before, values[1]))
        return values

    def inside(self, row: int, padding: tuple[int, int] | None, masks: list[Any]) -> list[Any]:
        """The masks for a row of the input: nothing of it when it is padding."""
        if padding is not None:
            return masks
        b, number = self.builder, self.constant(row)
        above, below, _ = self.rest
        end = b.sub(self.constant(self.shape.seen), below)
        there = b.and_(b.icmp_signed(">=", number, above), b.icmp_signed("<", number, end))
        return [b.and_(mask, emit.all_lanes(b, there, mask.type.count)) for mask in masks]

    def stored(self, oh: int, padding: tuple[int, int] | None) -> Any:
        """The mask for a row of the output: nothing when the plane has no such row."""
        if padding is not None:
            return self.written
        b = self.builder
        there = b.icmp_signed("<", self.constant(oh), self.rest[2])
        return b.and_(self.written, emit.all_lanes(b, there, self.shape.lanes))


def _steps(shape: Tile) -> Iterator[tuple[int, int, int]]:
    """First tap of a row, taps to take together, how often: with stride 2 the pairs, then the one left over.

    All three at once when there are no more: their weights are few enough for the registers.
    """
    if shape.stride == 1:
        yield 0, 1, shape.kernel
    elif shape.kernel == 3:
        yield 0, 3, 1
    else:
        yield 0, 2, shape.kernel // 2
        yield shape.kernel - 1, 1, 1


@contextmanager
def counted(builder: Any, count: Any) -> Iterator[Any]:
    """A loop over 0, 1, …, count - 1; it runs at least once."""
    before, body, after = builder.block, builder.append_basic_block("body"), builder.append_basic_block("after")
    builder.branch(body)
    builder.position_at_end(body)
    index = builder.phi(count.type)
    index.add_incoming(count.type(0), before)
    yield index
    following = builder.add(index, count.type(1))
    index.add_incoming(following, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, count), body, after)
    builder.position_at_end(after)


@cache
def planes(kernel: int, stride: int, rows: int, units: int, lanes: int, tail: int) -> Any:
    """The driver for square kernels; a row ends with a tile of `tail` lanes, unless that is 0."""

    @driver(sizes=12)
    def convolve(x: Any, w: Any, bias: Any, y: Any, scratch: Any, sizes: Any) -> None:
        """The threads share the bands of rows of all output planes, `units` at a time, evenly."""
        threads, batch, in_group, out_channels, out_group = sizes[:5]
        in_h, in_w, out_h, out_w, pad_h, pad_w, wide = sizes[5:]
        bands = -(-out_h // rows)
        lowest = max(0, out_h - rows)
        outputs = min(rows, out_h)
        seen = (rows - 1) * stride + kernel
        x_plane, y_plane, w_plane = in_h * in_w, out_h * out_w, 1 + in_group * kernel * kernel
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
                y_at = plane * y_plane + oh * out_w
                w_at = oc * w_plane
                x_unit = y_unit = w_unit = 0
                if units == 2 and plane + 1 < planes:
                    y_unit = y_plane
                    w_unit = w_plane if oc + 1 < out_channels else -w_at
                    x_unit = in_group * x_plane if member + 1 == out_group else 0
                for block in range(wide):
                    ow = max(0, min(block * lanes, out_w - lanes))
                    iw = ow * stride - pad_w
                    tile(x, x_at + iw, x_unit, x_plane, in_w, iw, above, below, w, w_at, w_unit,
                         y, y_at + ow, y_unit, out_w, out_w - ow, outputs, in_group,
                         kernel, stride, rows, units, lanes)  # fmt: skip
                if tail:
                    ow = out_w - tail
                    iw = ow * stride - pad_w
                    tile(x, x_at + iw, x_unit, x_plane, in_w, iw, above, below, w, w_at, w_unit,
                         y, y_at + ow, y_unit, out_w, tail, outputs, in_group,
                         kernel, stride, rows, units, tail)  # fmt: skip
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
