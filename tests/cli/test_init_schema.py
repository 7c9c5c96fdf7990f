"""`init` writes what `check` then passes; `schema` prints what every file that we write and read fits."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_todays_figures_are_the_budgets(groupcalc: Callable[..., Any], convs: Callable[..., str]) -> None:
    convs("models/a.onnx", 32)
    convs("models/sub/b.onnx", 1)
    found = groupcalc("init")
    assert (found.code, found.out) == (0, "")
    assert found.err == "groupcalc.toml: budgets for 2 models; groupcalc check reads it\n"
    dense = 128 * 128 * 9
    data = tomllib.loads(Path("groupcalc.toml").read_text())
    assert data["models"] == ["**/*.onnx"]
    assert [(budget["model"], budget["limits"]) for budget in data["budgets"]] == [
        ("models/a.onnx", [f"macs <= {dense // 32 * 56 * 56:_}", f"params <= {dense // 32:_}"]),
        ("models/sub/b.onnx", [f"macs <= {dense * 56 * 56:_}", f"params <= {dense:_}"]),
    ]
    assert groupcalc("check").code == 0
    convs("models/a.onnx", 16)
    assert groupcalc("check").code == 1


def test_sizes_and_uncounted_nodes_are_written_down(groupcalc: Callable[..., Any], conv: Callable[..., str]) -> None:
    conv("a.onnx", batch="batch", op="Foo", domain="com.acme")
    assert groupcalc("init", ".", "--dim", "batch=2", "-q").err == ""
    assert 'dims = {"batch" = 2}' in Path("groupcalc.toml").read_text()
    assert groupcalc("check") == (0, "1 model, 3 of 3 budgets hold\n", "")


@pytest.mark.parametrize("name", ["[a].onnx", 'q"uote.onnx', "back\\slash.onnx", "ü.onnx", "tab\t.onnx", "a: b.onnx"])
def test_any_name_of_a_file_is_written_so_that_it_is_found(
    groupcalc: Callable[..., Any], convs: Callable[..., str], name: str
) -> None:
    convs(name, 32)
    assert groupcalc("init").code == 0
    assert groupcalc("check").out == "1 model, 2 of 2 budgets hold\n"


def test_directories_and_layer_files_are_kept_as_they_are_named(
    groupcalc: Callable[..., Any], convs: Callable[..., str], net: str
) -> None:
    convs("models/a.onnx", 32)
    assert groupcalc("init", "models/", net).code == 0
    assert tomllib.loads(Path("groupcalc.toml").read_text())["models"] == ["models/**/*.onnx", "net.toml"]
    assert groupcalc("check").code == 0


@pytest.mark.parametrize(("path", "removed"), [("groupcalc.toml", "it"), ("pyproject.toml", "its [tool.groupcalc]")])
def test_a_configuration_that_is_there_stays(groupcalc: Callable[..., Any], net: str, path: str, removed: str) -> None:
    text = "[tool.groupcalc]\nmodels = []\n" if path == "pyproject.toml" else "models = []\n"
    Path(path).write_text(text)
    found = groupcalc("init", net)
    assert found == (2, "", f"{path}: there is a configuration already (edit it, or remove {removed} first)\n")
    assert Path(path).read_text() == text


def test_nothing_is_written_for_what_cannot_be_read(groupcalc: Callable[..., Any], net: str) -> None:
    assert groupcalc("init", net, "none.onnx").code == 2
    assert groupcalc("init").err == ".: holds no .onnx file (name a directory of models, or a file)\n"
    assert not Path("groupcalc.toml").exists()


@pytest.fixture
def validator(groupcalc: Callable[..., Any]) -> Callable[..., Draft202012Validator]:
    def made(*kind: str) -> Draft202012Validator:
        found = groupcalc("schema", *kind)
        assert (found.code, found.err) == (0, "")
        schema = json.loads(found.out)
        Draft202012Validator.check_schema(schema)
        return Draft202012Validator(schema)

    return made


def test_every_saved_result_fits_its_schema(
    groupcalc: Callable[..., Any], validator: Callable[..., Any], conv: Callable[..., str], net: str
) -> None:
    conv("a.onnx", op="Foo", domain="com.acme")
    for words in (
        ("analyze", net, "a.onnx", "none.onnx", "--groups", "1,2,5"),
        ("check", net, "--budget", "macs <= 1", "--budget", "net.toml::*: macs <= +1%"),
        ("diff", net, "a.onnx"),
    ):
        validator().validate(json.loads(groupcalc(*words, "--json").out))
        validator("result").validate(json.loads(groupcalc(*words, "--json").out))


def test_the_geometry_of_a_layer_may_be_missing_but_not_be_another_thing(
    groupcalc: Callable[..., Any], validator: Callable[..., Any], net: str
) -> None:
    found = json.loads(groupcalc("analyze", net, "--json").out)
    layer = found["models"][0]["layers"][0]
    geometry = layer.pop("geometry")
    validator("result").validate(found)
    assert sorted(geometry) == sorted(
        validator("result").schema["$defs"]["layer"]["properties"]["geometry"]["required"]
    )
    layer["geometry"] = {**geometry, "padding": [1, 1]}
    with pytest.raises(ValidationError):
        validator("result").validate(found)


@pytest.mark.parametrize("key", ["schema_version", "tool", "convention"])
def test_what_is_no_result_does_not_fit(
    groupcalc: Callable[..., Any], validator: Callable[..., Any], net: str, key: str
) -> None:
    data = json.loads(groupcalc("analyze", net, "--json").out)
    with pytest.raises(ValidationError):
        validator().validate({**data, key: None})
    del data["models"][0]["layers"][0]["macs"]
    with pytest.raises(ValidationError):
        validator().validate(data)


def test_layer_files_fit_their_schema(validator: Callable[..., Any], net: str) -> None:
    layers = validator("layers")
    stage = tomllib.loads((EXAMPLES / "stage.toml").read_text())
    layers.validate(stage)
    layers.validate(tomllib.loads(Path(net).read_text()))
    for wrong in (
        {"schema": 2, "layers": []},
        {"schema": 1},
        {"schema": 1, "layer": [], "layers": []},
        {"schema": 1, "layer": [{"name": "no op"}]},
        {"schema": 1, "layer": [{"op": "Conv4d"}]},
        {"schema": 1, "layer": [{"op": "Conv2d", "group": 1}]},
    ):
        with pytest.raises(ValidationError):
            layers.validate(wrong)


def test_configurations_fit_their_schema(validator: Callable[..., Any]) -> None:
    config = validator("config")
    config.validate(tomllib.loads((EXAMPLES / "groupcalc.toml").read_text()))
    for wrong in (
        {"modles": []},
        {"budgets": [{}]},
        {"budgets": [{"limits": [], "level": "info"}]},
        {"dims": {"b": 0}},
    ):
        with pytest.raises(ValidationError):
            config.validate(wrong)


def test_the_schema_knows_every_key_that_the_configuration_does(validator: Callable[..., Any]) -> None:
    from groupcalc.config.read import BUDGET_KEYS, KEYS, MODEL_KEYS

    properties = validator("config").schema["properties"]
    assert set(properties) == set(KEYS)
    assert set(properties["budgets"]["items"]["properties"]) == set(BUDGET_KEYS)
    assert set(properties["model"]["items"]["properties"]) == set(MODEL_KEYS)


def test_a_schema_that_there_is_not_is_said(groupcalc: Callable[..., Any]) -> None:
    assert groupcalc("schema", "results") == (
        2, "", "result|layers|config: 'results' is none of its values (did you mean 'result'?)\n",
    )  # fmt: skip


def test_a_side_that_is_missing_is_said(groupcalc: Callable[..., Any]) -> None:
    assert groupcalc("diff", "a.onnx").err == "groupcalc diff: NEW is missing (write groupcalc diff BASE NEW)\n"
