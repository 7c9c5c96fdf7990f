"""How long work takes on the device: by its own events, with everything queued before the first of it starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from math import ceil
from time import perf_counter
from typing import Any, Protocol

from groupcalc.kernels.cuda.device import simulated

MOST_QUEUED = 256
"""Launches of a sample: a driver's queue holds about a thousand, and blocks beyond."""

FIRST_HOLD_S, LONGEST_HOLD_S = 0.001, 0.2
BUFFERS = 64
"""Pairs of buffers that are taken in turn at most: by then the level-2 cache has been read many times over."""


Launch = Callable[[], object]


class Stopwatch(Protocol):
    """A device's clock. `hold` keeps the device busy for about so many seconds; `held` says whether it was busy with
    that until the stop was in the queue."""

    def hold(self, seconds: float) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def held(self) -> bool: ...
    def elapsed_s(self) -> float: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look at a run of launches.

    device_s  of the device, a launch, the pause between two launches included
    host_s    of the host, a launch, to put it in the queue
    queued    all of them were in the queue before the first one started: device_s has nothing of the host in it
    """

    device_s: float
    host_s: float
    queued: bool


@dataclass(slots=True, kw_only=True)
class Sampler:
    """Takes samples of launches, one after the other: give as many as `rotations` says, each with buffers of its own.

    A kernel of a few µs is shorter than what it takes the host to launch it. So the device is first given something
    that lasts longer than the host needs for all of them; the launches then follow each other as closely as the device
    can. When the host was late, the hold is doubled and the sample taken again, up to LONGEST_HOLD_S; when it was not,
    the next hold is no longer than twice what the host needed.
    """

    launches: Sequence[Launch]
    stopwatch: Stopwatch = field(default_factory=lambda: new_stopwatch())
    clock: Callable[[], float] = perf_counter
    hold_s: float = FIRST_HOLD_S

    def __call__(self, samples: int, calls: int) -> list[Sample]:
        """So many samples of `calls` launches each. Where one ends the next goes on: what lies in the cache is what
        was used last, and begun anew a short sample would find its first buffers there."""
        for launch in self.launches:  # compiled, clocks up, and every buffer touched
            launch()
        turn, found = cycle(self.launches), list[Sample]()
        while len(found) < samples:
            taken = self._sample(turn, calls)
            if taken.queued or self.hold_s >= LONGEST_HOLD_S:
                found.append(taken)
            if taken.queued:
                self.hold_s = min(self.hold_s, max(FIRST_HOLD_S, 2 * taken.host_s * calls))
            else:
                self.hold_s = min(2 * self.hold_s, LONGEST_HOLD_S)
        return found

    def _sample(self, turn: Iterator[Launch], calls: int) -> Sample:
        self.stopwatch.hold(self.hold_s)
        self.stopwatch.start()
        begun = self.clock()
        for _ in range(calls):
            next(turn)()
        host_s = (self.clock() - begun) / calls
        self.stopwatch.stop()
        device_s = self.stopwatch.elapsed_s() / calls
        return Sample(device_s=device_s, host_s=host_s, queued=self.stopwatch.held())


def rotations(touched_bytes: int, l2_bytes: int) -> int:
    """Buffers to take in turn so that each has left the level-2 cache before it is used again: twice its size."""
    return min(BUFFERS, ceil(2 * l2_bytes / max(1, touched_bytes)) + 1)


def stream() -> tuple[Any, int]:
    """A stream of its own for a library that takes none but such, and its address.

    It is a blocking one: what goes to it and what goes to the default stream, where the events are, keep their order.
    """
    from numba import cuda

    made = cuda.stream()
    return made, int(made)


def new_stopwatch() -> Stopwatch:
    """The device's; in the simulator the host's, for there a launch returns when it is done."""
    return _Host() if simulated() else _events()


class Events:
    """CUDA events on the default stream.

    Whether the hold was over before the stop was in the queue is not asked by Event.query, which fails in some releases
    of numba-cuda (its pull request 747). It follows from the times: `before` is recorded after the host looked at its
    clock, so it happens later than that, and the start later still by what the device says lies between the two.
    """

    def __init__(self, cuda: Any, spin: Callable[[float], object], clock: Callable[[], float] = perf_counter) -> None:
        """cuda is Numba's; spin keeps the device busy for about so many seconds."""
        self._before, self._begin, self._end = cuda.event(), cuda.event(), cuda.event()
        self._spin, self._clock = spin, clock
        self._called_s = self._queued_s = 0.0

    def hold(self, seconds: float) -> None:
        self._called_s = self._clock()
        self._before.record()
        self._spin(seconds)

    def start(self) -> None:
        self._begin.record()

    def stop(self) -> None:
        self._end.record()
        self._queued_s = self._clock() - self._called_s

    def held(self) -> bool:
        return self._between_s(self._before, self._begin) >= self._queued_s

    def elapsed_s(self) -> float:
        return self._between_s(self._begin, self._end)

    def _between_s(self, first: Any, second: Any) -> float:
        self._end.synchronize()
        milliseconds: Any = first.elapsed_time(second)
        return float(milliseconds) / 1000


def _events() -> Events:
    from numba import cuda

    from groupcalc.kernels.cuda.launch.probes import spin
    from groupcalc.kernels.cuda.launch.tile import configured

    kernel, sink = configured(spin(), 1, 1), cuda.device_array(1, "float32")
    kernel(sink, 1)  # compiled before it is needed
    # A multiply-add that waits for the one before it takes four cycles, of a clock below 2.5 GHz.
    return Events(cuda, lambda seconds: kernel(sink, ceil(seconds * 2.5e9 / 4)))


class _Host:
    def __init__(self) -> None:
        self._begin = self._end = 0.0

    def hold(self, seconds: float) -> None:
        pass

    def start(self) -> None:
        self._begin = perf_counter()

    def stop(self) -> None:
        self._end = perf_counter()

    def held(self) -> bool:
        return True

    def elapsed_s(self) -> float:
        return self._end - self._begin
