"""Where results go: standard output that fails, files that appear whole or not at all."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from groupcalc.cli.output import Sink, check_writable, parse_sinks, write
from groupcalc.errors import UsageError

FORMATS = ("table", "json", "csv")


@pytest.mark.parametrize(
    ("outputs", "json", "sinks"),
    [
        ([], False, [("table", "-")]),
        ([], True, [("json", "-")]),
        (["json"], True, [("json", "-")]),
        (["json:-"], True, [("json", "-")]),
        (["csv:"], False, [("csv", "-")]),
        (["table", "json:a.json", "csv:b:c.csv"], False, [("table", "-"), ("json", "a.json"), ("csv", "b:c.csv")]),
        (["table:t"], True, [("table", "t"), ("json", "-")]),
    ],
)
def test_outputs_are_formats_with_paths(outputs: list[str], json: bool, sinks: list[tuple[str, str]]) -> None:
    expected = [Sink(format=name, path=path) for name, path in sinks]
    assert parse_sinks(outputs, json, FORMATS) == expected


@pytest.mark.parametrize("outputs", [["table", "csv"], ["json", "json"], ["csv:-", "table"]])
def test_standard_output_takes_one_result(outputs: list[str]) -> None:
    with pytest.raises(UsageError, match="two results on standard output"):
        parse_sinks(outputs, False, FORMATS)


def test_several_formats_at_once(groupcalc: Callable[..., Any], net: str) -> None:
    words = [word for path in ("json:a.json", "csv:a.csv", "markdown:a.md", "html:a.html") for word in ("-o", path)]
    code, out, err = groupcalc("analyze", net, "-o", "table", *words)
    assert (code, err) == (0, "")
    assert out.startswith("net.toml  ")
    for path, start in (("a.json", "{"), ("a.csv", "model,"), ("a.md", "### net.toml"), ("a.html", "<!DOCTYPE html>")):
        assert Path(path).read_text().startswith(start)
    assert Path("a.json").read_text() == groupcalc("analyze", net, "--json").out


def test_a_table_in_a_file_is_that_of_a_pipe(
    groupcalc: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, net: str
) -> None:
    piped = groupcalc("analyze", net).out
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert groupcalc("analyze", net, "-o", "table:t.txt").out == ""
    assert Path("t.txt").read_text() == piped


@pytest.mark.parametrize("path", ["no/such/x.html", "folder"])
def test_a_path_that_cannot_be_written_is_named_and_the_others_are_written(
    groupcalc: Callable[..., Any], net: str, path: str
) -> None:
    Path("folder").mkdir()
    code, out, err = groupcalc("analyze", net, "none.toml", "-o", f"html:{path}", "-o", "csv:ok.csv", "-o", "table")
    assert code == 2
    assert out.startswith("net.toml  ")
    assert Path("ok.csv").read_text().startswith("model,")
    missing, unwritten = err.splitlines()
    assert missing.startswith("none.toml: no such file")
    assert unwritten.startswith(f"{path}: cannot be written: ")
    assert unwritten.endswith(" (give another path)")


def test_a_new_file_has_the_usual_permissions_and_an_old_one_keeps_its_own(here: Path) -> None:
    mask = os.umask(0o027)
    try:
        write("new", "new")
    finally:
        os.umask(mask)
    assert stat.S_IMODE(Path("new").stat().st_mode) == 0o640
    Path("old").touch()
    Path("old").chmod(0o604)
    write("new", "old")
    assert stat.S_IMODE(Path("old").stat().st_mode) == 0o604


def test_a_link_stays_a_link(here: Path) -> None:
    Path("folder").mkdir()
    Path("folder/real").write_text("old")
    Path("link").symlink_to("folder/real")
    write("new", "link")
    assert Path("link").is_symlink()
    assert Path("folder/real").read_text() == "new"


@pytest.mark.parametrize("step", ["fdopen", "chmod", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    here: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    Path("result").write_text("old")

    def fail(handle: Any, *_: Any, **__: Any) -> Any:
        if step == "fdopen":
            os.close(handle)
        raise error

    monkeypatch.setattr(f"groupcalc.cli.output.os.{step}", fail)
    expected = UsageError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        write("new", "result")
    assert [path.name for path in here.iterdir()] == ["result"]
    assert Path("result").read_text() == "old"


def test_a_file_that_may_not_be_written_is_not_replaced(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("result").write_text("old")
    monkeypatch.setattr("groupcalc.cli.output.os.access", lambda *_: False)  # root may write everything
    with pytest.raises(UsageError, match="result: cannot be written: Permission denied"):
        write("new", "result")
    assert Path("result").read_text() == "old"


def test_a_long_name_is_written_like_any_other(here: Path) -> None:
    write("x", "n" * 255)
    assert [path.name for path in here.iterdir()] == ["n" * 255]


def test_a_device_is_written_to_and_not_replaced(here: Path) -> None:
    write("x", os.devnull)
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
    with pytest.raises(UsageError, match="/dev/full: cannot be written: No space left on device"):
        write("x", "/dev/full")


@pytest.mark.parametrize(
    ("terminal", "encoding", "written"),
    [
        ("ascii", None, b"\\xd7"),
        ("latin-1", None, b"\xd7"),
        ("ascii", "utf-8", "×".encode()),
        (None, None, "×".encode()),
    ],
)
def test_what_a_terminal_cannot_show_is_escaped(
    monkeypatch: pytest.MonkeyPatch, terminal: str | None, encoding: str | None, written: bytes
) -> None:
    out = SimpleNamespace(buffer=io.BytesIO(), encoding=terminal)
    monkeypatch.setattr(sys, "stdout", out)
    write("×", encoding=encoding)
    assert out.buffer.getvalue() == written


def test_json_is_utf_8_whatever_the_terminal_has(
    here: Path, net: str, conv: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = shell(f"PYTHONIOENCODING=ascii {GROUPCALC} analyze '{conv('é.onnx')}' --json")
    assert '"path": "é.onnx"' in out.stdout


GROUPCALC = f"{sys.executable} -m groupcalc"
SHELL = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR")}


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """A command line of bash, which tells the status of the first program of a pipe."""
    script = f"{command}; exit ${{PIPESTATUS[0]}}"
    return subprocess.run(["bash", "-c", script], capture_output=True, encoding="utf-8", env=SHELL, check=False)


FULL = "standard output: cannot be written: No space left on device\n"
CLOSED = "standard output: cannot be written: Bad file descriptor\n"


@pytest.mark.parametrize(
    ("command", "code", "err"),
    [
        ("analyze net.toml | head -1", 0, ""),
        ("analyze net.toml --json | true", 0, ""),
        ("--help | true", 0, ""),
        ("analyze net.toml > /dev/full", 2, FULL),
        ("--help > /dev/full", 2, FULL),
        ("--version > /dev/full", 2, FULL),
        ("analyze net.toml >&-", 2, CLOSED),
        ("analyze none.toml 2>&-", 2, ""),
        ("analyze none.toml 2> /dev/full", 2, ""),
        ("analyze - <&-", 2, "-: standard input is closed (pipe a model in)\n"),
        ("analyze net.toml -o json:/dev/stderr -o csv:/dev/null > /dev/full 2> /dev/null", 0, ""),
    ],
)
def test_streams_that_end_early(here: Path, net: str, command: str, code: int, err: str) -> None:
    result = shell(f"{GROUPCALC} {command}")
    assert (result.returncode, result.stderr) == (code, err)


def test_the_first_line_is_out_before_the_reader_leaves(here: Path, net: str) -> None:
    assert shell(f"{GROUPCALC} analyze net.toml | head -1").stdout.startswith("net.toml  ")


@pytest.mark.parametrize("path", ["nowhere/a.json", "."])
def test_what_cannot_be_written_is_known_before_the_work(here: Path, path: str) -> None:
    with pytest.raises(UsageError, match=r"^.*: cannot be written"):
        check_writable([Sink(format="table"), Sink(format="json", path=path)])


def test_what_can_be_written_passes(here: Path) -> None:
    Path("old.json").write_text("{}")
    check_writable([Sink(format="table"), *(Sink(format="json", path=path) for path in ("new.json", "old.json"))])
    assert Path("old.json").read_text() == "{}"
    assert not Path("new.json").exists()
