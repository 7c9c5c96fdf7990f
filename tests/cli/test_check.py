"""`check` and `diff` on the command line: configuration, exit status, what is printed at which width."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BUDGET = ("--budget", "macs <= 1G")


def config(text: str, path: str = "groupcalc.toml") -> None:
    Path(path).write_text(text)


def test_models_and_budgets_come_from_the_configuration(groupcalc: Callable[..., Any], net: str) -> None:
    config('models = ["*.toml", "!groupcalc.toml"]\n[[budgets]]\nlimits = ["macs <= 1G"]')
    assert groupcalc("check") == (0, "1 model, 1 of 1 budget holds\n", "")
    assert groupcalc("check", "-v").out.startswith("pass  net.toml  macs <= 1G  43.35 MMACs  groupcalc.toml:3\n")


def test_budgets_of_the_command_line_are_added(groupcalc: Callable[..., Any], net: str) -> None:
    config('models = ["net.toml"]\n[[budgets]]\nlimits = ["macs <= 1G"]')
    assert groupcalc("check", "--budget", "macs <= 1").out.endswith("1 model, 1 of 2 budgets hold · 1 failed\n")


def test_without_budgets_a_missing_file_is_what_is_said(groupcalc: Callable[..., Any], net: str) -> None:
    assert groupcalc("check", "missing.onnx", net, "none/*.onnx") == (
        2,
        "",
        "missing.onnx: no such file (check the path, or quote a layer line)\n"
        "none/*.onnx: matches no model (it should match files that end in .onnx, .toml, .json, .txt)\n",
    )


def test_no_budget_at_all_is_said(groupcalc: Callable[..., Any], net: str) -> None:
    assert groupcalc("check", net) == groupcalc("check", "-") == (
        2, "", "groupcalc check: there is no budget (add --budget 'macs <= 4.1G', or let groupcalc init write a "
        "configuration)\n",
    )  # fmt: skip


def test_no_model_is_said(groupcalc: Callable[..., Any]) -> None:
    assert groupcalc("check", *BUDGET).err.startswith("groupcalc check: there is no INPUT")


def test_models_that_match_no_file_are_said(groupcalc: Callable[..., Any]) -> None:
    config('models = ["nets/*.onnx"]\n[[budgets]]\nlimits = ["macs <= 1G"]')
    code, out, err = groupcalc("check")
    assert (code, out) == (2, "")
    assert err == "nets/*.onnx: matches no model (it should match files that end in .onnx, .toml, .json, .txt)\n"


def test_a_selector_that_selects_nothing_is_broken_only_where_models_are_configured(
    groupcalc: Callable[..., Any], net: str
) -> None:
    config('models = ["net.toml"]\n[[budgets]]\nmodel = "gone.toml"\nlimits = ["macs <= 1G"]')
    found = groupcalc("check")
    assert found.code == 1
    assert "FAIL  gone.toml  macs <= 1G  no model fits 'gone.toml' (GC004)  groupcalc.toml:4" in found.out
    found = groupcalc("check", net)  # as pre-commit passes changed files
    assert (found.code, found.out.split()[0]) == (0, "SKIP")


def test_a_layer_selector_that_selects_nothing_is_broken(groupcalc: Callable[..., Any], net: str) -> None:
    config('models = ["net.toml"]\n[[budgets]]\nmodel = "net.toml"\nlayer = "x*"\nlimits = ["macs <= 1G"]')
    assert "no layer fits 'x*' (GC004)" in groupcalc("check").out
    assert groupcalc("check").code == groupcalc("check", net).code == 1


def test_one_bad_file_does_not_hide_the_others(groupcalc: Callable[..., Any], net: str) -> None:
    code, out, err = groupcalc("check", net, "none.onnx", "--budget", "macs <= 1M")
    assert code == 2
    assert out.startswith("FAIL  net.toml")
    assert err == "none.onnx: no such file (check the path, or quote a layer line)\n"


def test_a_warning_exits_0_and_strict_counts_uncounted_models(
    groupcalc: Callable[..., Any], conv: Callable[..., str]
) -> None:
    conv("m.onnx", op="Foo", domain="com.acme")
    config('[[budgets]]\nlimits = ["macs <= 1G"]\nlevel = "warn"')
    assert groupcalc("check", "m.onnx").code == 0
    assert groupcalc("check", "m.onnx", "--strict").code == 2
    config('strict = true\n[[budgets]]\nlimits = ["macs <= 1G"]\nlevel = "warn"')
    assert groupcalc("check", "m.onnx").code == 2
    config('strict = true\n[[budgets]]\nlimits = ["macs <= 1G", "uncounted <= 1"]')
    assert groupcalc("check", "m.onnx").code == 0


def test_a_broken_budget_of_uncounted_nodes_names_one(groupcalc: Callable[..., Any], conv: Callable[..., str]) -> None:
    conv("m.onnx", op="Foo", domain="com.acme")
    found = groupcalc("check", "m.onnx", "--budget", "uncounted <= 0")
    assert found.code == 1
    assert "1 node  1 node over, 1 node is not counted, conv (com.acme::Foo)" in found.out


def test_a_glob_of_the_configuration_means_its_folder_and_one_of_a_flag_this_one_as_well(
    groupcalc: Callable[..., Any], convs: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    convs("a.onnx", 32)
    convs("sub/a.onnx", 1)
    config('[[budgets]]\nmodel = "a.onnx"\nlimits = ["macs <= 15M"]')
    monkeypatch.chdir("sub")
    assert groupcalc("check", "a.onnx").out.split()[0] == "SKIP"
    assert groupcalc("check", "../a.onnx").code == 0
    for path in ("a.onnx", "sub/a.onnx"):
        assert groupcalc("check", "a.onnx", "--budget", f"{path}: macs <= 15M").code == 1


def test_a_layer_line_is_a_model_of_its_name(groupcalc: Callable[..., Any]) -> None:
    line = "stem = Conv2d(3, 64, 7, bias=False) @ 224x224"
    assert groupcalc("check", line, "--budget", "command line::stem: macs <= 1G").code == 0
    assert groupcalc("check", line, "--budget", "stem: macs <= 1M").code == 1


def test_a_saved_result_is_a_base_and_an_input(groupcalc: Callable[..., Any], net: str) -> None:
    groupcalc("analyze", net, "-o", "json:base.json")
    assert groupcalc("check", net, "--base", "base.json", "--budget", "macs <= +0%").code == 0
    Path(net).write_text(Path(net).read_text().replace("groups=32", "groups=16"))
    found = groupcalc("check", net, "--base", "base.json", "--budget", "macs <= +0%")
    assert found.code == 1
    assert "└ ~ small   groups 32 → 16   14.45 → 28.90 MMACs (×2)" in found.out
    assert groupcalc("check", "base.json", "--budget", "macs <= 44M").code == 0
    groupcalc("check", net, "--budget", "macs <= 1", "-o", "json:again.json")
    assert groupcalc("check", net, "--base", "again.json", "--budget", "macs <= +0%").code == 0


def test_a_result_saved_with_a_filter_is_neither_a_base_nor_an_input(groupcalc: Callable[..., Any], net: str) -> None:
    groupcalc("analyze", net, "--layer", "small", "-o", "json:some.json")
    line = "net.toml: has only some of its layers (save it without --layer and --op)\n"
    found = groupcalc("check", net, "--base", "some.json", "--budget", "net.toml::large: macs <= +0%")
    assert (found.code, found.err) == (2, line)
    assert found.out.split()[0] == "UNKNOWN"
    assert groupcalc("check", "some.json", "--budget", "layers <= 1") == (2, "", line)
    assert groupcalc("diff", net, "some.json") == (2, "", line)


def test_a_base_that_is_missing_is_said_once(groupcalc: Callable[..., Any], net: str) -> None:
    code, out, err = groupcalc("check", net, "--base", "none.json", "--budget", "macs <= +0%")
    assert code == 2
    assert "UNKNOWN  net.toml  macs <= +0%  43.35 MMACs  its base cannot be read (GC002)" in out
    assert err == "none.json: no such file (check the path, or quote a layer line)\n"


def test_a_comparison_is_no_base(groupcalc: Callable[..., Any], net: str) -> None:
    groupcalc("diff", net, net, "-o", "json:diff.json")
    found = groupcalc("check", net, "--base", "diff.json", "--budget", "macs <= +0%")
    assert (found.code, found.err) == (2, "diff.json: is no saved result of groupcalc ('models' is missing)\n")


def test_directories_pair_by_the_path_inside(groupcalc: Callable[..., Any], convs: Callable[..., str]) -> None:
    for path in ("old/a/m.onnx", "old/b/m.onnx", "new/a/m.onnx"):
        convs(path, 32)
    convs("new/b/m.onnx", 16)
    found = groupcalc("check", "new", "--base", "old", "--budget", "macs <= +0%", "-v", "--json")
    checks = json.loads(found.out)["checks"]
    assert [(check["model"], check["status"]) for check in checks] == [
        ("new/a/m.onnx", "pass"),
        ("new/b/m.onnx", "fail"),
    ]
    found = groupcalc("diff", "old", "new")
    assert found.code == 0
    assert found.out.startswith("new/b/m.onnx  14.45 → 28.90 MMACs (+14.45 MMACs, +100.0 %)")
    assert "2 models: 1 changed · 1 the same" in found.out


def test_an_input_of_another_size_is_said(groupcalc: Callable[..., Any], conv: Callable[..., str]) -> None:
    conv("a.onnx", batch=1)
    conv("b.onnx", batch=2)
    line = "~ input x   1×3×8×8 → 2×3×8×8"
    assert f"└ {line}\n" in groupcalc("check", "b.onnx", "--base", "a.onnx", "--budget", "macs <= +0%").out
    assert f"\n{line}\n" in groupcalc("diff", "a.onnx", "b.onnx").out


def test_rounding_never_makes_a_change_look_like_none(groupcalc: Callable[..., Any]) -> None:
    Path("a.txt").write_text("Linear(10000, 10000, bias=False) @ 10000\n")
    Path("b.txt").write_text("Linear(10000, 10001, bias=False) @ 10000\n")
    found = groupcalc("check", "b.txt", "--base", "a.txt", "--budget", "macs <= +0%")
    assert "100,000,000 → 100,010,000 MACs  +<0.1 %, 10.00 kMACs over" in found.out


def test_analyze_reads_the_configuration(groupcalc: Callable[..., Any], conv: Callable[..., str]) -> None:
    conv("a.onnx", batch="batch")
    conv("b.onnx", batch="batch")
    config('models = ["*.onnx"]\ndims = {batch = 2}\ngroups = [1]\n[[model]]\nmatch = "b.onnx"\ndims = {batch = 3}')
    data = json.loads(groupcalc("analyze", "--json").out)
    assert [model["inputs"]["x"][0] for model in data["models"]] == [2, 3]
    assert [found["groups"] for found in data["whatif"]] == [1, 1]
    data = json.loads(groupcalc("analyze", "b.onnx", "--json", "--dim", "batch=9", "--groups", "1,1").out)
    assert [model["inputs"]["x"][0] for model in data["models"]] == [9]
    conv("c.onnx", op="Foo", domain="com.acme")
    assert groupcalc("analyze", "c.onnx").code == 0
    config("strict = true")
    assert groupcalc("analyze", "c.onnx").code == 2


def test_configured_sizes_may_name_what_a_model_lacks_and_flags_may_not(
    groupcalc: Callable[..., Any], conv: Callable[..., str]
) -> None:
    conv("a.onnx")
    config("dims = {batch = 2}")
    assert groupcalc("analyze", "a.onnx").code == 0
    assert groupcalc("analyze", "a.onnx", "--dim", "batch=2").code == 2


def test_a_configuration_is_named_by_a_flag_or_the_environment(
    groupcalc: Callable[..., Any], net: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config('[[budgets]]\nlimits = ["macs <= 1"]')
    config('[[budgets]]\nlimits = ["macs <= 1G"]', "other.toml")
    assert groupcalc("check", net).code == 1
    assert groupcalc("check", net, "-c", "other.toml").code == 0
    monkeypatch.setenv("GROUPCALC_CONFIG", "other.toml")
    assert groupcalc("check", net).code == 0
    assert groupcalc("check", net, "--config", "groupcalc.toml").code == 1
    config("[tool.other]", "pyproject.toml")
    assert groupcalc("check", net, "-c", "pyproject.toml").err == (
        "pyproject.toml: has no [tool.groupcalc] (write one, or name another file)\n"
    )
    assert groupcalc("check", net, "-c", "none.toml").err == "none.toml: no such file (check the path)\n"


@pytest.mark.parametrize("words", [("check", *BUDGET), ("analyze",), ("diff", "net.toml", "net.toml")])
def test_a_configuration_that_cannot_be_read_is_placed(
    groupcalc: Callable[..., Any], net: str, words: tuple[str, ...]
) -> None:
    config("models = 3")
    assert groupcalc(*words) == (2, "", "groupcalc.toml: models = 3 is no list (write […])\n")


def test_a_missing_size_is_said_with_the_flag_to_add(groupcalc: Callable[..., Any], conv: Callable[..., str]) -> None:
    conv("a.onnx", batch="batch")
    line = "a.onnx: dimension 'batch' of input 'x' is not known (add --dim batch=1)\n"
    assert groupcalc("check", "a.onnx", *BUDGET).err == line
    assert groupcalc("diff", "a.onnx", "a.onnx").err == line * 2
    assert groupcalc("check", "a.onnx", *BUDGET, "--dim", "batch=1").code == 0


@pytest.fixture
def broken(net: str) -> tuple[str, ...]:
    """A command that finds something to say, with a name that is long, and a message."""
    folder = Path("a-folder-with-a-rather-long-name") / "and-another-one-below"
    folder.mkdir(parents=True)
    Path(net).rename(folder / "network.toml")
    Path("base.toml").write_text((folder / "network.toml").read_text().replace("groups=16", "groups=32"))
    text = (
        f'models = ["{folder}/*.toml"]\n[[budgets]]\nlimits = ["macs <= max(+2%, +5M)", "params <= 1k"]\n'
        'message = "Ask before raising this."\n[[budgets]]\nlevel = "warn"\nlimits = ["flops <= 1"]'
    )
    config(text)
    return ("check", "--base", "base.toml")


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_lines_keep_to_the_width_and_leave_nothing_out(
    groupcalc: Callable[..., Any], broken: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    found = groupcalc(*broken)
    assert found.code == 1
    assert max(map(len, found.lines)) <= columns
    words = " ".join(found.out.split())
    for said in (
        "network.toml", "macs <= max(+2%, +5M)", "28.90 → 43.35 MMACs", "+50.0 %, 9.451 MMACs over",
        "groupcalc.toml:3", "└ ~ large groups 32 → 16 14.45 → 28.90 MMACs (×2) Ask before raising this.", "WARN",
        "1 model, 0 of 3 budgets hold · 2 failed · 1 warning",
    ):  # fmt: skip
        assert said in words


def test_in_a_pipe_a_finding_is_one_line_uncut(groupcalc: Callable[..., Any], broken: tuple[str, ...]) -> None:
    found = groupcalc(*broken)
    assert [line.split()[0] for line in found.lines] == ["FAIL", "└", "FAIL", "└", "WARN", "└", "1"]
    assert "a-folder-with-a-rather-long-name/and-another-one-below/network.toml" in found.lines[0]
    assert "\x1b" not in found.out


def test_colours_mark_the_status_alone(
    groupcalc: Callable[..., Any], broken: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = groupcalc(*broken, "--color", "always")
    assert found.lines[0].startswith("\x1b[1;31mFAIL\x1b[0m  a-folder")
    assert found.out.count("\x1b[33mWARN\x1b[0m") == 1
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in groupcalc(*broken).out


@pytest.mark.parametrize("name", ["\x1b[31mred", "::error::x", "a|b", "[bold]x", "a\nb", "##[error]x", "=1+1"])
def test_names_from_a_file_stay_inert(groupcalc: Callable[..., Any], conv: Callable[..., str], name: str) -> None:
    conv("m.onnx", node=name)
    for words in (("check", "m.onnx", "--budget", "m.onnx::*: macs <= 1"), ("diff", "base.onnx", "m.onnx")):
        conv("base.onnx", node="other", batch=2)
        for form in ("table", "markdown", "csv", "html", "json"):
            out = groupcalc(*words, "-o", form).out
            assert all(line.isprintable() for line in out.splitlines())
            assert not any(line.startswith("::") for line in out.splitlines())
            assert "##[" not in out


def test_what_diff_says_of_nothing(groupcalc: Callable[..., Any], net: str) -> None:
    code, out, err = groupcalc("diff", net, net)
    assert (code, err) == (0, "")
    assert out.startswith("1 model: nothing changed\n")


@pytest.mark.parametrize("side", [0, 1])
def test_a_side_that_cannot_be_read_is_exit_2(groupcalc: Callable[..., Any], net: str, side: int) -> None:
    words = [net, net]
    words[side] = "none.onnx"
    assert groupcalc("diff", *words) == (2, "", "none.onnx: no such file (check the path, or quote a layer line)\n")


def test_diff_folds_the_small_changes(groupcalc: Callable[..., Any], convs: Callable[..., str]) -> None:
    convs("a.onnx", *[32] * 30)
    convs("b.onnx", *[16] * 30)
    assert "… 10 more (--top 0: all)" in groupcalc("diff", "a.onnx", "b.onnx").out
    assert len(groupcalc("diff", "a.onnx", "b.onnx", "--top", "0").lines) == 3 + 30 + 1 + 3
    assert len(groupcalc("diff", "a.onnx", "b.onnx", "-o", "csv").lines) == 1 + 30


def examples(command: str) -> list[str]:
    module = __import__(f"groupcalc.cli.{command}", fromlist=["EXAMPLES"])
    return [line.strip() for line in module.EXAMPLES.splitlines() if line.startswith("  groupcalc ")]


@pytest.mark.parametrize("line", [*examples("check"), *examples("diff"), *examples("init"), *examples("schema")])
def test_the_examples_of_the_help_run(
    groupcalc: Callable[..., Any], repository: Any, conv: Callable[..., str], line: str
) -> None:
    Path("models").mkdir()
    for path in ("model.onnx", "models/a.onnx", "old.onnx", "new.onnx"):
        conv(path, node="a_conv2", batch="batch" if "--dim" in line else 1)
    if " init" not in line:
        config('models = ["models"]\n[[budgets]]\nlimits = ["macs <= 1G"]')
        groupcalc("analyze", "models", "-o", "json:base.json", "-o", "table:/dev/null")
    repository.commit()
    for name in ("tag v1.0", "tag v2.0", "update-ref refs/remotes/origin/main HEAD"):
        repository(*name.split())
    program, *words = shlex.split(line, comments=True)
    assert program == "groupcalc"
    result = groupcalc(*words)
    assert result.code == 0
    assert words[0] == "init" or result.err == ""


def test_a_glob_of_models_selects_the_same_models_of_a_budget(
    groupcalc: Callable[..., Any], convs: Callable[..., str]
) -> None:
    for path in ("models/a.onnx", "models/b/c.onnx"):
        convs(path, 32)
    config('models = ["models/**/*.onnx"]\n[[budgets]]\nmodel = "models/**/*.onnx"\nlimits = ["macs <= 1G"]')
    assert groupcalc("check").out == "2 models, 2 of 2 budgets hold\n"
