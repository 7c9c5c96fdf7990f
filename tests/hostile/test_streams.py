"""Machines that lack something: a home, a locale, a disk with room, a reader, patience. The command ends cleanly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

LINE = "Conv2d(4, 4, 1, bias=False) @ 5x5"
COMMAND = [sys.executable, "-m", "groupcalc", "analyze"]


def run(*words: str, **environment: str | None) -> subprocess.CompletedProcess[bytes]:
    """A whole process; None takes a variable away."""
    settings = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR")}
    for name, value in environment.items():
        settings.pop(name, None)
        settings |= {} if value is None else {name: value}
    return subprocess.run([*COMMAND, *words], capture_output=True, env=settings, check=False, timeout=60)


@pytest.mark.parametrize(
    "environment",
    [
        {"LANG": "C", "LC_ALL": "C"},
        {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "POSIX", "PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "xx_XX.nonsense"},
        {"TERM": None},
        {"TERM": "nonsense"},
        {"HOME": "/nowhere", "XDG_CACHE_HOME": "/proc/nowhere"},
        {"HOME": "/dev/null"},
        {"HOME": None, "USER": None, "XDG_CACHE_HOME": None},
        {"TMPDIR": "/nowhere"},
        {"PATH": "/nowhere"},
    ],
    ids=str,
)
def test_a_bare_machine_will_do(tmp_path: Path, environment: dict[str, str | None]) -> None:
    plain, bare = run(LINE, "--json"), run(LINE, "--json", **environment)
    assert (bare.returncode, bare.stderr) == (0, b"")
    assert bare.stdout == plain.stdout
    table = run(LINE, **environment)
    assert (table.returncode, table.stderr) == (0, b"")
    assert b"400" in table.stdout  # 4·4·25 MACs, in whatever letters


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "utf-16"])
def test_errors_come_out_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    found = run("é→\u202e.toml", PYTHONIOENCODING=encoding)
    assert found.returncode == 2
    assert b"Traceback" not in found.stderr
    assert found.stderr.decode(encoding).count("\n") == 1


@pytest.mark.parametrize("words", [[], ["--json"], ["-o", "csv"], ["-o", "markdown"], ["-o", "html"]], ids=str)
@pytest.mark.parametrize("descriptor", [1, 2])
def test_a_full_disk_is_one_line(words: list[str], descriptor: int) -> None:
    with Path("/dev/full").open("wb") as full:
        streams: dict[str, int | IO[bytes]] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        streams["stdout" if descriptor == 1 else "stderr"] = full
        found = subprocess.run([*COMMAND, LINE, "none.toml", *words], check=False, timeout=60, **streams)  # type: ignore[call-overload]
    assert found.returncode == 2
    said = found.stderr if descriptor == 1 else found.stdout
    assert b"Traceback" not in said
    if descriptor == 1:
        assert b"standard output: cannot be written: No space left on device\n" in said


def test_ctrl_c_while_a_pipe_is_read_is_130_and_silent() -> None:
    """The command waits for its model, as on a terminal; the reader changes his mind."""
    ignored = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has its background jobs ignore it
    child = subprocess.Popen(
        [*COMMAND, "-", "-v"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ
    )
    signal.signal(signal.SIGINT, ignored)
    assert child.stdin is not None
    child.stdin.write(b"\x08\x08" * 2**16)  # more than a pipe holds: it returns once the command has begun to read
    child.stdin.write(b"\x08\x08" * 2**16)
    child.stdin.flush()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out, err) == (130, b"", b"")


@pytest.mark.parametrize("output", ["table", "json", "csv", "markdown", "html"])
def test_a_reader_that_leaves_ends_it_quietly(output: str) -> None:
    """It leaves before the first byte; the result is larger than a pipe holds."""
    lines = [f"layer{place} = {LINE}" for place in range(2000)]
    child = subprocess.Popen(
        [*COMMAND, *lines, "-o", output, "--top", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ
    )
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()
    assert child.stderr.read() == b""
    assert child.wait(timeout=60) == 0
    child.stderr.close()
