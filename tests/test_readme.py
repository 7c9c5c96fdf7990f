"""The README shows what the commands print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from groupcalc.cli import run

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"```console\n\$ groupcalc (?P<words>.*)\n(?P<output>(?:.*\n)*?)```")
COLUMNS = "100"
"""The width at which the README's outputs were taken."""

BLOCKS = [(match["words"], match["output"]) for match in BLOCK.finditer((ROOT / "README.md").read_text("utf-8"))]


def test_the_readme_has_an_output_for_each_main_use() -> None:
    assert len(BLOCKS) >= 2


@pytest.mark.parametrize(("words", "output"), BLOCKS, ids=[words for words, _ in BLOCKS])
def test_every_output_in_the_readme_is_what_its_command_prints(
    words: str, output: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", COLUMNS)
    assert run(shlex.split(words)) == (1 if output.startswith("FAIL") else 0)
    assert capfd.readouterr().out == output
