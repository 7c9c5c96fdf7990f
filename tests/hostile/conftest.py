"""The command run in this process, on files that somebody else made."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from groupcalc.cli import run


class Result(NamedTuple):
    """What a command did, in bytes as a terminal or a pipe gets them."""

    code: int
    out: bytes
    err: bytes

    @property
    def refusal(self) -> str:
        """The one line that a refused input is answered with."""
        assert self.code == 2
        assert self.out == b""
        line = self.err.decode().removesuffix("\n")
        assert line.isprintable()
        return line


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("GROUPCALC_", "COLUMNS", "NO_COLOR", "FORCE_COLOR"))]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def groupcalc(here: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Result]:
    """Run a command line in an empty directory."""

    def call(*words: str) -> Result:
        code = run(list(words))
        return Result(code, *capsysbinary.readouterr())

    return call
