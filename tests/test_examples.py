"""The examples: every command of their README runs, and the networks among them are those that are built by name."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from groupcalc.cli import run
from groupcalc.costs.cost import Cost
from groupcalc.costs.model import cost
from groupcalc.sources import load
from groupcalc.sources.archs.grammar import load_arch
from groupcalc.sources.given import Given
from groupcalc.sources.targets import expand

ROOT = Path(__file__).parent.parent
COMMANDS = re.findall(r"^groupcalc .*$", (ROOT / "examples" / "README.md").read_text("utf-8"), re.MULTILINE)


def totals(path: str, **dims: int) -> Cost:
    (target,), _ = expand([str(ROOT / "examples" / path)])
    return cost(load(target, Given(dims=dims))).totals


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_readme_runs(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    assert run(shlex.split(command)[1:]) == 0
    out, err = capfd.readouterr()
    assert out or err.count("\n") == 1


def test_every_file_is_named_in_the_readme() -> None:
    text = (ROOT / "examples" / "README.md").read_text("utf-8")
    assert all(f"`{path.name}`" in text for path in (ROOT / "examples").iterdir() if path.name != "README.md")


def test_resnext_by_name_is_resnext_as_pytorch_exports_it() -> None:
    """In every figure: params, buffers, MACs, FLOPs, bytes, dense equivalents."""
    named, exported = cost(load_arch("arch:resnext50")).totals, totals("resnext50_32x4d.onnx")
    assert named == exported


def test_mobilenet_v2_by_name_has_the_macs_of_pytorchs_export() -> None:
    named, exported = cost(load_arch("arch:mobilenet_v2")).totals, totals("mobilenet_v2.onnx", batch=1)
    assert named.macs == exported.macs == 300_774_272
    # BatchNorm is folded in the export: of two params a channel, and two statistics, one bias is left.
    assert named.params - exported.params == named.buffers // 2
