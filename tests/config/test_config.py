"""The configuration: where it is found, what it may say, and where each budget of it is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groupcalc.config import find
from groupcalc.config.read import KEYS, read
from groupcalc.errors import GroupcalcError, InputError, UsageError
from groupcalc.sources.given import Given


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return tmp_path


def test_the_nearest_upward_counts(here: Path) -> None:
    (here / "groupcalc.toml").write_text('base = "far"')
    (here / "a" / "pyproject.toml").write_text('[tool.groupcalc]\nbase = "near"')
    found = find()
    assert (found.base, found.path) == ("near", os.path.join("..", "pyproject.toml"))


def test_a_file_of_our_own_comes_before_a_pyproject_beside_it(here: Path) -> None:
    Path("groupcalc.toml").write_text('base = "own"')
    Path("pyproject.toml").write_text('[tool.groupcalc]\nbase = "shared"')
    assert find().base == "own"


@pytest.mark.parametrize(
    "text", ["", "[project]\nname = 'groupcalc'", "[tool.ruff]\nline-length = 9", "this is no TOML ["]
)
def test_a_pyproject_without_the_table_is_passed_over(here: Path, text: str) -> None:
    (here / "a" / "groupcalc.toml").write_text('base = "above"')
    Path("pyproject.toml").write_text(text)
    assert find().base == "above"


def test_without_any_there_is_an_empty_one(here: Path) -> None:
    found = find()
    assert (found.path, found.models, found.budgets, found.root) == ("", (), (), ".")


def test_a_named_one_must_be_there(here: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.toml: no such file"):
        find("none.toml")


def test_paths_are_relative_to_the_file(here: Path) -> None:
    (here / "a" / "groupcalc.toml").write_text(
        'models = ["nets/*.onnx", "!nets/old/**", "Conv2d(1, 1, 1) @ 4x4", "arch:resnet50"]\nbase = "base.json"'
    )
    found = find()
    assert found.inputs == ["../nets/*.onnx", "!../nets/old/**", "Conv2d(1, 1, 1) @ 4x4", "arch:resnet50"]
    assert found.located(found.base) == "../base.json"
    assert found.located("git:main") == "git:main"
    assert found.located("") == ""  # no base is none, not the folder
    net = here / "a" / "nets" / "m.onnx"
    net.parent.mkdir()
    net.touch()
    assert found.relative(os.path.join("..", "nets", "m.onnx")) == "nets/m.onnx"


def test_a_folder_whose_name_is_a_glob_is_meant_literally(here: Path) -> None:
    folder = Path("[x]")
    folder.mkdir()
    (folder / "groupcalc.toml").write_text('models = ["*.onnx", "m.onnx"]')
    assert find(str(folder / "groupcalc.toml")).inputs == ["[[]x]/*.onnx", "[x]/m.onnx"]


def test_flags_beat_an_override_beats_what_is_for_all(here: Path) -> None:
    text = """
    dims = {batch = 1, height = 10}
    shapes = {x = [1, 3]}
    [[model]]
    match = "det*.onnx"
    dims = {batch = 2}
    shapes = {x = [2, 3]}
    """
    config = read(text, "groupcalc.toml")
    assert config.given_for("cls.onnx", Given()) == Given(shapes={"x": (1, 3)}, dims={"batch": 1, "height": 10})
    assert config.given_for("det1.onnx", Given()) == Given(shapes={"x": (2, 3)}, dims={"batch": 2, "height": 10})
    assert config.given_for("det1.onnx", Given(dims={"batch": 4})).dims == {"batch": 4, "height": 10}
    assert config.given_for("det1.onnx", Given(shapes={"": (9,)})).shapes == {"": (9,)}


BUDGETS = """\
# macs <= 1G is not it
[[tool.groupcalc.budgets]]
model = "a.onnx"
limits = ["macs <= 1G", 'params <= 2M',
          "macs <= +2%"]

[[ tool . groupcalc . budgets ]]
layer = "x*"
limits = [
  # "flops <= 3G"
  "flops <= 3G",
  "flops <= 3\\u0047",
]
level = "warn"
message = "m"
"""


def test_every_limit_has_its_line() -> None:
    found = read(BUDGETS, "pyproject.toml").budgets
    assert [(budget.rule, budget.location and budget.location.line) for budget in found] == [
        ("macs <= 1G", 4),
        ("params <= 2M", 4),
        ("macs <= +2%", 5),
        ("flops <= 3G", 11),  # not that of the comment
        ("flops <= 3G", 7),  # written with an escape: the line of its table
    ]
    assert [(budget.model, budget.layer, budget.level, budget.message) for budget in found[::3]] == [
        ("a.onnx", "", "error", ""),
        ("*", "x*", "warn", "m"),
    ]


def test_budgets_in_a_list_of_inline_tables_have_lines_too() -> None:
    text = 'models = []\nbudgets = [\n  {limits = ["macs <= 1"]},\n  {limits = ["macs <= 2"]},\n]\n'
    assert [str(budget.location) for budget in read(text, "groupcalc.toml").budgets] == [
        "groupcalc.toml:3",
        "groupcalc.toml:4",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model = [", "groupcalc.toml:1: Invalid value"),
        ("modles = []", "groupcalc.toml: groupcalc has no key 'modles' (did you mean 'models'?)"),
        ("xyz = 1", f"groupcalc.toml: groupcalc has no key 'xyz' (there is: {', '.join(KEYS)})"),
        ("models = 3", "groupcalc.toml: models = 3 is no list (write […])"),
        ("models = [3]", 'groupcalc.toml: models holds 3 (write models = ["…"])'),
        ("base = 3", 'groupcalc.toml: base = 3 is no text (write base = "…")'),
        ("strict = 1", "groupcalc.toml: strict = 1 is neither true nor false (write strict = true)"),
        ("dims = 3", "groupcalc.toml: dims is no table (write dims = {batch = 1})"),
        ("dims = {b = 0}", "groupcalc.toml: dims.b = 0 is not a positive whole number (use 1 or more)"),
        ("dims = {b = 1.5}", "groupcalc.toml: dims.b = 1.5 is not a positive whole number (use 1 or more)"),
        ("dims = {b = true}", "groupcalc.toml: dims.b = True is not a positive whole number (use 1 or more)"),
        ("shapes = {x = 3}", "groupcalc.toml: x = 3 is no list (write […])"),
        ("groups = [0]", "groupcalc.toml: groups = 0 is not a positive whole number (use 1 or more)"),
        ("[[model]]", 'groupcalc.toml: [[model]] has no match (write match = "models/detector*.onnx")'),
        ("[[model]]\nmach = 'x'", "groupcalc.toml: [[model]] has no key 'mach' (did you mean 'match'?)"),
        ("model = 3", "groupcalc.toml: model is no list of tables (write [[tool.groupcalc.model]])"),
        ("\n[[budgets]]", 'groupcalc.toml:2: [[budgets]] has no limits (write limits = ["macs <= 4.1G"])'),
        ("[[budgets]]\nlimit = []", "groupcalc.toml:1: [[budgets]] has no key 'limit' (did you mean 'limits'?)"),
        ("[[budgets]]\nlimits = ['mac <= 1']", "groupcalc.toml:2: 'mac <= 1': there is no metric 'mac' (did you mean"),
        (
            "[[budgets]]\nmodel = 'a'\nlimits = ['b: macs <= 1']",
            "groupcalc.toml:3: 'b: macs <= 1': its table has the selector already (write the metric and its limit",
        ),
        (
            "[[budgets]]\nlimits = ['macs <= 1']\nlevel = 'warning'",
            "groupcalc.toml:1: level = 'warning' is not known (did you mean 'warn'?)",
        ),
        ("a" + ".a" * 99999 + " = 1", "groupcalc.toml:1: key 'a.a"),
        ("x = " + "[" * 9999, "groupcalc.toml: it is nested too deeply"),
    ],
)
def test_a_mistake_is_placed_and_answered(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text, "groupcalc.toml")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@given(st.sampled_from(KEYS), st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=4))
def test_junk_is_refused_and_nothing_else(key: str, junk: object) -> None:
    import json

    text = f"{key} = {json.dumps(junk).replace('null', '0.5')}"
    said = ""
    try:
        read(text, "groupcalc.toml")
    except GroupcalcError as error:
        said = str(error)
    assert "\n" not in said
