"""Engines: a process each, stopped while idle, gone when they are closed, and one line when they fail."""

from __future__ import annotations

import os
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from groupcalc.bench.backends import Backend
from groupcalc.bench.engine import Engine
from groupcalc.bench.result import Case
from groupcalc.errors import EngineError

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def pid_of(kernel: str) -> int:
    return int(kernel.removeprefix("pid "))


def state_of(pid: int) -> str:
    """R, S, T (stopped), Z; "" when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""


def test_an_engine_prepares_answers_and_measures(backend: Backend, case: Case) -> None:
    with Engine(backend, "works") as engine:
        prepared = engine.prepare(case)
        assert pid_of(prepared.kernel) != os.getpid()
        assert engine.output().tolist() == [[3, 3]]  # called once, of seed 3
        assert engine.calibrate() > 1
        assert all(sample > 0 for sample in engine.burst())


@linux
def test_an_idle_engine_is_stopped_and_a_closed_one_is_gone(backend: Backend, case: Case) -> None:
    with Engine(backend, "works") as engine:
        pid = pid_of(engine.prepare(case).kernel)
        assert state_of(pid) == "T"
        engine.calibrate()
        engine.burst()
        assert state_of(pid) == "T"
    assert state_of(pid) == ""


@linux
def test_ctrl_c_in_the_middle_of_an_answer_ends_the_engine(
    backend: Backend, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    with Engine(backend, "works") as engine:
        pid = pid_of(engine.prepare(case).kernel)
        with monkeypatch.context() as patch:
            patch.setattr(Connection, "poll", interrupted)
            with pytest.raises(KeyboardInterrupt):
                engine.burst()
        assert state_of(pid) == ""
        assert pid_of(engine.prepare(case).kernel) != pid


def test_a_refusal_is_one_line_and_the_engine_goes_on(backend: Backend, case: Case) -> None:
    with Engine(backend, "refuses") as engine:
        for _ in range(2):
            with pytest.raises(EngineError) as caught:
                engine.prepare(case)
            assert str(caught.value) == "fake refuses: not this layer"


@pytest.mark.parametrize(
    ("variant", "reason"), [("crashes", "its process was killed by SIGSEGV"), ("exits", "its process ended with 3")]
)
def test_a_crash_is_one_line_and_the_next_case_has_a_new_process(
    backend: Backend, case: Case, variant: str, reason: str
) -> None:
    with Engine(backend, variant) as engine:
        for _ in range(2):
            with pytest.raises(EngineError) as caught:
                engine.prepare(case)
            assert str(caught.value) == f"fake {variant}: {reason}"


def test_a_crash_while_it_is_measured_is_one_line(backend: Backend, case: Case) -> None:
    with Engine(backend, "crashes later") as engine:
        engine.prepare(case)
        with pytest.raises(EngineError, match=r"^fake crashes later: its process was killed by SIGSEGV$"):
            engine.calibrate()


def test_an_engine_that_hangs_is_ended(backend: Backend, case: Case) -> None:
    with (
        Engine(backend, "hangs", patience_s=0.01) as engine,
        pytest.raises(EngineError, match=r"^fake hangs: no answer within 0.01 s, its process was ended$"),
    ):
        engine.prepare(case)


@linux
def test_no_stopped_engine_outlives_a_parent_that_is_killed(backend: Backend, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, signal, sys\n"
        "sys.path.insert(0, os.path.dirname(__file__))\n"
        "from fake_backend import prepare\n"
        "from groupcalc.bench.backends import Backend\n"
        "from groupcalc.bench.engine import Engine\n"
        "from groupcalc.bench.result import Case\n"
        "from groupcalc.conv import conv\n"
        "if __name__ == '__main__':\n"
        "    backend = Backend(name='fake', library='numpy', extra='', variants=('',), prepare=prepare)\n"
        "    case = Case(name='a', conv=conv(1, 1, 1, (1, 1)), threads=1)\n"
        "    print(Engine(backend, 'works').prepare(case).kernel, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    # The engine holds this pipe too: it is read to its end only when both have ended.
    done = subprocess.run([sys.executable, script], stdout=subprocess.PIPE, encoding="utf-8", timeout=60, check=False)
    assert done.returncode == -9
    assert state_of(pid_of(done.stdout.strip())) in ("", "Z")  # perhaps not yet reaped by its new parent
