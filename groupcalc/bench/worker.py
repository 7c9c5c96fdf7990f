"""What runs inside an engine's process: it answers one question after the other over a pipe."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from time import perf_counter
from typing import Any, NamedTuple

from groupcalc.bench.backends import Backend, Ready
from groupcalc.bench.result import Case
from groupcalc.bench.timing import burst, loops_for

PR_SET_PDEATHSIG = 1


class Prepared(NamedTuple):
    """What an engine tells of a case that it made ready.

    compile_s  seconds that took, the first call included
    """

    compile_s: float
    kernel: str


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
        self.ready: Ready | None = None
        self.loops = 1

    def prepare(self, case: Case) -> Prepared:
        self.ready = None  # the operands of the case before need not stay beside these
        start = perf_counter()
        ready = self.backend.prepare(self.variant, case)
        ready.call()
        compile_s = perf_counter() - start
        self.ready = ready
        return Prepared(compile_s=compile_s, kernel=ready.kernel)

    def output(self) -> Any:
        assert self.ready is not None  # prepare comes first
        return self.ready.output()

    def calibrate(self) -> int:
        assert self.ready is not None
        self.loops = loops_for(self.ready.call, perf_counter)
        return self.loops

    def burst(self) -> list[float]:
        assert self.ready is not None
        return burst(self.ready.call, self.loops, perf_counter)


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
