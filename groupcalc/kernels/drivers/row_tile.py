"""The code of a tile of rows: how it reads its input, by stride and kernel, and what it leaves out at the ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from groupcalc.kernels.drivers import emit
from groupcalc.kernels.drivers.emit import constant
from groupcalc.kernels.rows import Tile

LINE = 16  # numbers of a cache line
QUARTER = 4  # lanes of a vector that lies within a cache line if its last lane does not start one

Padding = tuple[int, int] | None
"""Rows of padding that a tile sees above and below; None when they are given at run time."""

Sums = list[list[Any]]
"""Of each unit, `parts` vectors a row of the output."""

Read = Callable[[Sequence[Any], int], list[Any]]
"""The vectors under the taps of a step, from pointers into a row of the input and the number of that row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a tile is told at run time, as LLVM values; the names are those of rows.tile.

    room  numbers from x to the end of its array
    """

    x: Any
    w: Any
    y: Any
    x_line: Any
    x_plane: Any
    y_line: Any
    column: Any
    pixels: Any
    in_group: Any
    room: Any
    x_unit: Any = None
    w_unit: Any = None
    y_unit: Any = None
    above: Any = None
    below: Any = None
    outputs: Any = None


def call(builder: Any, shape: Tile, given: Given, padding: Padding, plain: bool) -> None:
    """Run the tile that leaves out `padding` rows; `plain` says that the triples of taps need no masks."""
    names = _names(shape, padding)
    values = [getattr(given, name) for name in names]
    builder.call(_function(builder.module, shape, names, [value.type for value in values], padding, plain), values)


def _names(shape: Tile, padding: Padding) -> list[str]:
    """Of what is given, all that such a tile asks for."""
    idle = set() if shape.units > 1 else {"x_unit", "w_unit", "y_unit"}
    if padding is not None:
        idle |= {"above", "below", "outputs"}
    return [field.name for field in fields(Given) if field.name not in idle]


def _function(
    module: Any, shape: Tile, names: Sequence[str], kinds: Sequence[Any], padding: Padding, plain: bool
) -> Any:
    """The function of a tile. Inlined, the constants of all tiles would fill the registers of the loops around them."""
    name = f"tile_{shape}_{padding}_{plain}"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
    function.linkage = "internal"
    for attribute in ("noinline", "nounwind", "optsize"):  # the last one keeps LLVM from unrolling the loop over kw
        function.attributes.add(attribute)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    given = Given(**dict(zip(names, function.args, strict=True)))
    if shape.width:
        width = constant(shape.width)
        given = replace(given, x_line=width, y_line=width, pixels=width, column=constant(-(shape.kernel // 2)))
    _Body(builder, shape, given, padding, plain).emit()
    builder.ret_void()
    return function


def triples_inside(builder: Any, shape: Tile, given: Given, padding: tuple[int, int]) -> Any:
    """Whether the taps of every pixel lie in its row, but for the first tap of the first pixel of a row."""
    after = builder.add(given.column, builder.mul(_read_pixels(builder, shape, given), constant(2)))
    return emit.all_of(
        builder,
        builder.icmp_signed(">=", given.column, constant(-1)),
        builder.icmp_signed("<", after, given.x_line),
        _lanes_inside(builder, shape, given, padding),
    )


def _read_pixels(builder: Any, shape: Tile, given: Given) -> Any:
    """Lanes that hold a pixel of the row."""
    return emit.least(builder, given.pixels, constant(shape.lanes))


def _lanes_inside(builder: Any, shape: Tile, given: Given, padding: tuple[int, int]) -> Any:
    """Whether the array goes on as far as any lane reads under any tap, those without a pixel too."""
    planes = builder.mul(builder.sub(given.in_group, constant(1)), given.x_plane)
    lines = builder.mul(constant(shape.seen - 1 - padding[1]), given.x_line)
    last = builder.add(planes, builder.add(lines, constant(shape.lanes * shape.stride + shape.kernel)))
    if shape.units > 1:
        last = builder.add(last, given.x_unit)
    return builder.icmp_signed("<=", last, given.room)


class _Body:
    """The code of one tile."""

    def __init__(self, builder: Any, shape: Tile, given: Given, padding: Padding, plain: bool) -> None:
        self.builder, self.shape, self.given, self.padding, self.plain = builder, shape, given, padding, plain
        self.columns = emit.counted(builder, given.column, shape.lanes)
        self.width = emit.repeated(builder, given.x_line, shape.lanes)
        self.x_units, self.w_units, self.y_units = [constant(0)], [constant(0)], [constant(0)]
        if shape.units > 1:
            self.x_units.append(given.x_unit)
            self.w_units.append(given.w_unit)
            self.y_units.append(given.y_unit)

    def emit(self) -> None:
        b, t, g = self.builder, self.shape, self.given
        if t.fetch and self.padding is not None:
            self.fetch()
        sums = [self.started(b.gep(g.w, [unit])) for unit in self.w_units]
        add = self.add_pairs if t.pairs else self.add_triples if t.triples else self.add_taps
        with counted(b, g.in_group) as ic:
            self.x_ic = b.gep(g.x, [b.mul(ic, g.x_plane)])
            self.w_ic = b.gep(emit.at(b, g.w, 1), [b.mul(ic, constant(t.taps))])
            add(sums)
        for unit, of_unit in zip(self.y_units, sums, strict=True):
            self.store(of_unit, b.gep(g.y, [unit]))

    def fetch(self) -> None:
        """Ask for as much of the next band of rows as this tile is of its own, line after line as they lie in memory.

        A tile goes from row to row, an order in which main memory gives half of what it could.
        """
        b, t, g = self.builder, self.shape, self.given
        pixels = b.sdiv(b.add(g.column, constant(t.kernel // 2)), constant(t.stride))  # those before the tile
        for place, line, column, stride, write in (
            (g.x, g.x_line, g.column, t.stride, False),
            (g.y, g.y_line, pixels, 1, True),
        ):
            rows = t.rows * stride
            here = b.mul(pixels, constant(rows * stride))
            start = b.gep(place, [b.add(b.sub(b.mul(line, constant(rows)), column), here)])
            for number in range(0, rows * stride * t.lanes, LINE):
                emit.prefetch(b, emit.at(b, start, number), write)

    def started(self, bias: Any) -> list[Any]:
        """The sums of a unit before the first tap."""
        b, t = self.builder, self.shape
        start = emit.broadcast(b, bias, t.lanes)
        if t.pairs:  # two lanes make a pixel: the bias is in one of them
            start = b.select(_every_second(t.lanes, 0), start, ir.Constant(start.type, None))
        return emit.accumulators(b, [start] * (t.rows * t.parts))

    # --- stride 1: one tap of a row at a time ------------------------------------------------------------------------

    def add_taps(self, sums: Sums) -> None:
        """Masked loads take longer: only the taps at the ends of a row have them."""
        b, kernel = self.builder, self.shape.kernel
        if self.padding is None or (self.shape.units > 1 and not self.shape.width):
            with counted(b, constant(kernel)) as kw:
                self.add_tap(sums, kw, masked=True)
        elif self.shape.width:
            for number in range(kernel):
                self.add_tap(sums, constant(number), masked=number != kernel // 2)
        else:
            first, last = self.taps_inside(self.padding)
            for start, stop, masked in (
                (constant(0), first, True),
                (first, last, False),
                (last, constant(kernel), True),
            ):
                with cgutils.for_range_slice(b, start, stop, constant(1)) as (kw, _):
                    self.add_tap(sums, kw, masked)

    def taps_inside(self, padding: tuple[int, int]) -> tuple[Any, Any]:
        """From which tap on, and before which one, every pixel reads in its row, and every lane in the array."""
        b, g, kernel = self.builder, self.given, constant(self.shape.kernel)
        first = emit.least(b, emit.largest(b, b.neg(g.column), constant(0)), kernel)
        after = b.add(g.column, _read_pixels(b, self.shape, g))
        last = emit.least(b, b.add(b.sub(g.x_line, after), constant(1)), kernel)
        inside = _lanes_inside(b, self.shape, g, padding)
        return first, b.select(inside, emit.largest(b, last, first), first)

    def add_tap(self, sums: Sums, kw: Any, masked: bool) -> None:
        b, t = self.builder, self.shape
        mask = self.inside_row(kw)
        # The lanes beyond a row of known width lie in the next row, but for those of the last one.
        last = t.seen - self.padding[1] - 1 if t.width and self.padding else None

        def read(at: Sequence[Any], row: int) -> list[Any]:
            if masked or row == last:
                return [emit.masked_load(b, at[0], self.of_row(row, mask))]
            return [emit.load(b, at[0], t.lanes)]

        weights = self.weights(b.mul(kw, constant(t.kernel)), t.kernel)
        self.add_rows(sums, weights, [[place] for place in self.places(kw)], [self.given.x_line], read)

    # --- stride 2, three taps a row: all of them at once --------------------------------------------------------------

    def add_triples(self, sums: Sums) -> None:
        """The even columns of two vectors are under the middle tap, the odd ones under the last.

        Under the first lie the odd ones again, moved up by a lane: one more column is all that they lack.
        """
        b, t, g = self.builder, self.shape, self.given
        parts = [1, 1 + t.lanes]
        masks = [self.inside_row(constant(part)) for part in parts]
        before = b.icmp_unsigned("<", self.columns, self.width)
        only = ir.Constant(ir.VectorType(ir.IntType(1), QUARTER), [0] * (QUARTER - 1) + [1])
        mask = b.and_(emit.shuffle(b, before, before, [0] * QUARTER), only)

        def read(at: Sequence[Any], row: int) -> list[Any]:
            if self.plain:
                loaded = [emit.load(b, emit.at(b, at[0], part), t.lanes) for part in parts]
                first = emit.broadcast(b, at[1], t.lanes)
            else:
                loaded = [
                    emit.masked_load(b, emit.at(b, at[0], part), self.of_row(row, mask))
                    for part, mask in zip(parts, masks, strict=True)
                ]
                first = emit.masked_load(b, emit.at(b, at[0], 1 - QUARTER), self.of_row(row, mask))
            even, odd = emit.every_second(b, loaded, 0), emit.every_second(b, loaded, 1)
            return [emit.moved_up(b, first, odd), even, odd]

        starts = [[place] for place in self.places(constant(0))]
        steps = [g.x_line]
        if self.plain:  # where the one column is padding, a 0 takes its place in every row
            outside = b.icmp_signed("<", g.column, constant(0))
            starts = [[place, b.select(outside, emit.zero(b), place)] for (place,) in starts]
            steps.append(b.select(outside, constant(0), g.x_line))
        self.add_rows(sums, self.weights(constant(0), 3 * t.kernel), starts, steps, read)

    # --- stride 2, more taps: two neighbours at once, whose products lie side by side ---------------------------------

    def add_pairs(self, sums: Sums) -> None:
        """Two lanes hold the terms of one pixel, and are added at the end: there is nothing to sort on the way."""
        b, t, g = self.builder, self.shape, self.given
        pairs = t.kernel // 2 + 1
        pixels = b.mul(_read_pixels(b, t, g), constant(2))
        for pair in range(pairs):
            offset = 2 * pair - t.front
            weights = self.weights(constant(2 * pair * t.kernel), t.kernel)
            starts = [[place] for place in self.places(constant(offset))]
            masks = [self.inside_row(constant(offset + part * t.lanes)) for part in range(2)]
            lone = pair == (0 if t.front else pairs - 1)
            if lone:  # its other tap is none, and must not meet what is no number
                masks = [b.and_(mask, _every_second(t.lanes, t.front)) for mask in masks]
            if lone or self.padding is None:
                self.add_rows(sums, weights, starts, [g.x_line], self.masked_pair(masks))
                continue
            first = b.add(g.column, constant(offset))
            inside = emit.all_of(
                b,
                b.icmp_signed(">=", first, constant(0)),
                b.icmp_signed("<=", b.add(first, pixels), g.x_line),
                _lanes_inside(b, t, g, self.padding),
            )
            with b.if_else(inside) as (plain, at_an_end):
                with plain:
                    self.add_rows(sums, weights, starts, [g.x_line], self.plain_pair)
                with at_an_end:
                    self.add_rows(sums, weights, starts, [g.x_line], self.masked_pair(masks))

    def plain_pair(self, at: Sequence[Any], row: int) -> list[Any]:
        b, lanes = self.builder, self.shape.lanes
        return [emit.load(b, emit.at(b, at[0], part * lanes), lanes) for part in range(2)]

    def masked_pair(self, masks: list[Any]) -> Read:
        b, lanes = self.builder, self.shape.lanes

        def read(at: Sequence[Any], row: int) -> list[Any]:
            return [
                emit.masked_load(b, emit.at(b, at[0], part * lanes), self.of_row(row, mask))
                for part, mask in enumerate(masks)
            ]

        return read

    # --- what they share ----------------------------------------------------------------------------------------------

    def add_rows(
        self, sums: Sums, weights: list[list[Any]], starts: list[list[Any]], steps: list[Any], read: Read
    ) -> None:
        """Add a step's taps over every row that the tile sees: each pointer of `starts` moves by its step a row."""
        b, t = self.builder, self.shape
        above, below = self.padding or (0, 0)
        units = [
            [b.gep(start, [b.mul(step, constant(above))]) for start, step in zip(of_unit, steps, strict=True)]
            for of_unit in starts
        ]
        for row in range(above, t.seen - below):
            for unit, places in enumerate(units):
                for number, value in enumerate(read(places, row)):
                    tap, part = divmod(number, t.parts)
                    for kh in range(t.kernel):
                        oh, between = divmod(row - kh, t.stride)
                        if not between and 0 <= oh < t.rows:
                            weight = weights[unit][tap * t.kernel + kh]
                            emit.accumulate(b, sums[unit][oh * t.parts + part], value, weight)
            units = [[b.gep(place, [step]) for place, step in zip(places, steps, strict=True)] for places in units]

    def weights(self, first: Any, count: int) -> list[list[Any]]:
        """So many of each unit, or pairs of them, in every lane."""
        b, t = self.builder, self.shape
        found = []
        for unit in self.w_units:
            start = b.gep(self.w_ic, [b.add(first, unit)])
            places = [emit.at(b, start, number * t.parts) for number in range(count)]
            found.append([emit.broadcast(b, place, t.lanes, numbers=t.parts) for place in places])
        return found

    def places(self, offset: Any) -> list[Any]:
        """Of each unit, where its first row is read."""
        b = self.builder
        return [b.gep(self.x_ic, [b.add(unit, offset)]) for unit in self.x_units]

    def inside_row(self, offset: Any) -> Any:
        """The mask of the lanes whose columns, so many on, are in the row."""
        b, lanes = self.builder, self.shape.lanes
        return b.icmp_unsigned("<", b.add(self.columns, emit.repeated(b, offset, lanes)), self.width)

    def of_row(self, row: int, mask: Any) -> Any:
        """The mask for a row of the input: nothing of it when it is padding."""
        if self.padding is not None:
            return mask
        b, number = self.builder, constant(row)
        end = b.sub(constant(self.shape.seen), self.given.below)
        there = b.and_(b.icmp_signed(">=", number, self.given.above), b.icmp_signed("<", number, end))
        return b.and_(mask, emit.all_lanes(b, there, mask.type.count))

    def store(self, sums: list[Any], place: Any) -> None:
        """Row by row: whole ones that the next rows mend, where all rows are the tile's, then the last one masked."""
        b, t = self.builder, self.shape
        written = emit.first_lanes(b, self.given.pixels, t.lanes)
        for oh in range(t.rows):
            vectors = [b.load(total) for total in sums[oh * t.parts : (oh + 1) * t.parts]]
            total = vectors[0]
            if t.pairs:
                total = b.fadd(emit.every_second(b, vectors, 0), emit.every_second(b, vectors, 1))
            if self.padding is None:
                there = b.icmp_signed("<", constant(oh), self.given.outputs)
                emit.masked_store(b, total, place, b.and_(written, emit.all_lanes(b, there, t.lanes)))
            elif oh < t.rows - 1:
                emit.store(b, total, place)
            else:
                emit.masked_store(b, total, place, written)
            place = b.gep(place, [self.given.y_line])


def _every_second(lanes: int, first: int) -> Any:
    """The mask of the even lanes or of the odd ones."""
    return ir.Constant(ir.VectorType(ir.IntType(1), lanes), [int(lane % 2 == first) for lane in range(lanes)])


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
