"""LLVM code of the register tiles: each function takes sizes and gives what Numba's `intrinsic` takes.

Every size is a literal, so a tile is straight code: its sums stay in registers, taps are immediate offsets, and four
neighbours move at once. Nothing in it is CUDA's own: the tests run the same code on the CPU, against `plain`.
Arrays of 16 bits hold float16: a number becomes float32 when it is loaded, and is rounded to the nearest even when it
is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import gcd
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

Typed = Callable[..., tuple[Any, Callable[..., Any]]]

FLOAT, HALF, INT, LONG = ir.FloatType(), ir.HalfType(), ir.IntType(32), ir.IntType(64)
BITS = ir.IntType(16)
"""As what Numba has a float16."""

BYTES = {FLOAT: 4, BITS: 2}
ACCESS_BYTES = 16
WIDEST = ACCESS_BYTES // BYTES[FLOAT]
"""float32 numbers of the widest access."""


def window(*, KH: int, KW: int, SH: int, SW: int, DH: int, DW: int, R: int, V: int, Q: int, LEAD: int) -> Typed:
    """R rows of V neighbouring outputs of one plane, from (x, at, in_h, in_w, top, left, taps, start).

    sums[r, v] = start + Σ taps[kh, kw] · x[at + (top + r·SH + kh·DH)·in_w + left + LEAD + v·SW + kw·DW], where a tap
    outside the plane adds nothing. `left` and in_w are multiples of Q: Q neighbours are in the plane or outside
    together. A load is never skipped but goes to the plane's first numbers instead: without branches all of them can
    be under way at once.
    """
    columns = sorted({LEAD + v * SW + kw * DW for v in range(V) for kw in range(KW)})

    def typed(typing: Any, x: Any, at: Any, in_h: Any, in_w: Any, top: Any, left: Any, taps: Any, start: Any) -> Any:
        result = types.UniTuple(start, R * V)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            plane = _data(context, builder, signature.args[0], args[0], args[1])
            in_h, in_w, top, left = (_int(builder, value) for value in args[2:6])
            weights = list(cgutils.unpack_tuple(builder, args[6], KH * KW))
            sums = [args[7]] * (R * V)
            for line in sorted({r * SH + kh * DH for r in range(R) for kh in range(KH)}):
                row = builder.add(top, INT(line))
                here = builder.icmp_unsigned("<", row, in_h)
                line_at = builder.mul(builder.select(here, row, INT(0)), in_w)
                values = _row(builder, plane, line_at, left, in_w, here, columns, Q)
                for r, kh in ((r, kh) for r in range(R) for kh in range(KH) if r * SH + kh * DH == line):
                    for kw in range(KW):
                        for v in range(V):
                            value = values[LEAD + v * SW + kw * DW]
                            sums[r * V + v] = _multiply_add(builder, weights[kh * KW + kw], value, sums[r * V + v])
            return context.make_tuple(builder, result, sums)

        return result(x, at, in_h, in_w, top, left, taps, start), generate

    return typed


def _row(
    builder: Any, plane: Any, line_at: Any, left: Any, in_w: Any, here: Any, columns: list[int], Q: int
) -> dict[int, Any]:
    """The columns of one row, Q loaded at once, zero outside the plane."""
    values = {}
    for first in sorted({column // Q * Q for column in columns}):
        column = builder.add(left, INT(first))
        inside = builder.icmp_unsigned("<", column, in_w)
        offset = builder.add(line_at, builder.select(inside, column, INT(0)))
        loaded = _load(builder, builder.gep(plane, [offset]), Q)
        keep = builder.and_(here, inside)
        for number in (number for number in range(first, first + Q) if number in columns):
            values[number] = builder.select(keep, loaded[number - first], FLOAT(0.0))
    return values


def step(*, PITCH: int, WIDTH: int, R: int, TM: int, KH: int, SH: int, DH: int) -> Typed:
    """The taps of one column of the kernel, from (sums, x, x_at, w, w_at), added to the sums of TM channels by R rows.

    sums[m, r] += Σ w[w_at + kh·WIDTH + m] · x[x_at + (r·SH + kh·DH)·PITCH]. Each number is loaded once for all that
    need it.
    """
    lines = sorted({r * SH + kh * DH for r in range(R) for kh in range(KH)})

    def typed(typing: Any, sums: Any, x: Any, x_at: Any, w: Any, w_at: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            column = _data(context, builder, signature.args[1], args[1], args[2])
            weights = _data(context, builder, signature.args[3], args[3], args[4])
            totals = list(cgutils.unpack_tuple(builder, args[0], R * TM))
            values = {line: builder.load(_on(builder, column, line * PITCH)) for line in lines}
            for kh in range(KH):
                of_tap = _load(builder, _on(builder, weights, kh * WIDTH), TM)
                for m, weight in enumerate(of_tap):
                    for r in range(R):
                        at = m * R + r
                        totals[at] = _multiply_add(builder, weight, values[r * SH + kh * DH], totals[at])
            return context.make_tuple(builder, signature.return_type, totals)

        return sums(sums, x, x_at, w, w_at), generate

    return typed


def starts(*, R: int, TM: int) -> Typed:
    """The sums of TM channels by R rows before the first tap, from (bias, at): the bias of each channel."""

    def typed(typing: Any, bias: Any, at: Any) -> Any:
        result = types.UniTuple(bias.dtype, R * TM)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            values = _load(builder, _data(context, builder, signature.args[0], *args), TM)
            return context.make_tuple(builder, result, [value for value in values for _ in range(R)])

        return result(bias, at), generate

    return typed


def read(*, COUNT: int) -> Typed:
    """COUNT numbers as a tuple, from (array, at); `at` and the room behind are multiples of the widest access."""

    def typed(typing: Any, array: Any, at: Any) -> Any:
        result = types.UniTuple(array.dtype, COUNT)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            place = _data(context, builder, signature.args[0], *args)
            room = -(-COUNT // WIDEST) * WIDEST
            return context.make_tuple(builder, result, _load(builder, place, room)[:COUNT])

        return result(array, at), generate

    return typed


def move(*, Q: int) -> Typed:
    """target[t_at : t_at + Q] = source[s_at : s_at + Q] in one access, from (target, t_at, source, s_at)."""

    def typed(typing: Any, target: Any, t_at: Any, source: Any, s_at: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            values = _load(builder, _data(context, builder, signature.args[2], args[2], args[3]), Q)
            _store(builder, values, _data(context, builder, signature.args[0], args[0], args[1]))
            return context.get_dummy_value()

        return types.void(target, t_at, source, s_at), generate

    return typed


def stage(*, Q: int) -> Typed:
    """Q neighbours of plane `plane` of x to target[t_at], zeros where they lie outside it or it is not `live`.

    From (target, t_at, x, at, plane, row, column, in_h, in_w, live). The offset from `at` is computed in 32 bits, which
    a GPU does in one instruction where 64 take several.
    """

    def typed(
        typing: Any, target: Any, t_at: Any, x: Any, at: Any, plane: Any, row: Any, column: Any, in_h: Any, in_w: Any,
        live: Any,
    ) -> Any:  # fmt: skip
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            plane, row, column, in_h, in_w = (_int(builder, value) for value in args[4:9])
            inside = builder.and_(builder.icmp_unsigned("<", row, in_h), builder.icmp_unsigned("<", column, in_w))
            inside = builder.and_(inside, args[9])
            offset = builder.add(builder.mul(builder.add(builder.mul(plane, in_h), row), in_w), column)
            offset = builder.select(inside, offset, INT(0))
            place = builder.gep(_data(context, builder, signature.args[2], args[2], args[3]), [offset])
            values = [builder.select(inside, value, FLOAT(0.0)) for value in _load(builder, place, Q)]
            _store(builder, values, _data(context, builder, signature.args[0], args[0], args[1]))
            return context.get_dummy_value()

        return types.void(target, t_at, x, at, plane, row, column, in_h, in_w, live), generate

    return typed


def store(*, TM: int, R: int, V: int) -> Typed:
    """Sums of TM channels by R rows by V neighbours to y[at + m·plane + r·pitch + v], or fewer channels and rows.

    From (y, at, plane, pitch, channels, rows, sums); `at`, plane and pitch are multiples of V.
    """

    def typed(typing: Any, y: Any, at: Any, plane: Any, pitch: Any, channels: Any, rows: Any, sums: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            target = _data(context, builder, signature.args[0], args[0], args[1])
            plane, pitch, channels, rows = (_int(builder, value) for value in args[2:6])
            values = list(cgutils.unpack_tuple(builder, args[6], TM * R * V))
            all_channels = builder.icmp_signed("<=", INT(TM), channels)
            whole = builder.and_(all_channels, builder.icmp_signed("<=", INT(R), rows))
            with builder.if_else(whole) as (then, otherwise):
                # Without conditions, of which a GPU can keep only seven at hand.
                with then:
                    for place, first in _places(builder, target, plane, pitch, TM, R):
                        _store(builder, values[first * V : first * V + V], place)
                with otherwise:
                    for place, first in _places(builder, target, plane, pitch, TM, R):
                        wanted = builder.icmp_signed("<", INT(first // R), channels)
                        with builder.if_then(builder.and_(wanted, builder.icmp_signed("<", INT(first % R), rows))):
                            _store(builder, values[first * V : first * V + V], place)
            return context.get_dummy_value()

        return types.void(y, at, plane, pitch, channels, rows, sums), generate

    return typed


def _places(builder: Any, target: Any, plane: Any, pitch: Any, TM: int, R: int) -> Iterator[tuple[Any, int]]:
    """Where each row of each channel starts, and its number."""
    lines = [builder.mul(pitch, INT(r)) for r in range(R)]
    for m in range(TM):
        channel = builder.mul(plane, INT(m))
        for r, line in enumerate(lines):
            yield builder.gep(target, [builder.add(channel, line)]), m * R + r


def divide() -> Typed:
    """number // divisor for a number below 2¹⁶ and a divisor up to 2¹⁶, from (number, factor): `plan.magic(divisor)`.

    A GPU takes about a hundred instructions to divide 64-bit integers. The factor ⌈2³²/divisor⌉ is (2³² + e)/divisor
    with e < divisor, so the product is number·e < 2³² parts of 2³²·divisor too large: the quotient stays as it is.
    """

    def typed(typing: Any, number: Any, factor: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            product = builder.mul(_long(builder, args[0]), _long(builder, args[1]))
            return builder.lshr(product, LONG(32))

        return types.int64(number, factor), generate

    return typed


def chain(*, COUNT: int, LENGTH: int) -> Typed:
    """LENGTH rounds of sum = sum · a + b on each of COUNT sums, from (sums, a, b): multiply-adds and nothing else."""

    def typed(typing: Any, sums: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            values = list(cgutils.unpack_tuple(builder, args[0], COUNT))
            for _ in range(LENGTH):
                values = [_multiply_add(builder, value, args[1], args[2]) for value in values]
            return context.make_tuple(builder, signature.return_type, values)

        return sums(sums, a, b), generate

    return typed


def _data(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    """Pointer to a number of a flat array. No bounds are checked, and a negative index does not wrap around."""
    data = context.make_array(kind)(context, builder, value=array).data
    return builder.gep(data, [_long(builder, at)])


def _on(builder: Any, pointer: Any, number: int) -> Any:
    return builder.gep(pointer, [LONG(number)]) if number else pointer


def _load(builder: Any, pointer: Any, count: int) -> list[Any]:
    """`count` neighbours as float32, by accesses of the widest that divides count; the pointer is aligned to that."""
    stored, values = pointer.type.pointee, list[Any]()
    for first, lanes in _pieces(count, stored):
        place = _on(builder, pointer, first)
        if stored != FLOAT:
            values += _halves(builder, place, lanes)
        elif lanes == 1:
            values.append(builder.load(place))
        else:
            kind = ir.VectorType(FLOAT, lanes)
            loaded = builder.load(builder.bitcast(place, kind.as_pointer()), align=lanes * BYTES[FLOAT])
            values += [builder.extract_element(loaded, INT(lane)) for lane in range(lanes)]
    return values


def _halves(builder: Any, place: Any, count: int) -> list[Any]:
    """So many float16 from one access, as float32; in words of two, as NVVM takes wider vectors of halves apart."""
    if count == 1:
        return [builder.fpext(builder.bitcast(builder.load(place), HALF), FLOAT)]
    kind, pair = ir.VectorType(INT, count // 2), ir.VectorType(HALF, 2)
    loaded = builder.load(builder.bitcast(place, kind.as_pointer()), align=count * BYTES[BITS])
    pairs = [builder.bitcast(builder.extract_element(loaded, INT(number)), pair) for number in range(count // 2)]
    return [builder.fpext(builder.extract_element(two, INT(lane)), FLOAT) for two in pairs for lane in range(2)]


def _store(builder: Any, values: list[Any], pointer: Any) -> None:
    """float32 numbers to neighbours, likewise."""
    stored = pointer.type.pointee
    for first, lanes in _pieces(len(values), stored):
        place, given = _on(builder, pointer, first), values[first : first + lanes]
        if stored != FLOAT:
            _store_halves(builder, given, place)
        elif lanes == 1:
            builder.store(given[0], place)
        else:
            packed = _packed(builder, given)
            builder.store(packed, builder.bitcast(place, packed.type.as_pointer()), align=lanes * BYTES[FLOAT])


def _store_halves(builder: Any, values: list[Any], place: Any) -> None:
    halves = [builder.fptrunc(value, HALF) for value in values]
    if len(halves) == 1:
        builder.store(builder.bitcast(halves[0], BITS), place)
        return
    words = [builder.bitcast(_packed(builder, halves[at : at + 2]), INT) for at in range(0, len(halves), 2)]
    packed = _packed(builder, words)
    builder.store(packed, builder.bitcast(place, packed.type.as_pointer()), align=len(halves) * BYTES[BITS])


def _packed(builder: Any, values: list[Any]) -> Any:
    """A vector of them."""
    packed = ir.Constant(ir.VectorType(values[0].type, len(values)), ir.Undefined)
    for lane, value in enumerate(values):
        packed = builder.insert_element(packed, value, INT(lane))
    return packed


def _pieces(count: int, stored: Any) -> Iterator[tuple[int, int]]:
    lanes = gcd(count, ACCESS_BYTES // BYTES[stored])
    return ((first, lanes) for first in range(0, count, lanes))


def _int(builder: Any, value: Any) -> Any:
    """Any integer as 32 bits."""
    return builder.trunc(value, INT) if value.type.width > INT.width else value


def _long(builder: Any, value: Any) -> Any:
    """Any integer as 64 bits."""
    return builder.sext(value, LONG) if value.type.width < LONG.width else value


def _multiply_add(builder: Any, a: Any, b: Any, total: Any) -> Any:
    """a·b + total in one rounding."""
    kind = ir.FunctionType(FLOAT, [FLOAT] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.fma.f32"), [a, b, total])
