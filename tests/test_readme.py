"""The README shows what the commands print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from groupcalc.cli import run

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"```console(?P<varies> varies)?\n\$ groupcalc (?P<words>.*)\n(?P<output>(?:.*\n)*?)```")
COLUMNS = "100"
"""The width at which the README's outputs were taken."""

FOUND = list(BLOCK.finditer((ROOT / "README.md").read_text("utf-8")))
BLOCKS = [(match["words"], match["output"]) for match in FOUND if not match["varies"]]
VARYING = [(match["words"], match["output"]) for match in FOUND if match["varies"]]
"""Measured times differ from run to run: of those only rows and heads are compared."""

QUICK = ["--runs", "1", "--warmup", "0", "--min-time", "0", "--peak", "235GFLOP/s", "--bandwidth", "34GB/s"]


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


@pytest.mark.parametrize(("words", "output"), VARYING, ids=[words for words, _ in VARYING])
def test_a_measured_output_has_the_rows_and_figures_that_its_command_prints(
    words: str, output: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", COLUMNS)
    assert run([*shlex.split(words), *QUICK]) == 0
    (heads, rows), (shown_heads, shown_rows) = frame(capfd.readouterr().out), frame(output)
    assert rows == shown_rows
    assert {"measured", "ideal", "realised", "efficiency"} <= heads & shown_heads


def frame(output: str) -> tuple[set[str], list[str]]:
    """The heads of the table, and the group counts that its rows begin with."""
    lines = output.splitlines()
    rule = next(index for index, line in enumerate(lines) if line.startswith(" ─"))
    rows = [line.split()[0] for line in lines[rule + 1 :] if line.startswith(" ")]
    return set(lines[rule - 1].split()), [word for word in rows if word.isdecimal()]
