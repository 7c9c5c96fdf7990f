"""Loops that do one thing only, so that their time tells what the machine can do at most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from groupcalc.kernels.jit import driver, get_num_threads, set_num_threads

CHAINS = 12
"""Sums that do not wait for one another: two units of four cycles take eight, and one register each must remain for
the two factors where there are sixteen."""

UNROLL = 8
"""Vectors in flight of a loop over memory."""

APART = 16
"""Numbers between two threads' results: a cache line each."""


def peak(lanes: int) -> Any:
    """y[thread · APART] = sums of fused multiply-adds, `rounds` times CHAINS vectors each."""

    @driver(sizes=2)
    def loop(x: Any, w: Any, bias: Any, y: Any, scratch: Any, sizes: Any) -> None:
        threads, rounds = sizes
        of_caller = get_num_threads()
        set_num_threads(threads)
        for thread in prange(threads):
            y[thread * APART] = _multiply_add(x[0], rounds, lanes)
        set_num_threads(of_caller)

    return loop


def read(lanes: int) -> Any:
    """y[thread · APART] = sums of a part of x, `repeats` times over; each thread has `numbers` of its own."""

    @driver(sizes=3)
    def loop(x: Any, w: Any, bias: Any, y: Any, scratch: Any, sizes: Any) -> None:
        threads, numbers, repeats = sizes
        of_caller = get_num_threads()
        set_num_threads(threads)
        for thread in prange(threads):
            own = x[thread * numbers : (thread + 1) * numbers]
            total = w[0]
            for _ in range(repeats):
                total += _sum(own, numbers, lanes)
            y[thread * APART] = total
        set_num_threads(of_caller)

    return loop


def scale(lanes: int) -> Any:
    """y = w[0] · x, `repeats` times over; each thread has `numbers` of its own."""

    @driver(sizes=3)
    def loop(x: Any, w: Any, bias: Any, y: Any, scratch: Any, sizes: Any) -> None:
        threads, numbers, repeats = sizes
        of_caller = get_num_threads()
        set_num_threads(threads)
        for thread in prange(threads):
            own = x[thread * numbers : (thread + 1) * numbers]
            written = y[thread * numbers : (thread + 1) * numbers]
            for _ in range(repeats):
                _scaled(own, written, w[0], numbers, lanes)
        set_num_threads(of_caller)

    return loop


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def _multiply_add(context: Any, x: Any, rounds: Any, lanes: Any) -> Any:
    """The sum of CHAINS vectors s, each s · x + x so many times. They start apart: LLVM would make equal ones one."""
    width = lanes.literal_value

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = ir.VectorType(ir.FloatType(), width)
        fma = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{width}f32"
        )
        factor = _splat(builder, arguments[0], width)
        starts = [builder.fmul(factor, ir.Constant(vector, [float(chain)] * width)) for chain in range(CHAINS)]
        sums = _loop(
            builder, arguments[1], 1, starts, lambda _, sums: [builder.call(fma, [s, factor, factor]) for s in sums]
        )
        return _total(builder, sums, width)

    return types.float32(x, types.int64, lanes), generate


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def _sum(context: Any, array: Any, numbers: Any, lanes: Any) -> Any:
    """The sum of an array whose length UNROLL vectors divide."""
    width = lanes.literal_value

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = ir.VectorType(ir.FloatType(), width)
        start = _data(context, builder, signature.args[0], arguments[0])

        def body(index: Any, sums: Any) -> Any:
            loads = [builder.load(_at(builder, start, index, place, width), align=4) for place in range(UNROLL)]
            return [builder.fadd(s, load) for s, load in zip(sums, loads, strict=True)]

        zeros = [ir.Constant(vector, [0.0] * width)] * UNROLL
        return _total(builder, _loop(builder, arguments[1], UNROLL * width, zeros, body), width)

    return types.float32(array, types.int64, lanes), generate


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def _scaled(context: Any, array: Any, written: Any, factor: Any, numbers: Any, lanes: Any) -> Any:
    """written = factor · array, whose length UNROLL vectors divide."""
    width = lanes.literal_value

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = _data(context, builder, signature.args[0], arguments[0])
        target = _data(context, builder, signature.args[1], arguments[1])
        by = _splat(builder, arguments[2], width)

        def body(index: Any, sums: Any) -> Any:
            loads = [builder.load(_at(builder, source, index, place, width), align=4) for place in range(UNROLL)]
            for place, load in enumerate(loads):
                builder.store(builder.fmul(load, by), _at(builder, target, index, place, width), align=4)
            return []

        _loop(builder, arguments[3], UNROLL * width, [], body)
        return context.get_dummy_value()

    return types.void(array, written, types.float32, types.int64, lanes), generate


def _loop(builder: Any, end: Any, step: int, starts: Any, body: Callable[[Any, Any], Any]) -> Any:
    """for (index = 0; index < end; index += step) values = body(index, values); once at least; the last values."""
    before, inside = builder.block, builder.append_basic_block("probe")
    after = builder.append_basic_block("probed")
    builder.branch(inside)
    builder.position_at_end(inside)
    index = builder.phi(end.type)
    index.add_incoming(ir.Constant(end.type, 0), before)
    values = [builder.phi(start.type) for start in starts]
    for value, start in zip(values, starts, strict=True):
        value.add_incoming(start, before)
    found = body(index, values)
    for value, new in zip(values, found, strict=True):
        value.add_incoming(new, inside)
    following = builder.add(index, ir.Constant(end.type, step))
    index.add_incoming(following, inside)
    builder.cbranch(builder.icmp_signed("<", following, end), inside, after)
    builder.position_at_end(after)
    return found


def _splat(builder: Any, scalar: Any, width: int) -> Any:
    nothing = ir.Constant(ir.VectorType(ir.FloatType(), width), ir.Undefined)
    first = builder.insert_element(nothing, scalar, ir.IntType(32)(0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width))


def _total(builder: Any, vectors: Any, width: int) -> Any:
    total = vectors[0]
    for vector in vectors[1:]:
        total = builder.fadd(total, vector)
    lanes = [builder.extract_element(total, ir.IntType(32)(lane)) for lane in range(width)]
    scalar = lanes[0]
    for lane in lanes[1:]:
        scalar = builder.fadd(scalar, lane)
    return scalar


def _data(context: Any, builder: Any, array_type: Any, array: Any) -> Any:
    return context.make_array(array_type)(context, builder, array).data


def _at(builder: Any, start: Any, index: Any, place: int, width: int) -> Any:
    """A pointer to the vector `place` vectors behind `index` numbers."""
    offset = builder.add(index, ir.Constant(index.type, place * width))
    return builder.bitcast(builder.gep(start, [offset]), ir.VectorType(ir.FloatType(), width).as_pointer())
