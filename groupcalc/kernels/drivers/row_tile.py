"""The code of a tile of rows: how it reads its input, by stride and kernel, and what it leaves out at the ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from itertools import groupby
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

Read = Callable[[Any, int], list[Any]]
"""The vectors under the taps of a step, from where a row of the input is read, and its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a tile is told at run time, as LLVM values; the names are those of rows.tile."""

    x: Any
    w: Any
    y: Any
    x_line: Any
    x_plane: Any
    y_line: Any
    in_group: Any
    x_unit: Any = None
    w_unit: Any = None
    y_unit: Any = None
    above: Any = None
    below: Any = None
    outputs: Any = None


def call(builder: Any, shape: Tile, given: Given, padding: Padding) -> None:
    """Run the tile that leaves out `padding` rows."""
    names = _names(shape, padding)
    values = [getattr(given, name) for name in names]
    builder.call(_function(builder.module, shape, names, [value.type for value in values], padding), values)


def _names(shape: Tile, padding: Padding) -> list[str]:
    """Of what is given, all that such a tile asks for."""
    idle = set() if shape.units > 1 else {"x_unit", "w_unit", "y_unit"}
    if padding is not None:
        idle |= {"above", "below", "outputs"}
    return [field.name for field in fields(Given) if field.name not in idle]


def _function(module: Any, shape: Tile, names: Sequence[str], kinds: Sequence[Any], padding: Padding) -> Any:
    """The function of a tile. Inlined, the constants of all tiles would fill the registers of the loops around them."""
    name = f"tile_{shape}_{padding}"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
    function.linkage = "internal"
    for attribute in ("noinline", "nounwind", "optsize"):  # the last one keeps LLVM from unrolling the loop over kw
        function.attributes.add(attribute)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    _rows(builder, shape, Given(**dict(zip(names, function.args, strict=True))), padding)
    builder.ret_void()
    return function


def _rows(builder: Any, shape: Tile, given: Given, padding: Padding) -> None:
    """Vector after vector along the rows. Where only those at the ends see padding, the others have no masks."""
    if padding is None:  # rare, and not worth as much code
        shape = replace(shape, tail=0, width=0, ends=0)
    if shape.width:
        out_w = (shape.width + shape.left + shape.right - shape.kernel) // shape.stride + 1
        given = replace(given, x_line=constant(shape.width), y_line=constant(out_w))
        _Body(builder, shape, given, padding, constant(0), first=True, last=True).emit()
        return
    lanes, out_w = constant(shape.lanes), given.y_line
    if not shape.ends:
        count = builder.sdiv(builder.add(out_w, constant(shape.lanes - 1)), lanes)
        with counted(builder, count) as vector:
            _Body(builder, shape, given, padding, builder.mul(vector, lanes), first=True, last=True).emit()
        return
    end = replace(shape, lanes=shape.tail or shape.lanes, tail=0)
    last = builder.sub(out_w, constant(end.lanes))
    most = builder.sub(out_w, constant(shape.lanes + -(-max(0, shape.right) // shape.stride)))
    _Body(builder, shape, given, padding, constant(0), first=True, last=False).emit()
    with cgutils.for_range_slice(builder, lanes, last, lanes) as (pixel, _):
        _Body(builder, shape, given, padding, emit.least(builder, pixel, most), first=False, last=False).emit()
    _Body(builder, end, given, padding, last, first=False, last=True).emit()


class _Body:
    """The code of one vector of pixels, the first of which is `pixel`, in all rows of a tile.

    first, last  whether its lanes may read before a row, and beyond its end
    """

    def __init__(
        self, builder: Any, shape: Tile, given: Given, padding: Padding, pixel: Any, *, first: bool, last: bool
    ) -> None:
        self.builder, self.shape, self.given, self.padding, self.pixel = builder, shape, given, padding, pixel
        self.first, self.last = first, last
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
        add = {1: self.add_taps, 2: self.add_pairs, 3: self.add_triples}[t.at_once]
        self.column = b.sub(b.mul(self.pixel, constant(t.stride)), constant(t.left))
        with counted(b, g.in_group) as ic:
            self.x_ic = b.gep(g.x, [b.add(b.mul(ic, g.x_plane), self.column)])
            self.w_ic = b.gep(emit.at(b, g.w, 1), [b.mul(ic, constant(t.taps))])
            add(sums)
        for unit, of_unit in zip(self.y_units, sums, strict=True):
            self.store(of_unit, b.gep(g.y, [b.add(unit, self.pixel)]))

    def fetch(self) -> None:
        """Ask for as much of the next band of rows as this vector is of its own, line after line as they lie in memory.

        A tile goes from row to row, an order in which main memory gives half of what it could.
        """
        b, t, g = self.builder, self.shape, self.given
        for place, line, stride, write in ((g.x, g.x_line, t.stride, False), (g.y, g.y_line, 1, True)):
            rows = t.rows * stride
            start = b.gep(place, [b.add(b.mul(line, constant(rows)), b.mul(self.pixel, constant(rows * stride)))])
            for number in range(0, rows * stride * t.lanes, LINE):
                emit.prefetch(b, emit.at(b, start, number), write)

    def started(self, bias: Any) -> list[Any]:
        """The sums of a unit before the first tap."""
        b, t = self.builder, self.shape
        start = emit.broadcast(b, bias, t.lanes)
        if t.pairs:  # two lanes make a pixel: the bias is in one of them
            start = b.select(_every_second(t.lanes, 0), start, ir.Constant(start.type, None))
        return emit.accumulators(b, [start] * (t.rows * t.parts))

    # --- the ends of a row --------------------------------------------------------------------------------------------

    def mask(self, offset: int, lanes: int) -> Any:
        """The mask of neighbouring columns, so many on from those of the first tap, that are in the row.

        None when all of them are, which is known when the tile is compiled, unless the width of a row is not.
        """
        b, t = self.builder, self.shape
        if not (t.width or t.ends):
            columns = emit.counted(b, b.add(self.column, constant(offset)), lanes)
            return b.icmp_unsigned("<", columns, emit.repeated(b, self.given.x_line, lanes))
        beyond = t.left + t.width if t.width else (t.lanes - 1) * t.stride + t.kernel - t.right
        columns = range(offset, offset + lanes)
        there = [(not self.first or c >= t.left) and (not self.last or c < beyond) for c in columns]
        return None if all(there) else _bits(there)

    def masks(self, offset: int) -> list[Any]:
        """Those of the vectors that begin with the columns of a tap."""
        b, t = self.builder, self.shape
        found = [self.mask(offset + part * t.lanes, t.lanes) for part in range(t.stride)]
        if offset != t.lone:
            return found
        only = _every_second(t.lanes, t.front)
        return [only if mask is None else b.and_(mask, only) for mask in found]

    def loaded(self, place: Any, row: int, mask: Any, lanes: int) -> Any:
        """The columns at a place that are in the row, zeros for the others."""
        b = self.builder
        if self.padding is None:  # nothing of a row of padding
            end = b.sub(constant(self.shape.seen), self.given.below)
            there = emit.all_of(
                b,
                b.icmp_signed(">=", constant(row), self.given.above),
                b.icmp_signed("<", constant(row), end),
            )
            of_row = emit.all_lanes(b, there, lanes)
            mask = of_row if mask is None else b.and_(mask, of_row)
        return emit.load(b, place, lanes) if mask is None else emit.masked_load(b, place, mask)

    def add_steps(self, offsets: Sequence[int], add: Callable[[Any, list[Any]], None]) -> None:
        """Add the taps of each step, given where its columns begin and their masks.

        Masked loads take longer: only the steps that read beyond the ends of a row have them, the others a loop.
        """
        b, plain = self.builder, [None] * self.shape.stride
        for masked, of_kind in groupby(offsets, lambda offset: self.masks(offset) != plain):
            alike = list(of_kind)
            if masked or len(alike) == 1:
                for offset in alike:
                    add(constant(offset), self.masks(offset))
                continue
            with counted(b, constant(len(alike))) as number:
                add(b.add(constant(alike[0]), b.mul(number, constant(alike[1] - alike[0]))), plain)

    # --- stride 1: one tap of a row at a time ------------------------------------------------------------------------

    def add_taps(self, sums: Sums) -> None:
        kernel, lanes = self.shape.kernel, self.shape.lanes

        def add(kw: Any, masks: list[Any]) -> None:
            weights = self.weights(self.builder.mul(kw, constant(kernel)), kernel)
            self.add_rows(sums, weights, self.places(kw), lambda at, row: [self.loaded(at, row, masks[0], lanes)])

        self.add_steps(range(kernel), add)

    # --- stride 2, three taps a row: all of them at once --------------------------------------------------------------

    def add_triples(self, sums: Sums) -> None:
        """The even columns of two vectors are under the middle tap, the odd ones under the last.

        Under the first lie the odd ones again, moved up by a lane: one more column is all that they lack.
        """
        b, t = self.builder, self.shape
        masks = self.masks(1)
        column = self.mask(0, 1)
        only = _bits([False] * (QUARTER - 1) + [True])
        if column is not None:
            only = b.and_(only, emit.shuffle(b, column, column, [0] * QUARTER))

        def read(at: Any, row: int) -> list[Any]:
            parts = [
                self.loaded(emit.at(b, at, 1 + part * t.lanes), row, mask, t.lanes) for part, mask in enumerate(masks)
            ]
            if column is None and self.padding is not None:
                before = emit.broadcast(b, at, t.lanes)
            else:
                before = self.loaded(emit.at(b, at, 1 - QUARTER), row, only, QUARTER)
            even, odd = emit.every_second(b, parts, 0), emit.every_second(b, parts, 1)
            return [emit.moved_up(b, before, odd), even, odd]

        self.add_rows(sums, self.weights(constant(0), 3 * t.kernel), self.places(constant(0)), read)

    # --- stride 2, two taps at once, whose products lie side by side --------------------------------------------------

    def add_pairs(self, sums: Sums) -> None:
        """Two lanes hold the terms of one pixel, and are added at the end: there is nothing to sort on the way."""
        b, t = self.builder, self.shape

        def add(offset: Any, masks: list[Any]) -> None:
            def read(at: Any, row: int) -> list[Any]:
                return [
                    self.loaded(emit.at(b, at, part * t.lanes), row, mask, t.lanes) for part, mask in enumerate(masks)
                ]

            first = b.mul(b.add(offset, constant(t.front)), constant(t.kernel))
            self.add_rows(sums, self.weights(first, t.kernel), self.places(offset), read)

        self.add_steps(t.offsets, add)

    # --- what they share ----------------------------------------------------------------------------------------------

    def add_rows(self, sums: Sums, weights: list[list[Any]], places: list[Any], read: Read) -> None:
        """Add a step's taps over every row that the tile sees, from where each unit reads its first."""
        b, t, line = self.builder, self.shape, self.given.x_line
        above, below = self.padding or (0, 0)
        places = [b.gep(place, [b.mul(line, constant(above))]) for place in places]
        for row in range(above, t.seen - below):
            for unit, place in enumerate(places):
                for number, value in enumerate(read(place, row)):
                    tap, part = divmod(number, t.parts)
                    for kh in range(t.kernel):
                        oh, between = divmod(row - kh, t.stride)
                        if not between and 0 <= oh < t.rows:
                            weight = weights[unit][tap * t.kernel + kh]
                            emit.accumulate(b, sums[unit][oh * t.parts + part], value, weight)
            places = [b.gep(place, [line]) for place in places]

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

    def store(self, sums: list[Any], place: Any) -> None:
        """Row by row. Of a row as wide as a vector every lane is a pixel; a narrower one ends with a mask."""
        b, t = self.builder, self.shape
        written = None if t.ends else emit.first_lanes(b, b.sub(self.given.y_line, self.pixel), t.lanes)
        for oh in range(t.rows):
            vectors = [b.load(total) for total in sums[oh * t.parts : (oh + 1) * t.parts]]
            total = vectors[0]
            if t.pairs:
                total = b.fadd(emit.every_second(b, vectors, 0), emit.every_second(b, vectors, 1))
            mask = written
            if self.padding is None:
                there = emit.all_lanes(b, b.icmp_signed("<", constant(oh), self.given.outputs), t.lanes)
                mask = there if mask is None else b.and_(mask, there)
            if mask is None:
                emit.store(b, total, place)
            else:
                emit.masked_store(b, total, place, mask)
            place = b.gep(place, [self.given.y_line])


def _bits(lanes: Sequence[bool]) -> Any:
    """A mask that is known when it is compiled."""
    return ir.Constant(ir.VectorType(ir.IntType(1), len(lanes)), [int(lane) for lane in lanes])


def _every_second(lanes: int, first: int) -> Any:
    """The mask of the even lanes or of the odd ones."""
    return _bits([lane % 2 == first for lane in range(lanes)])


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
