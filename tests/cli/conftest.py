"""The command run in this process, and the small models that it is run on."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import onnx
import pytest
from onnx import TensorProto, helper

from groupcalc.cli import run

LINE = "Conv2d(128, 128, 3, padding=1, groups=32, bias=False) @ 56x56"
"""4 of 128 channels are seen by each of 128 outputs, 9 taps, 56×56 places."""

MACS = 128 * 4 * 9 * 56 * 56
PARAMS = 128 * 4 * 9


class Result(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of standard output."""
        return self.out.splitlines()


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "COLUMNS",
        "NO_COLOR",
        "FORCE_COLOR",
        "TERM",
        "GROUPCALC_COLOR",
        "GROUPCALC_JOBS",
        "GROUPCALC_PROGRESS",
        "GROUPCALC_CONFIG",
        "GROUPCALC_BASE",
        "GITHUB_ACTIONS",
        "GITHUB_STEP_SUMMARY",
        "GITHUB_WORKSPACE",
        "CI_PROJECT_DIR",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def groupcalc(here: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Result]:
    """Run a command line in an empty directory."""

    def call(*words: str | Path) -> Result:
        code = run([str(word) for word in words])
        out, err = capsysbinary.readouterr()
        return Result(code, out.decode(), err.decode())

    return call


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Put bytes on standard input."""

    def put(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))

    return put


@pytest.fixture
def net(here: Path) -> str:
    """A layer file of two convolutions, the second twice as large."""
    lines = [f"small = {LINE}", f"large = {LINE.replace('groups=32', 'groups=16')}"]
    Path("net.toml").write_text(f"schema = 1\nlayers = {lines}\n")
    return "net.toml"


def save_conv(path: str | Path, batch: int | str = 1, node: str = "conv", op: str = "Conv", domain: str = "") -> str:
    """A file of one 3×3 convolution from 3 to 4 channels on 8×8, its weights absent; the path as given."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 8, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    weight = TensorProto(name="w", dims=[4, 3, 3, 3], data_type=TensorProto.FLOAT)
    graph = helper.make_graph(
        [helper.make_node(op, ["x", "w"], ["y"], name=node, domain=domain)], "g", [x], [y], [weight]
    )
    imports = [helper.make_opsetid("", 17), *([helper.make_opsetid(domain, 1)] if domain else [])]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), path)
    return str(path)


@pytest.fixture
def conv() -> Callable[..., str]:
    """Write an ONNX file; see `save_conv`."""
    return save_conv


class Repository:
    """A git repository in the current directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self("init", "--quiet", "--initial-branch=main")

    def __call__(self, *words: str) -> str:
        """What a git command prints."""
        command = ["git", "-c", "protocol.file.allow=always", *words]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, encoding="utf-8", check=True)
        return done.stdout.strip()

    def commit(self, message: str = "change") -> str:
        """Commit everything; the hash."""
        self("add", "--all")
        self("commit", "--quiet", "--allow-empty", "--message", message)
        return self("rev-parse", "HEAD")


@pytest.fixture
def repository(here: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """An empty repository, and a git that knows no other configuration."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "a@example.com")
    return Repository(here)


def save_convs(path: str | Path, *groups: int) -> str:
    """A file of one 3×3 convolution of 128 channels at 56×56 for each group count, named layer0.conv, layer1.conv …"""
    x = helper.make_tensor_value_info("x0", TensorProto.FLOAT, [1, 128, 56, 56])
    y = helper.make_tensor_value_info(f"x{len(groups)}", TensorProto.FLOAT, None)
    weights = [
        TensorProto(name=f"w{i}", dims=[128, 128 // count, 3, 3], data_type=TensorProto.FLOAT)
        for i, count in enumerate(groups)
    ]
    nodes = [
        helper.make_node("Conv", [f"x{i}", f"w{i}"], [f"x{i + 1}"], f"layer{i}.conv", group=count, pads=[1, 1, 1, 1])
        for i, count in enumerate(groups)
    ]
    graph = helper.make_graph(nodes, "g", [x], [y], weights)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return str(path)


@pytest.fixture
def convs() -> Callable[..., str]:
    """Write an ONNX file; see `save_convs`."""
    return save_convs
