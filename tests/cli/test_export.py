"""groupcalc export: a file whole or not at all, and one line for every mistake."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from groupcalc.cli import output
from groupcalc.cli.export import EXAMPLES
from tests.cli.conftest import LINE, Result

Groupcalc = Callable[..., Result]


def test_an_architecture_and_its_file_have_the_same_json(groupcalc: Groupcalc) -> None:
    name = "arch:mobilenet_v2,width=0.5,input=96"
    done = groupcalc("export", name, "m.onnx")
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith("m.onnx: ")
    found = [json.loads(groupcalc("analyze", word, "--json").out)["models"][0] for word in (name, "m.onnx")]
    for model in found:
        model.pop("name"), model.pop("path")
    assert found[0] == found[1]


def test_layer_lines_files_and_pipes_are_written(
    groupcalc: Groupcalc, net: str, stdin: Callable[[bytes], None]
) -> None:
    Path("net.txt").write_text(f"{LINE}\n")
    stdin(LINE.encode())
    for source in (LINE, net, "net.txt", "-"):
        assert groupcalc("export", source, "out.onnx", "-q") == (0, "", "")
        assert groupcalc("analyze", "out.onnx").code == 0


@pytest.mark.parametrize("line", [line.strip() for line in EXAMPLES.splitlines() if line.startswith("  groupcalc ")])
def test_every_example_of_the_help_runs(groupcalc: Groupcalc, net: str, line: str) -> None:
    assert groupcalc(*shlex.split(line)[1:], "-q") == (0, "", "")


def test_random_weights_are_stored(groupcalc: Groupcalc) -> None:
    for weights, least, most in (("constant", 0, 1_000), ("random", 18_432, 20_000)):  # 128·4·9 floats
        groupcalc("export", LINE, "out.onnx", "--weights", weights)
        assert least <= Path("out.onnx").stat().st_size < most


REFUSED = [
    (["arch:alexne", "o.onnx"], "arch:alexne: there is no architecture 'alexne' (did you mean 'alexnet'?)"),
    (["arch:alexnet", "o.onn"], "PATH: 'o.onn' does not end in .onnx (give the input first, then the file)"),
    (["x.onnx", "o.onnx"], "x.onnx: no such file (check the path, or quote a layer line)"),
    (["arch:conv", "no/o.onnx"], "no/o.onnx: cannot be written: No such file or directory (give another path)"),
    (["arch:conv", "o.onnx", "--weights", "rand"], "--weights: 'rand' is none of its values (did you mean 'random'?)"),
    (["Conv2d(3, 4, 3)", "o.onnx"], "command line: Conv2d(3, 4, 3): there is no input size "
     "(add one: @ 56x56, in a table input = [56, 56])"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "message"), REFUSED)
def test_a_mistake_is_one_line_and_leaves_no_file(groupcalc: Groupcalc, words: list[str], message: str) -> None:
    assert groupcalc("export", *words) == (2, "", f"{message}\n")
    assert not Path("o.onnx").exists()


def test_an_onnx_file_is_none_to_export(groupcalc: Groupcalc, conv: Callable[..., str]) -> None:
    done = groupcalc("export", conv("m.onnx"), "o.onnx")
    assert done == (2, "", "m.onnx: is ONNX already (give arch:NAME, a layer file or a layer line)\n")


def test_a_saved_result_has_no_layers_to_export(groupcalc: Groupcalc) -> None:
    groupcalc("analyze", "arch:conv", "-o", "json:saved.json")
    done = groupcalc("export", "saved.json", "o.onnx")
    assert done.code == 2
    assert done.err.startswith("saved.json: ")
    assert done.err.count("\n") == 1


def test_a_file_that_cannot_be_finished_leaves_the_old_one(
    groupcalc: Groupcalc, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("o.onnx").write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output.os, "replace", fail)
    done = groupcalc("export", "arch:conv", "o.onnx")
    assert done == (2, "", "o.onnx: cannot be written: No space left on device (give another path)\n")
    assert Path("o.onnx").read_bytes() == b"old"
    assert [path.name for path in Path().iterdir()] == ["o.onnx"]
