"""Loops that do one thing only, so that their time tells what the machine can do at most."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from groupcalc.kernels.drivers import emit
from groupcalc.kernels.jit import driver, get_num_threads, set_num_threads

CHAINS = 12
"""Sums that do not wait for one another: two units of four cycles keep eight busy, and of sixteen registers four are
left for the factor."""

UNROLL = 8
"""Vectors of a block, in flight together."""


def peak(lanes: int) -> Any:
    """y[thread] = CHAINS vectors of sums, each of `rounds` fused multiply-adds."""

    @driver(sizes=2)
    def loop(x: Any, w: Any, bias: Any, y: Any, scratch: Any, sizes: Any) -> None:
        threads, rounds = sizes
        of_caller = get_num_threads()
        set_num_threads(threads)
        for thread in prange(threads):
            _multiply_add(x, y, thread * lanes, rounds, lanes)
        set_num_threads(of_caller)

    return loop


def read(lanes: int) -> Any:
    """y[thread] = sums of the thread's own `blocks` of x, `repeats` times over."""

    @driver(sizes=3)
    def loop(x: Any, w: Any, bias: Any, y: Any, scratch: Any, sizes: Any) -> None:
        threads, blocks, repeats = sizes
        of_caller = get_num_threads()
        set_num_threads(threads)
        for thread in prange(threads):
            for _ in range(repeats):
                _sum(x, thread * blocks * UNROLL * lanes, y, thread * lanes, blocks, lanes)
        set_num_threads(of_caller)

    return loop


def scale(lanes: int) -> Any:
    """y = w[0] · x in the thread's own `blocks`, `repeats` times over."""

    @driver(sizes=3)
    def loop(x: Any, w: Any, bias: Any, y: Any, scratch: Any, sizes: Any) -> None:
        threads, blocks, repeats = sizes
        of_caller = get_num_threads()
        set_num_threads(threads)
        for thread in prange(threads):
            for _ in range(repeats):
                _scaled(x, y, thread * blocks * UNROLL * lanes, w, blocks, lanes)
        set_num_threads(of_caller)

    return loop


@intrinsic(prefer_literal=True)
def _multiply_add(typing: Any, x: Any, y: Any, y_at: Any, rounds: Any, lanes: Any) -> Any:
    """Sums of x[0]², all with starts of their own: LLVM would make equal ones one."""
    (width,) = emit.literals(lanes)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        factor = emit.broadcast(builder, emit.data(context, builder, kinds[0], args[0], emit.constant(0)), width)
        starts = [ir.Constant(emit.vector(width), [float(chain)] * width) for chain in range(CHAINS)]
        sums = emit.accumulators(builder, starts)
        with cgutils.for_range(builder, args[3]):
            for total in sums:
                emit.accumulate(builder, total, factor, factor)
        emit.store(builder, _all(builder, sums), emit.data(context, builder, kinds[1], args[1], args[2]))
        return context.get_dummy_value()

    return types.void(x, y, y_at, rounds, lanes), generate


@intrinsic(prefer_literal=True)
def _sum(typing: Any, x: Any, x_at: Any, y: Any, y_at: Any, blocks: Any, lanes: Any) -> Any:
    """The sum of so many blocks from x[x_at] on."""
    (width,) = emit.literals(lanes)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        first = emit.data(context, builder, kinds[0], args[0], args[1])
        sums = emit.accumulators(builder, [ir.Constant(emit.vector(width), None)] * UNROLL)
        with cgutils.for_range(builder, args[4]) as block:
            for place, loaded in enumerate(_block(builder, first, block.index, width)):
                builder.store(builder.fadd(builder.load(sums[place]), loaded), sums[place])
        emit.store(builder, _all(builder, sums), emit.data(context, builder, kinds[2], args[2], args[3]))
        return context.get_dummy_value()

    return types.void(x, x_at, y, y_at, blocks, lanes), generate


@intrinsic(prefer_literal=True)
def _scaled(typing: Any, x: Any, y: Any, start: Any, w: Any, blocks: Any, lanes: Any) -> Any:
    """w[0] times so many blocks from x[start] on, to the same places of y."""
    (width,) = emit.literals(lanes)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        source = emit.data(context, builder, kinds[0], args[0], args[2])
        target = emit.data(context, builder, kinds[1], args[1], args[2])
        factor = emit.broadcast(builder, emit.data(context, builder, kinds[3], args[3], emit.constant(0)), width)
        with cgutils.for_range(builder, args[4]) as block:
            written = builder.gep(target, [_numbers_before(builder, block.index, width)])
            for place, loaded in enumerate(_block(builder, source, block.index, width)):
                emit.store(builder, builder.fmul(loaded, factor), emit.at(builder, written, place * width))
        return context.get_dummy_value()

    return types.void(x, y, start, w, blocks, lanes), generate


def _block(builder: Any, first: Any, index: Any, width: int) -> list[Any]:
    """The vectors of one block."""
    start = builder.gep(first, [_numbers_before(builder, index, width)])
    return [emit.load(builder, emit.at(builder, start, place * width), width) for place in range(UNROLL)]


def _numbers_before(builder: Any, index: Any, width: int) -> Any:
    return builder.mul(index, emit.constant(UNROLL * width))


def _all(builder: Any, sums: list[Any]) -> Any:
    """The sum of the sums, so that none of them is work for nothing."""
    total = builder.load(sums[0])
    for more in sums[1:]:
        total = builder.fadd(total, builder.load(more))
    return total
