"""`groupcalc analyze` as a person and as a program use it."""

from __future__ import annotations

import csv
import io
import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from groupcalc.cli.analyze import TOP
from groupcalc.costs.roofline import Ceilings, Level

LINE = "Conv2d(128, 128, 3, padding=1, groups=32, bias=False) @ 56x56"
PARAMS = 128 * 4 * 9
"""Each of 128 outputs sees 128/32 = 4 channels through 3×3 taps."""
MACS = PARAMS * 56 * 56

EXAMPLES = Path(__file__).parents[2] / "examples"
RESNEXT = EXAMPLES / "resnext50_32x4d.onnx"
MOBILENET = EXAMPLES / "mobilenet_v2.onnx"

TOTALS = {
    "params", "buffers", "macs", "flops", "weight_bytes", "input_bytes", "output_bytes", "peak_activation_bytes",
    "dense_macs", "dense_params",
}  # fmt: skip
LAYER = {
    "name", "op", "groups", "inputs", "outputs", "params", "buffers", "macs", "flops", "weight_bytes", "input_bytes",
    "output_bytes", "arithmetic_intensity", "dense_macs", "dense_params", "repeat", "shared", "estimate_s", "bound",
}  # fmt: skip


def read(result: Any) -> Any:
    """The saved result on standard output."""
    assert (result.code, result.err) == (0, "")
    return json.loads(result.out)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_layer_line_is_priced_without_a_file(groupcalc: Callable[..., Any]) -> None:
    code, out, err = groupcalc("analyze", LINE)
    assert (code, err) == (0, "")
    assert out.startswith("command line  4.608 k params · 14.45 MMACs (29 MFLOPs) · batch 1 · 1 layer · all counted\n")
    assert "FLOPs = 2 × MACs" in out


def test_all_layer_lines_of_a_command_are_one_model(groupcalc: Callable[..., Any], net: str) -> None:
    data = read(groupcalc("analyze", f"a = {LINE}", net, f"b = {LINE}", "--json"))
    assert [(model["path"], [layer["name"] for layer in model["layers"]]) for model in data["models"]] == [
        ("command line", ["a", "b"]),
        ("net.toml", ["small", "large"]),
    ]
    assert data["models"][0]["totals"]["macs"] == 2 * MACS


def test_the_saved_result_has_the_keys_that_are_promised(groupcalc: Callable[..., Any], net: str) -> None:
    data = read(groupcalc("analyze", net, "--json", "--groups", "1,3"))
    assert list(data) == ["schema_version", "tool", "convention", "models", "whatif", "errors"]
    assert data["schema_version"] == 1
    assert data["convention"] == {"flops_per_mac": 2, "padded_taps": "counted"}
    [model] = data["models"]
    assert set(model) == {"name", "path", "inputs", "totals", "layers", "uncounted", "warnings"}
    assert set(model["totals"]) == TOTALS
    assert {frozenset(layer) for layer in model["layers"]} == {frozenset({*LAYER, "geometry"})}
    assert model["layers"][0]["inputs"] == [[1, 128, 56, 56]]
    dense, third = data["whatif"]
    assert set(dense) == {"model", "groups", "totals", "layers", "skipped"}
    assert [layer["macs"] for layer in dense["layers"]] == [32 * MACS] * 2  # large has 16 groups: twice small's MACs
    assert third["layers"] == []
    assert [skip["name"] for skip in third["skipped"]] == ["small", "large"]


def test_a_saved_result_reads_back_as_what_was_saved(groupcalc: Callable[..., Any]) -> None:
    assert groupcalc("analyze", RESNEXT, "-o", "json:saved.json").out == ""
    saved = json.loads(Path("saved.json").read_text())
    again = read(groupcalc("analyze", "saved.json", "--json"))
    assert again["models"] == saved["models"]
    for flags in ([], ["--by", "op"], ["--columns", "name,op,groups"]):
        assert groupcalc("analyze", "saved.json", *flags).out == groupcalc("analyze", RESNEXT, *flags).out


def test_integers_beyond_2_to_the_53_are_exact(groupcalc: Callable[..., Any]) -> None:
    side = 10**8 + 1
    macs = 3 * 3 * 9 * side**2  # 3×3 taps of 3 channels, for 3 outputs, at each place
    assert macs % 2
    assert float(macs) != macs
    line = f"Conv2d(3, 3, 3, padding=1, bias=False) @ {side}x{side}"
    [model] = read(groupcalc("analyze", line, "--json"))["models"]
    assert model["totals"]["macs"] == model["layers"][0]["macs"] == macs
    assert model["layers"][0]["flops"] == 2 * macs
    [row] = rows(groupcalc("analyze", line, "-o", "csv").out)
    assert int(row["macs"]) == macs
    assert str(macs) in groupcalc("analyze", line, "--raw").out
    assert f'data-value="{macs}"' in groupcalc("analyze", line, "-o", "html").out


def test_csv_is_a_row_a_layer_of_every_model(groupcalc: Callable[..., Any], net: str) -> None:
    found = rows(groupcalc("analyze", net, RESNEXT, "-o", "csv").out)
    assert {row["model"] for row in found} == {net, str(RESNEXT)}
    assert sum(int(row["macs"]) for row in found if row["model"] == net) == 3 * MACS
    assert found[0]["inputs"] == "1x128x56x56"
    assert set(found[0]) == {"model", *LAYER}


def test_csv_of_group_counts_adds_up_at_each_of_them(groupcalc: Callable[..., Any], net: str) -> None:
    found = rows(groupcalc("analyze", net, "-o", "csv", "--groups", "1,2").out)
    macs = {at: sum(int(row["macs"]) for row in found if row["whatif"] == at) for at in ("", "1", "2")}
    assert macs == {"": 3 * MACS, "1": 2 * 32 * MACS, "2": 2 * 16 * MACS}


@pytest.mark.parametrize("output", ["table", "markdown"])
def test_for_people_the_tail_of_a_long_model_is_folded(groupcalc: Callable[..., Any], output: str) -> None:
    folded = groupcalc("analyze", RESNEXT, "-o", output).out
    assert "(\\-\\-top" in folded or "(--top 0: all)" in folded
    assert folded.count("Conv ") == TOP
    whole = groupcalc("analyze", RESNEXT, "-o", output, "--top", "0").out
    assert "more (" not in whole
    assert whole.count("Conv ") == 53  # and one Gemm: the 54 layers


@pytest.mark.parametrize("output", ["json", "csv", "html"])
def test_what_machines_read_is_whole(groupcalc: Callable[..., Any], output: str) -> None:
    text = groupcalc("analyze", RESNEXT, "-o", output).out
    assert "more (" not in text
    assert "layer4/layer4.2/conv3" in text


def test_top_of_a_page_is_folded_when_asked_for(groupcalc: Callable[..., Any]) -> None:
    assert "… 172 more (--top 0: all)" in groupcalc("analyze", RESNEXT, "-o", "html", "--top", "2").out


def test_sort_brings_the_largest_first(groupcalc: Callable[..., Any], net: str) -> None:
    found = rows(groupcalc("analyze", net, "-o", "csv", "--sort", "params").out)
    assert [row["name"] for row in found] == ["large", "small"]


@pytest.mark.parametrize(
    "words", [["--layer", "lar*"], ["--layer", "x", "--layer", "large"], ["--op", "Conv", "--layer", "l*"]]
)
def test_filters_choose_rows_in_every_format_and_leave_totals(
    groupcalc: Callable[..., Any], net: str, words: list[str]
) -> None:
    [model] = read(groupcalc("analyze", net, "--json", *words))["models"]
    assert [layer["name"] for layer in model["layers"]] == ["large"]
    assert model["totals"]["macs"] == 3 * MACS
    assert [row["name"] for row in rows(groupcalc("analyze", net, "-o", "csv", *words).out)] == ["large"]
    for output in ("table", "markdown", "html"):
        text = groupcalc("analyze", net, "-o", output, *words).out
        assert "small" not in text
        assert "shown" in text
        assert "43.35 M" in text  # 3 × 14.45 M


def test_a_filter_that_fits_nothing_says_so(groupcalc: Callable[..., Any], net: str) -> None:
    code, out, _ = groupcalc("analyze", net, "--layer", "nothing")
    assert code == 0
    assert "! no layer fits --layer and --op" in out


def test_rows_may_stand_for_operators_or_models(groupcalc: Callable[..., Any], net: str) -> None:
    [conv] = rows(groupcalc("analyze", net, "-o", "csv", "--by", "op").out)
    assert (conv["op"], conv["count"], int(conv["macs"])) == ("Conv", "2", 3 * MACS)
    models = rows(groupcalc("analyze", net, LINE, "-o", "csv", "--by", "model").out)
    assert {row["model"]: int(row["macs"]) for row in models} == {"net.toml": 3 * MACS, "command line": MACS}


def test_columns_are_those_asked_for(groupcalc: Callable[..., Any], net: str) -> None:
    assert groupcalc("analyze", net, "-o", "csv", "--columns", "name, macs").lines == [
        "name,macs",
        f"small,{MACS}",
        f"large,{2 * MACS}",
    ]
    assert groupcalc("analyze", net, "--columns", "macs,params").lines[1].split() == ["MACs", "params"]


@pytest.mark.parametrize("flag", ["--sort", "--columns"])
@pytest.mark.parametrize("output", ["table", "csv"])
def test_an_unknown_key_is_answered_with_the_mend(
    groupcalc: Callable[..., Any], net: str, flag: str, output: str
) -> None:
    message = f"{flag}: there is no column 'mac' (did you mean 'macs'?)\n"
    assert groupcalc("analyze", net, flag, "mac", "-o", output) == (2, "", message)


def test_group_counts_stand_beside_the_present_one(groupcalc: Callable[..., Any]) -> None:
    lines = groupcalc("analyze", LINE, "--groups", "1,2,32,5").lines
    layer = [line.rpartition("k3 s1")[2].split() for line in lines[3:6]]
    dense = 128 * 128 * 9
    assert [(words[0], words[1]) for words in layer] == [
        (str(groups), f"{dense / groups / 1000:.4g}") for groups in (1, 2, 32)
    ]
    assert [words[-1] == "now" for words in layer] == [False, False, True]
    assert "G=5: 1 layer left as is: layer1 (groups=5 does not divide in_channels=128)" in lines


@pytest.mark.parametrize("columns", [80, 120, 200])
@pytest.mark.parametrize("words", [[], ["--groups", "1,2,4,32"], ["--by", "op"], ["--by", "model"]])
def test_a_table_keeps_to_the_width_of_the_terminal(
    groupcalc: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, columns: int, words: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = groupcalc("analyze", RESNEXT, *words).lines
    assert max(map(len, lines)) <= columns
    assert any("MACs" in line for line in lines)


def test_in_a_pipe_names_are_whole_and_nothing_is_coloured(
    groupcalc: Callable[..., Any], conv: Callable[..., str]
) -> None:
    long = "stage/" * 40 + "conv"
    out = groupcalc("analyze", conv("long.onnx", node=long)).out
    assert long in out
    assert "\x1b" not in out


def test_on_a_terminal_it_is_coloured_unless_told_otherwise(
    groupcalc: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, net: str
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    assert "\x1b[1m" in groupcalc("analyze", net).out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in groupcalc("analyze", net).out


def test_several_models_end_with_one_beside_the_other(groupcalc: Callable[..., Any], net: str) -> None:
    out = groupcalc("analyze", RESNEXT, net).out
    assert out.index(f"{RESNEXT}  ") < out.index("net.toml  ") < out.index("2 models\n")


def test_one_bad_file_does_not_stop_the_others(groupcalc: Callable[..., Any], net: str) -> None:
    Path("bad.onnx").write_text("this is text")
    code, out, err = groupcalc("analyze", "bad.onnx", net, "none.onnx")
    assert code == 2
    assert out.startswith("net.toml  ")
    assert sorted(line.partition(":")[0] for line in err.splitlines()) == ["bad.onnx", "none.onnx"]


@pytest.mark.parametrize("output", ["table", "markdown", "html"])
def test_when_nothing_could_be_read_people_see_only_the_error(groupcalc: Callable[..., Any], output: str) -> None:
    code, out, err = groupcalc("analyze", "none.onnx", "-o", output)
    assert (code, out) == (2, "")
    assert err == "none.onnx: no such file (check the path, or quote a layer line)\n"
    assert groupcalc("analyze", "none.onnx", "-o", f"{output}:report").code == 2
    assert not Path("report").exists()


def test_machines_are_told_of_errors_in_the_result(groupcalc: Callable[..., Any], net: str) -> None:
    Path("bad.onnx").write_bytes(b"")
    for words, models in (([net], 1), ([], 0)):
        code, out, err = groupcalc("analyze", "./bad.onnx", *words, "--json")
        data = json.loads(out)
        assert code == 2
        assert len(data["models"]) == models
        [error] = data["errors"]
        assert error["path"] == "./bad.onnx"
        assert error["message"] == err.rstrip("\n")


def test_csv_of_nothing_is_its_header(groupcalc: Callable[..., Any]) -> None:
    code, out, _ = groupcalc("analyze", "none.onnx", "-o", "csv")
    assert code == 2
    assert rows(out) == []
    assert out.startswith("model,name,op,")


@pytest.mark.parametrize("output", ["markdown", "html"])
def test_a_report_that_leaves_the_terminal_says_what_it_lacks(
    groupcalc: Callable[..., Any], net: str, output: str
) -> None:
    text = groupcalc("analyze", net, "none.onnx", "-o", output).out
    assert "Not in this report: none.onnx: no such file" in text


def test_the_command_for_missing_dimensions_can_be_pasted(
    groupcalc: Callable[..., Any], conv: Callable[..., str]
) -> None:
    path = conv("a $(b) 'c'.onnx", batch="batch size")
    code, out, err = groupcalc("analyze", path)
    assert (code, out) == (2, "")
    assert err.startswith(f"{path}: dimension 'batch size' of input 'x' is not known (")
    command = err.rstrip("\n").removesuffix(")").rpartition("(groupcalc ")[2]
    assert shlex.split(command) == ["analyze", path, "--dim", "batch size=1"]
    assert groupcalc(*shlex.split(command)).code == 0


def test_a_path_with_a_leading_dash_is_pasted_as_a_path(
    groupcalc: Callable[..., Any], conv: Callable[..., str]
) -> None:
    path = conv("-m.onnx", batch="n")
    assert groupcalc("analyze", "--", path).err.endswith("(groupcalc analyze ./-m.onnx --dim n=1)\n")


def test_dimensions_are_given_by_name_or_with_the_shape(
    groupcalc: Callable[..., Any], conv: Callable[..., str]
) -> None:
    path = conv("dynamic.onnx", batch="n")
    macs = 4 * 3 * 9 * 6 * 6  # 4 outputs of 3 channels through 9 taps; 8×8 without padding leaves 6×6
    for words in (["--dim", "n=5"], ["--shape", "x=5x3x8x8"], ["--shape", "5x3x8x8"], ["--shape", "x:5x3x8x8"]):
        [model] = read(groupcalc("analyze", path, "--json", *words))["models"]
        assert model["totals"]["macs"] == 5 * macs
    code, _, err = groupcalc("analyze", path, "--dim", "n=5,m=2")
    assert (code, err) == (2, "--dim: no model has dimension 'm' (there is: n)\n")


@pytest.mark.parametrize("batch", [1, 4])
def test_the_examples_of_the_readme_cost_what_their_papers_say(groupcalc: Callable[..., Any], batch: int) -> None:
    """Xie et al. 2017, table 1: 25.0 M parameters, 4.2 G multiply-adds; Sandler et al. 2018, table 4: 3.4 M, 300 M."""
    found = rows(groupcalc("analyze", RESNEXT, MOBILENET, "--dim", f"batch={batch}", "-o", "csv", "--by", "model").out)
    resnext, mobilenet = found
    assert int(resnext["params"]) == 25_028_904
    assert round(int(resnext["macs"]) / 1e9, 1) == 4.2
    assert int(mobilenet["params"]) == 3_487_816
    assert round(int(mobilenet["macs"]) / batch / 1e6) == 301


def test_strict_makes_uncounted_operators_an_error(groupcalc: Callable[..., Any], conv: Callable[..., str]) -> None:
    path = conv("foreign.onnx", op="Foo", domain="com.acme")
    code, out, err = groupcalc("analyze", path)
    assert (code, err) == (0, "")
    assert "com.acme::Foo" in out
    assert groupcalc("analyze", path, "--strict") == (
        2, out, "foreign.onnx: 1 node is not counted (--strict makes that an error)\n",
    )  # fmt: skip


HOSTILE = [
    "\x1b[31mred",
    "two\nlines",
    "\x9b2J",
    "\u202egnp",
    "=1+1",
    "@SUM(1)",
    "<script>alert(1)</script>",
    "[bold]x[/]",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("output", ["table", "json", "csv", "markdown", "html"])
def test_names_are_inert_in_every_format(
    groupcalc: Callable[..., Any], conv: Callable[..., str], name: str, output: str
) -> None:
    path = conv(name.replace("/", "|") + ".onnx", node=name)
    code, out, err = groupcalc("analyze", path, "none\n\x1b.onnx", "-o", output)
    assert code == 2
    assert all(line.isprintable() for line in (*out.splitlines(), *err.splitlines()))
    assert err.count("\n") == 1
    match output:
        case "json":
            assert json.loads(out)["models"][0]["layers"][0]["name"] == name
        case "csv":
            assert not {row["name"][0] for row in rows(out)} & set("=@")
        case "html":
            assert "<script>alert" not in out
        case "markdown":
            assert "<script>" not in out
        case _:
            assert name in out or not name.isprintable()


def test_quiet_and_verbose(groupcalc: Callable[..., Any], net: str) -> None:
    assert groupcalc("analyze", net, "-q").err == ""
    verbose = groupcalc("analyze", net, "-v").err
    assert verbose.startswith("net.toml: read in 0.")
    assert verbose.count("\n") == 1


@pytest.fixture
def on_a_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """10 GFLOP/s, 1 GB/s, a launch of 2 µs."""
    levels = (Level(name="L2", working_set=1, bandwidth_bytes_per_s=1e9),)
    found = Ceilings(threads=2, peak_flops_per_s=10e9, levels=levels, launch_s=2e-6)
    monkeypatch.setenv("GROUPCALC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("groupcalc.bench.ceilings.measure_ceilings", lambda threads: replace(found, threads=threads))


def test_the_machine_tells_the_least_time_of_each_layer(groupcalc: Callable[..., Any], on_a_machine: None) -> None:
    result = groupcalc("analyze", LINE, "ReLU()", "--machine", "-o", "table", "-o", "json:out.json")
    conv, relu = json.loads(Path("out.json").read_text())["models"][0]["layers"]
    # Of 3 taps along an axis of 56, one falls on padding at each end: 3·56 - 2. Input and output are 128×56×56.
    assert conv["estimate_s"] == pytest.approx(2e-6 + max(2 * 128 * 4 * 166 * 166 / 10e9, conv_bytes() / 1e9))
    assert conv["bound"] == "memory"
    assert relu["estimate_s"] == pytest.approx(2e-6 + 2 * 4 * 128 * 56 * 56 / 1e9)
    assert "estimate  bound" in result.out
    assert "Estimate: 6.44 ms at least, layer by layer (" in result.out
    assert "peak 10.0 GFLOP/s, 1.00 GB/s (measured)); bound by memory 100 %." in result.out.replace("\n  ", " ")


def test_by_operator_the_estimate_stands_below_the_table_alone(
    groupcalc: Callable[..., Any], on_a_machine: None
) -> None:
    out = groupcalc("analyze", LINE, "--machine", "--by", "op").out
    assert "Estimate: " in out
    assert "estimate  bound" not in out


def conv_bytes() -> int:
    return 4 * (128 * 4 * 9 + 2 * 128 * 56 * 56)


def test_without_the_machine_nothing_is_estimated(groupcalc: Callable[..., Any]) -> None:
    result = groupcalc("analyze", LINE, "--json")
    [layer] = json.loads(result.out)["models"][0]["layers"]
    assert (layer["estimate_s"], layer["bound"]) == (None, None)
