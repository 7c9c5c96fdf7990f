"""The roofline: the least time that a machine's ceilings allow some work (Williams, Waterman, Patterson 2009)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from groupcalc.costs import FLOPS_PER_MAC


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What memory gives a working set of a size.

    name           the smallest cache that holds it, or DRAM
    working_set    bytes that were read or written over and over
    """

    name: str
    working_set: int
    bandwidth_bytes_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """What a machine reaches at most with a number of threads.

    peak_flops_per_s  float32, 2 FLOPs a fused multiply-add
    levels            at least one, working sets ascending
    """

    threads: int
    peak_flops_per_s: float
    levels: tuple[Level, ...]

    def level(self, working_set: int) -> Level:
        """The level whose bandwidth bounds a working set: that of the largest one measured which is no larger.

        Bandwidth falls as working sets grow, so that one is an upper bound and the next would not be.
        """
        smaller = [level for level in self.levels if level.working_set <= working_set]
        return smaller[-1] if smaller else self.levels[0]

    def ridge_point(self, level: Level) -> float:
        """FLOPs a byte from which on the arithmetic, and no longer this memory, is the bound."""
        return self.peak_flops_per_s / level.bandwidth_bytes_per_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The least time of some work, and what bounds it."""

    estimate_s: float
    bound: Literal["compute", "memory"]
    memory_level: str


def attain(ceilings: Ceilings, macs: int, traffic: int, working_set: int) -> Estimate:
    """max(2 · macs / peak, traffic / bandwidth): the arithmetic and the bytes at best overlap entirely.

    traffic      bytes that must be moved
    working_set  bytes among which they lie when the work is done over and over
    """
    level = ceilings.level(working_set)
    arithmetic_s = FLOPS_PER_MAC * macs / ceilings.peak_flops_per_s
    memory_s = traffic / level.bandwidth_bytes_per_s
    return Estimate(
        estimate_s=max(arithmetic_s, memory_s),
        bound="compute" if arithmetic_s >= memory_s else "memory",
        memory_level=level.name,
    )
