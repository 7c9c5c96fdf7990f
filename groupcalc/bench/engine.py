"""An engine: a backend's variant in a process of its own, stopped while another one is timed."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import TracebackType
from typing import TYPE_CHECKING, Any

from groupcalc.bench.backends import Backend
from groupcalc.bench.result import Case
from groupcalc.bench.worker import Prepared, serve
from groupcalc.errors import EngineError
from groupcalc.units import show_name

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from groupcalc.bench.operands import Floats

PATIENCE_S = 120.0
"""How long an engine may take over one answer: a kernel compiles in two seconds, a slow layer runs for one."""

GRACE_S = 5.0


class Engine:
    """One backend in one variant. A context: its process has ended when the context has.

    The process is started by the first case, and anew by the first case after it died. It is spawned, not forked:
    OpenMP does not survive a fork, and the libraries must not share a process with one another's threads.
    Every method raises EngineError, one line that begins with the engine's name.
    """

    def __init__(self, backend: Backend, variant: str, patience_s: float = PATIENCE_S) -> None:
        self.backend = backend
        self.variant = variant
        self.name = f"{backend.name} {variant}".rstrip()
        self._patience_s = patience_s
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether it has a process, which holds what was prepared."""
        return self._process is not None

    def lacks(self) -> str:
        """What keeps the installed library from being measured, with a way out; "" when nothing does."""
        if self._process is None:
            self._start()
        found: str = self._ask("lacks")
        return found

    def prepare(self, case: Case, keep: bool = False) -> Prepared:
        """Make the case ready to be called, and call it once; `keep` those before it ready as well."""
        if self._process is None:
            self._start()
        found: Prepared = self._ask("prepare", case, keep)
        return found

    def output(self, number: int = -1) -> Floats:
        """y[batch, out_channels, *out_size] of the latest call of a case, by its number among those kept."""
        found: Floats = self._ask("output", number)
        return found

    def calibrate(self, number: int = -1) -> int:
        """Choose how many calls make a sample that is long enough, and tell."""
        found: int = self._ask("calibrate", number)
        return found

    def burst(self, number: int = -1) -> list[float]:
        """One turn of samples: seconds of a call each."""
        found: list[float] = self._ask("burst", number)
        return found

    def close(self) -> None:
        """End the process, whatever state it is in."""
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.kill()  # SIGKILL ends a stopped process too
            self._process.join(GRACE_S)
        self._process = self._pipe = None

    def _start(self) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=serve, args=(theirs, self.backend, self.variant), name=self.name, daemon=True
        )
        try:
            self._process.start()
        except OSError as error:
            self._process = None
            raise EngineError(f"its process cannot be started: {error.strerror}", "", self.name) from error
        finally:
            theirs.close()  # else its end would never be seen

    def _ask(self, *question: Any) -> Any:
        """Wake the process, ask, wait for the answer, and stop it again."""
        assert self._pipe is not None  # prepare comes first
        try:
            self._signal("SIGCONT")
            self._pipe.send(question)
            if not self._pipe.poll(self._patience_s):
                self.close()
                raise EngineError(f"no answer within {self._patience_s:g} s, its process was ended", "", self.name)
            verdict, answer = self._pipe.recv()
        except (EOFError, ConnectionError) as error:
            raise self._dead() from error
        except BaseException:  # Ctrl-C, an answer that cannot be read: what comes over the pipe next is no answer
            self.close()
            raise
        self._stop()
        if verdict == "error":
            raise EngineError(show_name(answer), "", self.name)
        return answer

    def _dead(self) -> EngineError:
        process = self._process
        assert process is not None
        process.join(GRACE_S)
        code = process.exitcode
        how = f"was killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"ended with {code}"
        self.close()
        return EngineError(f"its process {how}", "", self.name)

    def _stop(self) -> None:
        """Stop the process and wait until it is; where a system has no such signal, it stays idle."""
        self._signal("SIGSTOP")
        if hasattr(signal, "SIGSTOP") and hasattr(os, "waitid") and self._process is not None:
            assert self._process.pid is not None
            with suppress(ChildProcessError):  # it died, and multiprocessing has noticed already
                os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def _signal(self, name: str) -> None:
        number = getattr(signal, name, None)
        if number is not None and self._process is not None and self._process.is_alive():
            assert self._process.pid is not None
            os.kill(self._process.pid, number)
