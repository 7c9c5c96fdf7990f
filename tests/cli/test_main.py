"""The entry point: help, version, mistakes in one line, and the exit status."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import groupcalc as package
from groupcalc import cli
from groupcalc.cli.analyze import EXAMPLES


def test_alone_it_prints_its_help(groupcalc: Callable[..., Any]) -> None:
    alone = groupcalc()
    assert alone.code == 0
    assert alone.err == ""
    assert alone.out == groupcalc("--help").out
    assert "analyze" in alone.out


def test_version_is_that_of_the_package(groupcalc: Callable[..., Any]) -> None:
    assert groupcalc("--version") == (0, f"groupcalc {package.__version__}\n", "")


COMMANDS = [[command, "--help"] for command in ("check", "diff", "explain", "export", "init", "schema")]


@pytest.mark.parametrize("columns", [None, "80", "200"])
@pytest.mark.parametrize("words", [["--help"], ["-h"], ["analyze", "--help"], ["analyze", "-h"], *COMMANDS])
def test_help_is_plain_text_that_fits_80_columns(
    groupcalc: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, words: list[str], columns: str | None
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    code, out, err = groupcalc(*words)
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    assert out.isascii()
    assert "\x1b" not in out


@pytest.mark.parametrize(
    "flag",
    [
        "--output", "--json", "--shape", "--dim", "--groups", "--layer", "--op", "--sort", "--top", "--by", "--columns",
        "--raw", "--strict", "--config", "--color", "--progress", "--jobs", "--quiet", "--verbose", "--help",
    ],
)  # fmt: skip
def test_help_of_analyze_has_every_flag(groupcalc: Callable[..., Any], flag: str) -> None:
    assert f"{flag} " in groupcalc("analyze", "--help").out


EXAMPLE_COMMANDS = [line.strip() for line in EXAMPLES.splitlines() if line.startswith("  groupcalc ")]


@pytest.mark.parametrize("command", EXAMPLE_COMMANDS)
def test_the_examples_of_the_help_run(groupcalc: Callable[..., Any], conv: Callable[..., str], command: str) -> None:
    Path("models/old").mkdir(parents=True)
    for path in ("model.onnx", "models/a.onnx", "models/old/b.onnx"):
        conv(path, batch="batch" if "--dim batch=" in command else 1)
    program, *words = shlex.split(command)
    assert program == "groupcalc"
    result = groupcalc(*words)
    assert (result.code, result.err) == (0, "")
    assert result.out


def test_there_are_examples() -> None:
    assert len(EXAMPLE_COMMANDS) >= 4


MISTAKES = [
    ("analyz", "groupcalc: there is no command 'analyz' (did you mean 'analyze'?)"),
    ("frobnicate", "groupcalc: there is no command 'frobnicate' (use analyze, "),
    ("model.onnx", "groupcalc: there is no command 'model.onnx' (write groupcalc analyze model.onnx)"),
    (
        "'Conv2d(1, 1, 1) @ 4x4'",
        "groupcalc: there is no command 'Conv2d(1, 1, 1) @ 4x4' (write groupcalc analyze 'Conv2d(1, 1, 1) @ 4x4')",
    ),
    ("--bogus", "--bogus: there is no such option (groupcalc --help lists them)"),
    ("--raw analyze x", "--raw: there is no such option (write it after the command: groupcalc analyze --raw)"),
    ("analyze", "groupcalc analyze: there is no INPUT"),
    ("analyze --raw", "groupcalc analyze: there is no INPUT"),
    ("analyze --tpo 3 x", "--tpo: there is no such option (did you mean '--top'?)"),
    ("analyze --frobnicate x", "--frobnicate: there is no such option (groupcalc analyze --help lists them)"),
    ("analyze -Z x", "-Z: there is no such option (groupcalc analyze --help lists them)"),
    ("analyze x --top", "--top: requires an argument (--help tells how)"),
    ("analyze x --json=1", "--json: does not take a value (--help tells how)"),
    ("analyze x --top many", "--top: 'many' is not a whole number from 0 up (write 20, or 0 for all)"),
    ("analyze x --top -1", "--top: '-1' is not a whole number from 0 up (write 20, or 0 for all)"),
    ("analyze x --top 1e3", "--top: '1e3' is not a whole number from 0 up (write 20, or 0 for all)"),
    ("analyze x --top 99999999999999999999", "--top: '99999999999999999999' is not a whole number from 0 up"),
    ("analyze x -j two", "--jobs: 'two' is not a whole number from 0 up (write 4, or 0 for one a CPU)"),
    ("analyze x --by Layer", "--by: 'Layer' is none of its values (did you mean 'layer'?)"),
    ("analyze x --by colour", "--by: 'colour' is none of its values (use layer, op, model)"),
    ("analyze x --color red", "--color: 'red' is none of its values (use auto, always, never)"),
    ("analyze x -o jsn", "--output: 'jsn' is no format of this command (did you mean 'json'?)"),
    ("analyze x -o xml", "--output: 'xml' is no format of this command (use table, json, csv, markdown, html)"),
    ("analyze x -o :y", "--output: '' is no format of this command"),
    ("analyze x -o json -o csv", "--output: two results on standard output (give one a path: csv:PATH)"),
    ("analyze x --json -o table", "--output: two results on standard output (give one a path: json:PATH)"),
    ("analyze x --groups 0", "--groups: '0' is not a group count (write 1,2,4,32)"),
    ("analyze x --groups 1,,2", "--groups: '' is not a group count (write 1,2,4,32)"),
    ("analyze x --groups 2.5", "--groups: '2.5' is not a group count (write 1,2,4,32)"),
    ("analyze x --shape big", "--shape: 'big' is not a shape (write x=1x3x224x224)"),
    ("analyze x --dim 1", "--dim: '1' is not a dimension (write batch=1)"),
    ("analyze x --dim n=1,n=2", "--dim: 'n' is given twice, with different values (give it once)"),
    ("analyze ''", "INPUT: is empty"),
    ("analyze '!x'", "INPUT: none is left"),
    ("analyze nofile", "nofile: no such file (check the path, or quote a layer line)"),
    ("analyze '*.onnx'", "*.onnx: matches no model"),
    ("analyze .", ".: holds no .onnx file (name a directory of models, or a file)"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "message"), MISTAKES)
def test_a_mistake_is_one_line_and_exit_2(groupcalc: Callable[..., Any], command: str, message: str) -> None:
    code, out, err = groupcalc(*shlex.split(command))
    assert (code, out) == (2, "")
    assert err.startswith(message)
    assert err.count("\n") == 1
    assert err.endswith("\n")


@pytest.mark.parametrize("command", ["{}", "analyze {}", "analyze --{}", "analyze --by {} x", "analyze -o {} x"])
def test_what_was_typed_cannot_steer_the_terminal(groupcalc: Callable[..., Any], command: str) -> None:
    hostile = "a\n\x1b[31m\x9bb\u202e"
    code, out, err = groupcalc(*(word.format(hostile) for word in command.split()))
    assert (code, out) == (2, "")
    assert err.removesuffix("\n").isprintable()


def test_a_file_that_looks_like_an_option_is_told_how_to_be_named(
    groupcalc: Callable[..., Any], conv: Callable[..., str]
) -> None:
    conv("-x.onnx")
    assert groupcalc("analyze", "-x.onnx").err == "-x: there is no such option (for the file write ./-x.onnx)\n"
    assert groupcalc("analyze", "./-x.onnx").code == 0
    assert groupcalc("analyze", "--", "-x.onnx").code == 0


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("GROUPCALC_JOBS", "two", "'two' is not a whole number from 0 up (write 4, or 0 for one a CPU)"),
        ("GROUPCALC_COLOR", "never!", "'never!' is none of its values (did you mean 'never'?)"),
        ("GROUPCALC_PROGRESS", "perhaps", "'perhaps' is neither true nor false (write 1 or 0)"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    groupcalc: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, net: str, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    assert groupcalc("analyze", net) == (2, "", f"{name}: {message}\n")
    monkeypatch.setenv(name, "")
    assert groupcalc("analyze", net).code == 0


def test_a_flag_beats_the_environment(groupcalc: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, net: str) -> None:
    monkeypatch.setenv("GROUPCALC_COLOR", "always")
    assert "\x1b[" in groupcalc("analyze", net).out
    assert "\x1b[" not in groupcalc("analyze", net, "--color", "never").out


def _raise(error: BaseException) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


ANALYZE = sys.modules["groupcalc.cli.analyze"]
"""The module; the package has the function under that name."""


@pytest.mark.parametrize(("place", "name"), [(sys.modules["groupcalc.cli.pricing"], "price"), (ANALYZE, "analysis")])
def test_ctrl_c_is_130(
    groupcalc: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, net: str, place: Any, name: str
) -> None:
    monkeypatch.setattr(place, name, _raise(KeyboardInterrupt()))
    assert groupcalc("analyze", net) == (130, "", "")


def test_an_error_of_ours_is_2_and_never_1(
    groupcalc: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, net: str
) -> None:
    monkeypatch.setattr(ANALYZE, "analysis", _raise(ZeroDivisionError("two\nlines")))
    line = "internal error: ZeroDivisionError: two\\nlines (please report it with the command)\n"
    assert groupcalc("analyze", net) == (2, "", line)
    verbose = groupcalc("analyze", net, "-v")
    assert line in verbose.err
    assert "Traceback" in verbose.err


def test_typer_leaving_because_nobody_reads_is_no_broken_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_app", _raise(SystemExit(1)))
    assert cli.run(["--help"]) == 0


def test_the_script_reads_the_command_line_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["groupcalc", "--version"])
    monkeypatch.setattr("gc.disable", lambda: None)
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 0
    module = subprocess.run(
        [sys.executable, "-m", "groupcalc", "--version"], capture_output=True, text=True, check=True
    )
    assert capsys.readouterr().out == module.stdout == f"groupcalc {package.__version__}\n"


def test_completion_knows_commands_flags_and_values() -> None:
    def complete(words: str) -> str:
        environment = {
            **os.environ,
            "_GROUPCALC_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(words.count(" ")),
        }
        command = [sys.executable, "-m", "groupcalc"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout

    assert complete("groupcalc ana").split() == ["analyze"]
    assert complete("groupcalc analyze --by m").split() == ["model"]
