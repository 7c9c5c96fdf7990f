"""The fixture, as somebody else's test suite meets it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import sys

def test_nothing_is_imported_until_it_is_called(groupcalc):
    assert {name for name in sys.modules if name.split(".")[0] in ("groupcalc", "onnx", "typer")} <= {
        "groupcalc", "groupcalc.pytest_plugin"
    }

def test_kept(groupcalc):
    model = groupcalc("net.txt").check("macs <= 15M", "net.txt: params == 4608")
    assert model.totals.macs == 128 * 4 * 9 * 56 * 56
    model.check("macs <= +0%", base=model).check("macs <= +0%", base="net.txt")

def test_broken(groupcalc):
    groupcalc("net.txt").check("macs <= 15M", "macs <= 14M")

def test_no_base(groupcalc):
    groupcalc("net.txt").check("macs <= +2%")

def test_malformed(groupcalc):
    groupcalc("net.txt").check("mac <= 1")

def test_no_file(groupcalc):
    groupcalc("none.onnx")

def test_no_budget(groupcalc):
    groupcalc("net.txt").check()
"""


@pytest.fixture
def suite(tmp_path: Path) -> str:
    """What pytest prints of those tests, run by itself."""
    (tmp_path / "net.txt").write_text("Conv2d(128, 128, 3, padding=1, groups=32, bias=False) @ 56x56\n")
    (tmp_path / "test_cost.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "test_cost.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    return done.stdout


def test_budgets_are_assertions(suite: str) -> None:
    outcomes = {
        line.split("::")[1].split()[0]: line.split()[0] for line in suite.splitlines() if "test_cost.py::" in line
    }
    assert outcomes == {
        "test_nothing_is_imported_until_it_is_called": "PASSED",
        "test_kept": "PASSED",
        "test_broken": "FAILED",
        "test_no_base": "FAILED",
        "test_malformed": "FAILED",
        "test_no_file": "FAILED",
        "test_no_budget": "FAILED",
    }
    for said in (
        "net.txt: macs <= 14M: 14.45 MMACs, 450.7 kMACs over",
        "net.txt: macs <= +2%: 14.45 MMACs, there is no base: add --base FILE, DIR or git:REV (GC002)",
        "'mac <= 1': there is no metric 'mac' (did you mean 'macs'?)",
        "none.onnx: no such file",
        "there is no budget: write check('macs <= 4.1G')",
    ):
        assert said in suite


def test_the_plugin_imports_nothing_of_ours_by_itself() -> None:
    code = "import sys, pytest, groupcalc.pytest_plugin; print(*[n for n in sys.modules if n.startswith('groupcalc')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.split() == ["groupcalc", "groupcalc.pytest_plugin"]
