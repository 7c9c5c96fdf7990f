"""The roofline: the least time that a machine's ceilings allow some work (Williams, Waterman, Patterson 2009)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Bound = Literal["compute", "memory", "overhead"]


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
    launch_s          seconds of the smallest layer there is: the call, and the start and the end of its threads
    given             whether a person gave peak or bandwidth, in place of a measurement
    """

    threads: int
    peak_flops_per_s: float
    levels: tuple[Level, ...]
    launch_s: float = 0.0
    given: bool = False

    def level(self, working_set: int) -> Level:
        """The level whose bandwidth bounds a working set: that of the largest one measured which is no larger.

        Bandwidth falls as working sets grow, so that one is an upper bound and the next would not be.
        """
        smaller = [level for level in self.levels if level.working_set <= working_set]
        return smaller[-1] if smaller else self.levels[0]

    def slower(self, working_set: int) -> Level:
        """The level that a working set may already be down to: that of the smallest one measured which is no smaller.

        The slowest there is for one that is larger than all of them.
        """
        return next((level for level in self.levels if level.working_set >= working_set), self.levels[-1])

    def ridge_point(self, level: Level) -> float:
        """FLOPs a byte from which on the arithmetic, and no longer this memory, is the bound."""
        return self.peak_flops_per_s / level.bandwidth_bytes_per_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The least time of some work, and what bounds it: the part that takes longest.

    estimate_s = launch_s + max(compute_s, memory_s)

    slower_memory_s  what memory may take instead: bandwidth falls between one measured working set and the next, and
                     memory_s has that of the smaller one
    """

    compute_s: float
    memory_s: float
    launch_s: float
    memory_level: str
    slower_memory_s: float = 0.0

    @property
    def estimate_s(self) -> float:
        """Nothing of a layer is done while its threads start; arithmetic and bytes at best overlap entirely."""
        return self.launch_s + max(self.compute_s, self.memory_s)

    @property
    def bound(self) -> Bound:
        """What takes longest; of equals the one that more threads would help with."""
        if self.launch_s > max(self.compute_s, self.memory_s):
            return "overhead"
        return "compute" if self.compute_s >= self.memory_s else "memory"

    def __mul__(self, times: int) -> Estimate:
        """Of so many equal layers, one after the other."""
        return replace(
            self,
            compute_s=self.compute_s * times,
            memory_s=self.memory_s * times,
            launch_s=self.launch_s * times,
            slower_memory_s=self.slower_memory_s * times,
        )


def attain(ceilings: Ceilings, flops: int, traffic: int, working_set: int) -> Estimate:
    """The least time of `flops` operations on bytes that lie among `working_set` others.

    traffic      bytes that must be moved
    working_set  bytes among which they lie when the work is done over and over
    """
    level = ceilings.level(working_set)
    return Estimate(
        compute_s=flops / ceilings.peak_flops_per_s,
        memory_s=traffic / level.bandwidth_bytes_per_s,
        launch_s=ceilings.launch_s,
        memory_level=level.name,
        slower_memory_s=traffic / ceilings.slower(working_set).bandwidth_bytes_per_s,
    )
