"""What other people's CI reads of this repository, and what ours runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from groupcalc.cli import run

ROOT = Path(__file__).parent.parent


def test_the_examples_keep_to_their_budgets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    for name in ("GITHUB_ACTIONS", "GROUPCALC_BASE", "GROUPCALC_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    [line] = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("groupcalc check")]
    assert run(line.split()[1:]) == 0
    found = re.fullmatch(r"3 models, (\d+) of (\d+) budgets hold\n", capsys.readouterr().out)
    assert found
    assert found[1] == found[2]


def test_the_hook_for_pre_commit_is_one_that_it_takes() -> None:
    clientlib = pytest.importorskip("pre_commit.clientlib")
    [hook] = clientlib.load_manifest(str(ROOT / ".pre-commit-hooks.yaml"))
    assert (hook["id"], hook["entry"], hook["language"]) == ("groupcalc", "groupcalc check", "python")
    pattern = re.compile(hook["files"])
    assert pattern.search("models/net.onnx")
    assert not pattern.search("models/net.onnx.md")
