"""groupcalc explain: an operator, the table of all, and the index."""

from __future__ import annotations

import csv
import io
import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from groupcalc.cli.explain import EXAMPLES
from groupcalc.costs.rules import RULES, WITHOUT

Run = Callable[..., Any]


def test_an_operator_is_explained_by_its_rule_and_source(groupcalc: Run) -> None:
    code, out, err = groupcalc("explain", "Conv")
    assert (code, err) == (0, "")
    assert "Conv  Inner products · ONNX Conv-22" in out
    assert "|y| · c/g · |k| MACs" in out
    assert "FLOPs = 2 × MACs" in out


def test_what_its_inputs_count_as_is_said(groupcalc: Run) -> None:
    assert "Each of inputs 3, 4 is stored and not learned: buffers." in groupcalc("explain", "BatchNormalization").out
    assert "Input 1 steers it and is neither params nor traffic." in groupcalc("explain", "Gather").out
    assert "it has no row and no traffic" in groupcalc("explain", "Reshape").out


def test_an_operator_that_cannot_be_counted_says_why(groupcalc: Run) -> None:
    assert WITHOUT["ImageDecoder"] in groupcalc("explain", "ImageDecoder").out


def test_alone_it_is_an_index_of_ten_lines(groupcalc: Run) -> None:
    code, out, err = groupcalc("explain")
    assert (code, err) == (0, "")
    assert len(out.splitlines()) <= 10
    assert "groupcalc explain --list" in out
    assert f"{len(RULES) + len(WITHOUT)} operators" in out


def test_the_list_has_every_operator(groupcalc: Run) -> None:
    lines = groupcalc("explain", "--list").lines
    first = {line.split()[0] for line in lines if line.startswith(" ") and line.strip()}
    assert RULES.keys() | WITHOUT.keys() <= first


def test_on_a_terminal_the_list_keeps_to_its_width_and_to_whole_names(
    groupcalc: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    lines = groupcalc("explain", "--list").lines
    assert max(map(len, lines)) <= 100
    assert any(line.startswith(" com.microsoft::SkipSimplifiedLayerNormalization ") for line in lines)


def test_machines_get_every_operator_whole(groupcalc: Run) -> None:
    data = json.loads(groupcalc("explain", "--list", "-o", "json").out)
    rows = list(csv.DictReader(io.StringIO(groupcalc("explain", "--list", "-o", "csv").out)))
    assert {each["op"] for each in data["operators"]} == {row["op"] for row in rows} == RULES.keys() | WITHOUT.keys()
    assert all(row["formula"] and row["source"] and row["family"] for row in rows)


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown", "html"])
@pytest.mark.parametrize("words", [[], ["--list"], ["Conv"]])
def test_every_format_writes_every_answer(groupcalc: Run, words: list[str], form: str) -> None:
    code, out, err = groupcalc("explain", *words, "-o", form)
    assert (code, err) == (0, "")
    assert "Conv" in out
    assert "<thead><tr></tr>" not in out
    assert "|  |" not in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["LSTN"], "groupcalc explain: there is nothing named 'LSTN' (did you mean 'LSTM'?)\n"),
        (["Conv", "--list"], "groupcalc explain: something to explain and --list at once (leave one of them out)\n"),
        (["-o", "svg"], "--output: 'svg' is no format of this command (did you mean 'csv'?)\n"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(groupcalc: Run, words: list[str], message: str) -> None:
    assert groupcalc("explain", *words) == (2, "", message)


@pytest.mark.parametrize("line", [line.strip() for line in EXAMPLES.splitlines() if line.startswith("  groupcalc ")])
def test_every_example_of_the_help_runs(groupcalc: Run, line: str) -> None:
    code, _, err = groupcalc(*shlex.split(line)[1:])
    assert (code, err) == (0, "")


def test_it_loads_neither_onnx_nor_numpy() -> None:
    code = "from groupcalc.cli import run; import sys; run(['explain', '--list']); sys.exit('onnx' in sys.modules or 'numpy' in sys.modules)"  # noqa: E501
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0
