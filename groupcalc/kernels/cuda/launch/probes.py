"""Kernels that measure the device itself."""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda, float32

from groupcalc.kernels.cuda.launch.tile import tile


@cache
def copy() -> Any:
    """target = source, both a whole number of accesses of 16 bytes."""
    move = tile("move", Q=4)

    @cuda.jit  # type: ignore[untyped-decorator]
    def kernel(target: Any, source: Any, count: Any) -> None:
        at, step = cuda.grid(1) * 4, cuda.gridsize(1) * 4
        for start in range(at, count, step):
            move(target, start, source, start)

    return kernel


@cache
def multiply_add(CHAINS: int, LENGTH: int) -> Any:
    """CHAINS·LENGTH multiply-adds a round and thread; the sum is stored, so that none of them is left out."""
    read, chain = tile("starts", R=CHAINS, TM=1), tile("chain", COUNT=CHAINS, LENGTH=LENGTH)

    @cuda.jit  # type: ignore[untyped-decorator]
    def kernel(sink: Any, rounds: Any) -> None:
        place = cuda.grid(1)
        sums, factor = read(sink, place), float32(0.5)
        for number in range(rounds):
            sums = chain(sums, factor, float32(number))
        total = float32(0)
        for value in sums:
            total += value
        sink[place] = total

    return kernel


@cache
def spin() -> Any:
    """One thread that is busy for `rounds` multiply-adds, each waiting for the one before."""
    chain = tile("chain", COUNT=1, LENGTH=1)

    @cuda.jit  # type: ignore[untyped-decorator]
    def kernel(sink: Any, rounds: Any) -> None:
        sums, factor = (sink[0],), float32(0.5)
        for _ in range(rounds):
            sums = chain(sums, factor, factor)
        sink[0] = sums[0]

    return kernel


@cache
def nothing() -> Any:
    """A launch and no work."""

    @cuda.jit  # type: ignore[untyped-decorator]
    def kernel(sink: Any) -> None:
        pass

    return kernel
