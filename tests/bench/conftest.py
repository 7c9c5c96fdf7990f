"""A backend that does what its variant says, for processes of their own."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from groupcalc.bench.backends import Backend
from groupcalc.bench.result import Case
from groupcalc.conv import conv

SOURCE = """
import os
import signal

import numpy as np

from groupcalc.bench.backends import Ready


def prepare(variant, case):
    if variant == "refuses":
        raise ValueError("not this layer\\nand a second line")
    if variant == "exits":
        os._exit(3)
    if variant == "crashes":
        os.kill(os.getpid(), signal.SIGSEGV)
    if variant == "hangs":
        signal.pause()
    calls = []

    def call():
        calls.append(1)
        if variant == "crashes later" and len(calls) > 1:
            os.kill(os.getpid(), signal.SIGSEGV)

    return Ready(call=call, output=lambda: np.full((len(calls), 2), case.seed), kernel=f"pid {os.getpid()}")
"""


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    """The backend `fake`; an engine's process finds its module on the path that it inherits."""
    (tmp_path / "fake_backend.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("fake_backend")
    yield Backend(name="fake", library="numpy", extra="", variants=("works",), prepare=module.prepare)
    del sys.modules["fake_backend"]


@pytest.fixture
def case() -> Case:
    """A layer so small that a process has it at once."""
    return Case(name="family/small", conv=conv(4, 4, 3, (5, 5), padding=1, groups=2), threads=1, seed=3)
