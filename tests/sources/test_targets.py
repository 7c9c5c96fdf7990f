"""From the words of a command to targets: files, globs, directories, pipes."""

from __future__ import annotations

import io
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from groupcalc.errors import UsageError
from groupcalc.sources import targets
from groupcalc.sources.targets import Target, expand, names_input


@pytest.fixture(autouse=True)
def _tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models, some of them old or hidden, and links that lead in circles."""
    monkeypatch.chdir(tmp_path)
    for name in ("m/a.onnx", "m/b.ONNX", "m/old/c.onnx", "m/.h/d.onnx", "m/.e.onnx", "m/n.toml", "m/readme.md"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    Path("m/loop").symlink_to(".")
    Path("m/old/up").symlink_to("..")


def paths(*inputs: str) -> list[str]:
    found, failures = expand(inputs)
    assert not failures
    return [target.path for target in found]


def failure(*inputs: str) -> str:
    _, [only] = expand(inputs)
    assert only.path in inputs
    return str(only.error)


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (["m"], ["m/.e.onnx", "m/a.onnx", "m/b.ONNX", "m/old/c.onnx"]),
        (["m/"], ["m/.e.onnx", "m/a.onnx", "m/b.ONNX", "m/old/c.onnx"]),
        (["m/*"], ["m/a.onnx", "m/b.ONNX", "m/n.toml"]),
        (["m/?.onnx"], ["m/a.onnx"]),
        (["m/**/*.onnx"], ["m/a.onnx", "m/old/c.onnx"]),
        (["./m/**/*.onnx"], ["m/a.onnx", "m/old/c.onnx"]),
        (["**/c.onnx"], ["m/old/c.onnx"]),
        (["**"], ["m/a.onnx", "m/b.ONNX", "m/n.toml", "m/old/c.onnx"]),
        (["m/**/old/**/*.onnx"], ["m/old/c.onnx"]),
        (["m/old/../**/c.onnx"], ["m/old/../old/c.onnx"]),
        (["m/**/.*.onnx"], ["m/.e.onnx"]),
        (["m/**/*.onnx", "!m/old/**"], ["m/a.onnx"]),
        (["m", "!./m/old/*", "!m/.*"], ["m/a.onnx", "m/b.ONNX"]),
        (["./m/a.onnx", "!m/b*", "m/b.ONNX"], ["./m/a.onnx"]),
        (["m/a.onnx", "m/a.onnx"], ["m/a.onnx"]),
        (["Conv2d(1, 1, 1) @ 4x4", "m/n.toml", "ReLU()"], ["command line", "m/n.toml"]),
    ],
)
def test_what_inputs_name(inputs: list[str], expected: list[str]) -> None:
    assert paths(*inputs) == expected


def test_a_name_with_the_signs_of_a_glob_is_a_name_first() -> None:
    Path("a[1].onnx").touch()
    Path("conv(1).onnx").touch()
    assert paths("a[1].onnx", "conv(1).onnx") == ["a[1].onnx", "conv(1).onnx"]


def test_an_absolute_pattern(tmp_path: Path) -> None:
    assert paths(f"{tmp_path}/**/c.onnx") == [f"{tmp_path}/m/old/c.onnx"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "INPUT: is empty (name a file, or quote a layer line)"),
        ("x.onnx", "x.onnx: no such file (check the path, or quote a layer line)"),
        ("m/readme.md", "m/readme.md: is no kind of input (use .onnx, .toml, .json, .txt, or - for standard input)"),
        ("m/**/*.md", "m/**/*.md: matches no model (it should match files that end in .onnx, .toml, .json, .txt)"),
        ("m/.h/../.x", "m/.h/../.x: no such file"),
        (os.devnull, f"{os.devnull}: is no kind of input"),
    ],
)
def test_what_names_nothing_is_said(text: str, message: str) -> None:
    assert failure(text).startswith(message)


def test_a_directory_without_models_is_said() -> None:
    Path("empty.onnx").mkdir()
    assert failure("empty.onnx") == "empty.onnx: holds no .onnx file (name a directory of models, or a file)"


def test_one_input_that_names_nothing_leaves_the_others() -> None:
    found, failures = expand(["none.onnx", "m/a.onnx"])
    assert [target.path for target in found] == ["m/a.onnx"]
    assert [each.path for each in failures] == ["none.onnx"]


@pytest.mark.parametrize("inputs", [["!m"], ["m/a.onnx", "!m/*"]])
def test_inputs_of_which_none_is_left(inputs: list[str]) -> None:
    with pytest.raises(UsageError, match="INPUT: none is left"):
        expand(inputs)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x08\x08\x12\x07pytorch", "onnx"),
        (b'\xef\xbb\xbf\n {"schema": 1}', "json"),
        (b"# layers\nschema = 1\n", "toml"),
        (b"[defaults]\n", "toml"),
        (b"layers = []", "toml"),
        (b"# a net\n\nstem = Conv2d(3, 4, 3) @ 8x8\n", "lines"),
        (b"nonsense", "lines"),
    ],
)
@pytest.mark.parametrize("pipe", [True, False])
def test_what_comes_through_a_pipe_is_told_by_its_looks(
    monkeypatch: pytest.MonkeyPatch, data: bytes, kind: str, pipe: bool
) -> None:
    if not pipe:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        assert expand(["-"]) == ([Target(path="-", kind=kind, data=data)], [])
        return
    os.mkfifo("pipe")
    writer = threading.Thread(target=Path("pipe").write_bytes, args=[data])
    writer.start()
    assert expand(["pipe"]) == ([Target(path="pipe", kind=kind, data=data)], [])
    writer.join()


@pytest.mark.parametrize("data", [b"", b"\n \n"])
def test_an_empty_pipe_is_said(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    assert failure("-") == "-: is empty (pipe a model in)"


def test_a_pipe_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "MAX_PIPED_BYTES", 100)
    with open("/dev/zero", "rb") as zeros:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=zeros))
        assert failure("-") == "-: is larger than 2 GiB (give the file by its path)"


def test_standard_input_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"ReLU() @ 4")))
    assert paths("-", "m/a.onnx", "-") == ["-", "m/a.onnx"]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("-", True),
        ("x.onnx", True),
        ("m", True),
        ("Conv2d(1, 1, 1)", True),
        ("x.TOML", True),
        ("analyse", False),
        ("", False),
    ],
)
def test_words_that_are_meant_as_inputs(text: str, is_one: bool) -> None:
    assert names_input(text) is is_one


def test_only_a_bracket_makes_it_load_the_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "groupcalc.sources.lines", None)  # importing it fails
    assert paths("m/a.onnx") == ["m/a.onnx"]
    with pytest.raises(ImportError):
        expand(["Conv2d(1, 1, 1)"])
