"""LLVM vector code, a few instructions at a time: what the register tiles are built of."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError

FLOAT = ir.FloatType()
INT32 = ir.IntType(32)
FLOAT_BYTES = 4


def literals(*given: Any) -> list[int]:
    """The values of arguments that must be known when a tile is compiled."""
    if not all(isinstance(value, types.IntegerLiteral) for value in given):
        raise TypingError("the sizes of a register tile are compiled into it: pass literal ints")
    return [value.literal_value for value in given]


def data(context: Any, builder: Any, kind: Any, array: Any, offset: Any) -> Any:
    """Pointer to a number of a flat array. No bounds are checked, and a negative offset does not wrap around."""
    return builder.gep(context.make_array(kind)(context, builder, value=array).data, [offset])


def vector(lanes: int) -> Any:
    return ir.VectorType(FLOAT, lanes)


def constant(value: int) -> Any:
    return ir.Constant(ir.IntType(64), value)


def at(builder: Any, pointer: Any, number: int) -> Any:
    """`number` floats on from a pointer."""
    return builder.gep(pointer, [constant(number)]) if number else pointer


def load(builder: Any, pointer: Any, lanes: int) -> Any:
    return builder.load(builder.bitcast(pointer, vector(lanes).as_pointer()), align=FLOAT_BYTES)


def store(builder: Any, value: Any, pointer: Any) -> None:
    builder.store(value, builder.bitcast(pointer, value.type.as_pointer()), align=FLOAT_BYTES)


def broadcast(builder: Any, pointer: Any, lanes: int, numbers: int = 1) -> Any:
    """One number in every lane, or two in turn; LLVM folds it into the multiply-add where the machine can."""
    kind = FLOAT if numbers == 1 else ir.DoubleType()  # as one thing of their size
    source = builder.bitcast(pointer, kind.as_pointer())
    count = lanes // numbers
    undefined = ir.Constant(ir.VectorType(kind, count), ir.Undefined)
    lone = builder.insert_element(undefined, builder.load(source, align=FLOAT_BYTES), INT32(0))
    return builder.bitcast(shuffle(builder, lone, lone, [0] * count), vector(lanes))


def shuffle(builder: Any, a: Any, b: Any, order: Iterable[int]) -> Any:
    indices = list(order)
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(INT32, len(indices)), indices))


def multiply_add(builder: Any, a: Any, b: Any, total: Any) -> Any:
    """a·b + total, in one rounding where that is an instruction: llvm.fma would call the C library elsewhere."""
    return _call(builder, f"llvm.fmuladd.v{a.type.count}f32", a.type, [a, b, total])


def sum_of_lanes(builder: Any, value: Any) -> Any:
    """In whatever order the machine adds them fastest: always the same one."""
    kinds = ir.FunctionType(FLOAT, [FLOAT, value.type])
    name = f"llvm.vector.reduce.fadd.v{value.type.count}f32"
    function = cgutils.get_or_insert_function(builder.module, kinds, name)
    return builder.call(function, [FLOAT(-0.0), value], fastmath=("reassoc",))


def accumulators(builder: Any, starts: Iterable[Any]) -> list[Any]:
    """A variable for each start value; LLVM keeps them in registers as long as there are enough."""
    places = []
    for value in starts:
        place = cgutils.alloca_once(builder, value.type)
        builder.store(value, place)
        places.append(place)
    return places


def accumulate(builder: Any, place: Any, a: Any, b: Any) -> None:
    builder.store(multiply_add(builder, a, b, builder.load(place)), place)


def first_lanes(builder: Any, count: Any, lanes: int) -> Any:
    """The mask of the first `count` lanes; all of them when it is larger."""
    numbers = ir.Constant(ir.VectorType(INT32, lanes), list(range(lanes)))
    return builder.icmp_signed("<", numbers, repeated(builder, count, lanes))


def repeated(builder: Any, number: Any, lanes: int) -> Any:
    """An integer in every lane, as 32 bits."""
    nothing = ir.Constant(ir.VectorType(INT32, lanes), ir.Undefined)
    lone = builder.insert_element(nothing, builder.trunc(number, INT32), INT32(0))
    return shuffle(builder, lone, lone, [0] * lanes)


def counted(builder: Any, start: Any, lanes: int) -> Any:
    """start, start + 1, … in the lanes."""
    return plus(builder, repeated(builder, start, lanes), range(lanes))


def plus(builder: Any, numbers: Any, more: Any) -> Any:
    """Integers in lanes, each with the same or its own constant added."""
    values = [more] * numbers.type.count if isinstance(more, int) else list(more)
    return builder.add(numbers, ir.Constant(numbers.type, values))


def all_of(builder: Any, *conditions: Any) -> Any:
    """Whether each of them holds."""
    return reduce(builder.and_, conditions)


def least(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.icmp_signed("<", a, b), a, b)


def all_lanes(builder: Any, condition: Any, lanes: int) -> Any:
    """The mask of all lanes or of none."""
    bits = builder.sext(condition, ir.IntType(lanes))
    return builder.bitcast(bits, ir.VectorType(ir.IntType(1), lanes))


def every_second(builder: Any, pair: list[Any], first: int) -> Any:
    """Every second lane of two vectors laid end to end."""
    a, b = pair
    return shuffle(builder, a, b, range(first, 2 * a.type.count, 2))


def prefetch(builder: Any, pointer: Any, write: bool) -> None:
    """Into the level-2 cache: more lines than a core can wait for at once would stall it on their way to level 1."""
    byte = builder.bitcast(pointer, ir.IntType(8).as_pointer())
    _call(builder, "llvm.prefetch.p0", ir.VoidType(), [byte, INT32(int(write)), INT32(2), INT32(1)])


def moved_up(builder: Any, before: Any, value: Any) -> Any:
    """The lanes one place up, the last one of `before` in front of them."""
    lanes = value.type.count
    last = shuffle(builder, before, before, [before.type.count - 1] * lanes)
    return shuffle(builder, last, value, range(lanes - 1, 2 * lanes - 1))


def masked_load(builder: Any, pointer: Any, mask: Any) -> Any:
    """Lanes that the mask leaves out are zero, and their memory is not touched."""
    kind = vector(mask.type.count)
    source = builder.bitcast(pointer, kind.as_pointer())
    operands = [source, INT32(FLOAT_BYTES), mask, ir.Constant(kind, None)]
    return _call(builder, f"llvm.masked.load.v{kind.count}f32.p0", kind, operands)


def masked_store(builder: Any, value: Any, pointer: Any, mask: Any) -> None:
    """Only the lanes of the mask are written."""
    target = builder.bitcast(pointer, value.type.as_pointer())
    operands = [value, target, INT32(FLOAT_BYTES), mask]
    _call(builder, f"llvm.masked.store.v{value.type.count}f32.p0", ir.VoidType(), operands)


def _call(builder: Any, name: str, result: Any, operands: list[Any]) -> Any:
    kind = ir.FunctionType(result, [operand.type for operand in operands])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), operands)


def transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """The columns of a square of vectors of 4, 8 or 16 lanes.

    First the 4×4 squares within quarters of a register, then the quarters: every step is one instruction of one
    cycle on x86, where exchanges across a whole register take two or three.
    """
    quads = [_within_quarters(builder, rows[first : first + 4]) for first in range(0, len(rows), 4)]
    columns = [_across_quarters(builder, [quad[column] for quad in quads]) for column in range(4)]
    return [columns[number % 4][number // 4] for number in range(len(rows))]


def _within_quarters(builder: Any, rows: list[Any]) -> list[Any]:
    """Four rows a b c d to the columns (a0 b0 c0 d0 | a4 b4 c4 d4 | …), (a1 b1 c1 d1 | …), …"""
    lanes = rows[0].type.count

    def paired(a: Any, b: Any, picks: tuple[int, ...]) -> Any:
        order = [quarter + pick % 4 + pick // 4 * lanes for quarter in range(0, lanes, 4) for pick in picks]
        return shuffle(builder, a, b, order)

    low, high = (0, 4, 1, 5), (2, 6, 3, 7)  # of a pair of quarters: numbers 4 to 7 are the second one's
    first, second = (0, 1, 4, 5), (2, 3, 6, 7)
    a, b, c, d = rows
    columns = []
    for half in (low, high):
        ab, cd = paired(a, b, half), paired(c, d, half)
        columns += [paired(ab, cd, first), paired(ab, cd, second)]
    return columns


def _across_quarters(builder: Any, rows: list[Any]) -> list[Any]:
    """As many vectors as each has quarters, transposed as a square of quarters."""
    count = len(rows)
    if count == 1:
        return rows

    def halves(a: Any, b: Any, start: int) -> Any:
        """Every second quarter of a, then of b."""
        order = [quarter * 4 + lane for quarter in range(start, 2 * count, 2) for lane in range(4)]
        return shuffle(builder, a, b, order)

    if count == 2:
        a, b = rows
        return [halves(a, b, 0), halves(a, b, 1)]
    a, b, c, d = rows
    columns = [None] * 4
    for start in (0, 1):
        ab, cd = halves(a, b, start), halves(c, d, start)
        columns[start], columns[start + 2] = halves(ab, cd, 0), halves(ab, cd, 1)
    return columns
