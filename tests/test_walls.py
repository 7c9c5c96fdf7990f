"""Which libraries a command loads: a start is fast because it waits for nothing that it does not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from groupcalc.cli import COMMANDS
from groupcalc.report.render import FORMATS

LINE = "Conv2d(64, 128, 3, padding=1, groups=32) @ 56x56"

PROBE = """
import sys
from groupcalc.cli import run
status = run(sys.argv[1:])
print("loaded:", *sys.modules, file=sys.stderr)
sys.exit(status)
"""

HEAVY = {"onnx", "numpy", "numba", "torch", "onnxruntime"}


def loaded(*words: str | Path) -> list[str]:
    """The heavy libraries that a fresh interpreter has loaded at the end of a command."""
    return sorted(HEAVY & modules(*words))


def modules(*words: str | Path) -> set[str]:
    """All that a fresh interpreter has loaded at the end of a command."""
    command = [sys.executable, "-c", PROBE, *map(str, words)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    assert done.stdout
    [line] = done.stderr.splitlines()
    return set(line.split()[1:])


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["analyze", "--help"],
        ["bench", "--help"],
        ["analyze", "arch:resnext50", "--groups", "8", "--match", "params"],
        ["analyze", LINE, "--groups", "1,2", "-o", "html", "-o", "csv:/dev/null", "-o", "json:/dev/null"],
    ],
    ids=["help", "version", "help-of-analyze", "help-of-bench", "architecture", "layer-line"],
)
def test_what_needs_no_library_loads_none(words: list[str]) -> None:
    assert loaded(*words) == []


def test_a_layer_file_loads_no_library(tmp_path: Path) -> None:
    net = tmp_path / "net.toml"
    net.write_text(f"schema = 1\nlayers = ['{LINE}']\n")
    assert loaded("analyze", net) == []


def test_check_and_diff_of_layer_files_load_no_library(tmp_path: Path) -> None:
    net = tmp_path / "net.txt"
    net.write_text(f"{LINE}\n")
    assert loaded("check", net, "--base", net, "--budget", "macs <= +0%", "-o", "sarif", "-o", "junit:/dev/null") == []
    assert loaded("diff", net, net) == []
    assert loaded("schema", "layers") == []


def test_analyze_loads_no_other_command_no_other_format_and_nothing_that_was_not_asked() -> None:
    found = modules("analyze", LINE)
    assert [name for name in COMMANDS if f"groupcalc.cli.{name}" in found] == ["analyze"]
    assert [name for name in FORMATS if f"groupcalc.report.render.{name}" in found] == ["table"]
    assert not {"groupcalc.budget", "groupcalc.whatif", "groupcalc.bench"} & found


def test_a_saved_result_loads_no_library(tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    loaded("analyze", LINE, "-o", f"json:{saved}", "-o", "table")
    assert loaded("analyze", saved) == []


def test_an_onnx_file_loads_onnx_and_the_numpy_that_it_needs() -> None:
    model = Path(__file__).parents[1] / "examples" / "resnext50_32x4d.onnx"
    assert loaded("analyze", model) == ["numpy", "onnx"]
