"""groupcalc explain for layers, metrics and architectures: golden texts whose numbers are computed again."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from groupcalc.conv import conv
from groupcalc.explain.blocks import picture
from groupcalc.explain.metrics import METRICS
from groupcalc.sources.archs.grammar import load_arch
from groupcalc.sources.archs.table import ARCHS
from groupcalc.units import show_percent
from tests.cli.conftest import LINE, Result
from tests.explain.test_layer import computed

Groupcalc = Callable[..., Result]

GOLDEN = Path(__file__).parents[1] / "golden"
TEXTS = {
    "explain_layer_80.txt": LINE,
    "explain_transposed_80.txt": "ConvTranspose2d(24, 48, 4, stride=2, padding=1, groups=3) @ 7x7",
    "explain_dense_80.txt": "Conv2d(16, 32, 3) @ 8x8",
    "explain_macs_80.txt": "macs",
    "explain_arch_80.txt": "arch",
    "explain_shufflenet_80.txt": "arch:shufflenet_v1,groups=8",
}


@pytest.mark.parametrize("name", TEXTS)
def test_golden(groupcalc: Groupcalc, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = groupcalc("explain", TEXTS[name])
    assert (done.code, done.err) == (0, "")
    assert done.out == (GOLDEN / name).read_text("utf-8")


@pytest.mark.parametrize("name", [name for name, word in TEXTS.items() if "(" in word])
def test_every_formula_of_a_golden_text_comes_to_what_it_says(name: str) -> None:
    lines = re.findall(r"  (?:\d+)  ([\d,·/+ ]+) = ([\d,.]+)$", (GOLDEN / name).read_text("utf-8"), re.MULTILINE)
    assert len(lines) >= 5
    for numbers, shown in lines:
        value = computed(numbers)
        digits = len(shown.partition(".")[2])
        assert abs(float(value) - float(shown.replace(",", ""))) <= (0.5 if value.denominator > 1 else 0) / 10**digits


def test_the_golden_picture_and_check_are_those_of_the_layer() -> None:
    text = (GOLDEN / "explain_layer_80.txt").read_text("utf-8")
    layer = conv(128, 128, 3, (56, 56), padding=1, groups=32, bias=False)
    assert all(line in text for line in picture(32, 128, 128))
    zero, of = (128 - 128 // 32) * 9, 128 * 9
    assert (
        f"Of the {of:,} weights of a dense filter, (C − C/G) · K = {zero:,} are zero: {show_percent(zero, of)}" in text
    )
    assert f"in {128 * 4 * 4:,} of {128 * 4 * 4:,} outputs, exactly" in text
    assert layer.weight_shape == (128, 4, 3, 3)


def test_golden_figures_of_an_architecture_are_counted_again() -> None:
    text = (GOLDEN / "explain_shufflenet_80.txt").read_text("utf-8")
    rows = re.findall(r"^ (arch:\S+)\s+macs of Conv\s+([\d,]+)", text, re.MULTILINE)
    assert len(rows) == len(ARCHS["shufflenet_v1"].figures)
    from groupcalc.costs.model import cost

    for word, shown in rows:
        macs = sum(row.cost.macs for row in cost(load_arch(word)).layers if row.op == "Conv")
        assert shown == f"{macs:,}"


@pytest.mark.parametrize("groups", [1, 2, 3, 16, 17, 24, 64, 510])
def test_the_picture_fits_80_columns_for_any_g(
    groupcalc: Groupcalc, monkeypatch: pytest.MonkeyPatch, groups: int
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = groupcalc("explain", f"Conv2d({groups * 2}, {groups * 4}, 3, groups={groups}) @ 9x9")
    assert done.code == 0
    assert max(map(len, done.lines)) <= 80


def test_a_layer_without_groups_has_nothing_to_draw(groupcalc: Groupcalc) -> None:
    out = groupcalc("explain", "Conv2d(8, 8, 3) @ 9x9").out
    assert "One group: every output sees every input." in out
    assert "█" not in out


def test_a_layer_that_is_no_convolution_has_its_figures_and_rules(groupcalc: Groupcalc) -> None:
    out = groupcalc("explain", "Linear(10, 20) @ 3x4x10").out
    assert "MatMul: a[..., n, k] @ b[..., k, p] -> y[..., n, p]: |y| · k MACs" in out
    assert f"{3 * 4 * 20 * 10 / 1000:.3f} k" in out


def test_a_layer_that_only_views_says_so(groupcalc: Groupcalc) -> None:
    assert groupcalc("explain", "Flatten() @ 1x3x4").out.startswith("Flatten: no arithmetic\n")


def test_machines_get_formulas_picture_and_check(groupcalc: Groupcalc) -> None:
    data = json.loads(groupcalc("explain", LINE, "--json").out)
    found = {(each["figure"].partition(" ")[0], each["groups"]): each["value"] for each in data["formulas"]}
    assert found["MACs", 32] * 32 == found["MACs", 1] == 128 * 128 * 9 * 56 * 56
    assert data["check"]["equal"] == data["check"]["outputs"] == data["check"]["changed"]
    assert len(data["picture"]) == 16


def test_the_list_of_architectures_has_their_keys(groupcalc: Groupcalc) -> None:
    data = json.loads(groupcalc("explain", "arch", "--json").out)
    assert [each["name"] for each in data["architectures"]] == list(ARCHS)
    rows = list(csv.DictReader(io.StringIO(groupcalc("explain", "arch", "-o", "csv").out)))
    assert {row["name"]: row["keys"] for row in rows}["alexnet"] == "groups=2,classes=1000,input=227,batch=1"


@pytest.mark.parametrize("name", ARCHS)
def test_every_architecture_is_explained(groupcalc: Groupcalc, name: str) -> None:
    done = groupcalc("explain", f"arch:{name}")
    assert (done.code, done.err) == (0, "")
    assert ARCHS[name].paper in done.out


@pytest.mark.parametrize("key", METRICS)
@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown", "html"])
def test_every_metric_is_explained_in_every_format(groupcalc: Groupcalc, key: str, form: str) -> None:
    done = groupcalc("explain", key, "-o", form)
    assert (done.code, done.err) == (0, "")
    assert METRICS[key].text[0][:20] in done.out.replace("\n  ", " ")


@pytest.mark.parametrize("form", ["json", "csv", "markdown", "html"])
@pytest.mark.parametrize("word", [LINE, "ReLU() @ 1x3", "arch:alexnet", "arch:conv"])
def test_every_format_writes_every_answer(groupcalc: Groupcalc, word: str, form: str) -> None:
    done = groupcalc("explain", word, "-o", form)
    assert (done.code, done.err) == (0, "")
    assert done.out


@pytest.mark.parametrize(
    ("word", "way_out"),
    [
        ("maks", "did you mean 'macs'?"),
        ("FusedCon", "did you mean 'com.microsoft::FusedConv' or 'com.microsoft::NhwcFusedConv'?"),
        ("conv", "did you mean 'Conv'?"),  # and not arch:conv: operators go first
        ("resnet50", "did you mean 'arch:resnet50'?"),
        ("resnext50_32x4d", "did you mean 'arch:resnext50_32x4d'?"),
        ("alexnet,batch=2", "did you mean 'arch:alexnet,batch=2'?"),
        ("mobilenet", "did you mean 'arch:mobilenet_v1', 'arch:mobilenet_v1_full' or 'arch:mobilenet_v2'?"),
        ("zzzz", "groupcalc explain tells what there is"),
        ("", "groupcalc explain tells what there is"),
    ],
)
def test_an_unknown_word_is_answered_with_what_is_near_of_all_that_is_known(
    groupcalc: Groupcalc, word: str, way_out: str
) -> None:
    done = groupcalc("explain", word)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"groupcalc explain: there is nothing named '{word}' ({way_out})\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["maks"], "groupcalc explain: there is nothing named 'maks' (did you mean 'macs'?)"),
        (["arch:alexne"], "arch:alexne: there is no architecture 'alexne' (did you mean 'alexnet'?)"),
        (["Conv2d(3, 4, 3, groups=3) @ 9x9"], "Conv2d(3, 4, 3, groups=3) @ 9x9: groups=3 does not divide "),
        (["Conv2d(3, 4, 3)"], "Conv2d(3, 4, 3): there is no input size"),
        (["macs", "--list"], "groupcalc explain: something to explain and --list at once (leave one of them out)"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(groupcalc: Groupcalc, words: list[str], message: str) -> None:
    done = groupcalc("explain", *words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(message)
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("word", ["macs", "arch", "arch:resnext50"])
def test_what_needs_no_library_loads_none(word: str) -> None:
    code = (
        f"from groupcalc.cli import run; import sys; run(['explain', '{word}']); "
        "sys.exit('onnx' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0
