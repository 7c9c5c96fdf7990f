"""What runs inside an engine's process: it answers one question after the other over a pipe."""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from groupcalc.bench.backends import Backend, Ready
from groupcalc.bench.launches import launch_burst, launches_for
from groupcalc.bench.machine import caches
from groupcalc.bench.result import Case
from groupcalc.bench.timing import Call, burst, cold_burst, loops_for

PR_SET_PDEATHSIG = 1

LARGE_CACHE = 2**24
"""Bytes: where the system does not tell what its caches hold, they hold no more than twice this."""


class Prepared(NamedTuple):
    """What an engine tells of a case that it made ready.

    compile_s   seconds that took, the first call included
    number      of the case among those that the engine holds
    idle_lanes, note  see Ready
    """

    compile_s: float
    kernel: str
    idle_lanes: float | None = None
    note: str = ""
    number: int = 0


def serve(pipe: Connection, backend: Backend, variant: str) -> None:
    """Answer until the other end closes: ("ok", answer), or ("error", a line)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the one who started us ends us
    _die_with_parent()
    engine = _Engine(backend, variant)
    with suppress(EOFError, ConnectionError):
        while True:
            question, *arguments = pipe.recv()
            try:
                answer: tuple[str, Any] = ("ok", getattr(engine, question)(*arguments))
            except MemoryError:
                answer = ("error", "its operands do not fit into memory")
            except Exception as error:  # whatever a library throws, it is one line about one case
                answer = ("error", _line(error))
            pipe.send(answer)


class _Engine:
    """One backend in one variant; its methods are the questions."""

    def __init__(self, backend: Backend, variant: str) -> None:
        self.backend = backend
        self.variant = variant
        self.held: list[_Held] = []
        self.evict: Call | None = None

    def lacks(self) -> str:
        return self.backend.lacks() if self.backend.lacks else ""

    def prepare(self, case: Case, keep: bool = False) -> Prepared:
        if not keep:
            self.held.clear()  # the operands of the cases before need not stay beside these
        start = perf_counter()
        ready = self.backend.prepare(self.variant, case)
        ready.call()
        compile_s = perf_counter() - start
        if case.cold and self.evict is None:
            self.evict = evicting(case.threads)
        self.held.append(_Held(ready, cold=case.cold))
        return Prepared(compile_s, ready.kernel, ready.idle_lanes, ready.note, number=len(self.held) - 1)

    def output(self, number: int = -1) -> Any:
        return self.held[number].ready.output()

    def calibrate(self, number: int = -1) -> int:
        held = self.held[number]
        if held.ready.sampler:
            held.loops = launches_for(held.ready.sampler)
        else:
            held.loops = 1 if held.cold else loops_for(held.ready.call, perf_counter)
        return held.loops

    def burst(self, number: int = -1) -> list[float]:
        held = self.held[number]
        if held.ready.sampler:
            return launch_burst(held.ready.sampler, held.loops, perf_counter)
        if held.cold:
            assert self.evict is not None  # prepare has seen to it
            return cold_burst(held.ready.call, self.evict, perf_counter)
        return burst(held.ready.call, held.loops, perf_counter)


@dataclass(slots=True)
class _Held:
    """A prepared case, whether the caches are emptied before each call, and how many calls make a sample."""

    ready: Ready
    cold: bool
    loops: int = 1


def evicting(threads: int) -> Call:
    """What fills the caches with other bytes: each thread, for they have caches of their own, writes as many as twice
    the last cache holds."""
    numbers = 2 * max([*caches().values(), LARGE_CACHE]) // 4
    rooms = [np.zeros(numbers, np.float32) for _ in range(threads)]
    pool = ThreadPoolExecutor(threads)
    return lambda: list(pool.map(lambda room: np.add(room, 1, out=room), rooms))


def _die_with_parent() -> None:
    """Have Linux end this process with the one that started it, however that ends.

    A stopped process would not notice that its pipe is closed.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        parent = parent_process()
        if parent is None or os.getppid() != parent.pid:  # it had ended before
            sys.exit()


def _line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
