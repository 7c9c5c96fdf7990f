"""The command run in this process, and the small models that it is run on."""

from __future__ import annotations

import io
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
