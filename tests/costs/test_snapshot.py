"""Saved results: the keys that other programs read, and reading them back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groupcalc.conv import Conv
from groupcalc.costs import snapshot
from groupcalc.costs.model import cost
from groupcalc.costs.snapshot import header, model_data, read_models
from groupcalc.errors import InputError
from groupcalc.sources.spec import load_lines

LINES = ["stem = Conv2d(3, 64, 7, stride=2, padding=3, bias=False) @ 1x3x224x224", "BatchNorm2d(64)", "ReLU() *2"]


def saved() -> dict[str, Any]:
    return {**header(), "models": [model_data(cost(load_lines(LINES)))]}


def test_the_header_states_version_and_convention() -> None:
    found = header()
    assert found["schema_version"] == 1
    assert found["tool"]["name"] == "groupcalc"
    assert found["convention"] == {"flops_per_mac": 2, "padded_taps": "counted"}


def test_the_keys_of_a_model_are_those_of_the_interface() -> None:
    (model,) = saved()["models"]
    assert list(model) == ["name", "path", "inputs", "totals", "layers", "uncounted", "warnings"]
    assert list(model["totals"]) == [
        "params", "buffers", "macs", "flops", "weight_bytes", "input_bytes", "output_bytes", "peak_activation_bytes",
        "dense_macs", "dense_params",
    ]  # fmt: skip
    assert list(model["layers"][0]) == [
        "name", "op", "groups", "inputs", "outputs", "params", "buffers", "macs", "flops", "weight_bytes",
        "input_bytes", "output_bytes", "arithmetic_intensity", "dense_macs", "dense_params", "repeat", "shared",
        "estimate_s", "bound", "geometry",
    ]  # fmt: skip
    assert "geometry" not in model["layers"][1]  # it is no convolution


def test_a_layer_says_what_it_is() -> None:
    stem, norm, relu = saved()["models"][0]["layers"]
    assert stem["op"] == "Conv"
    assert stem["inputs"] == [[1, 3, 224, 224]]  # activations only
    assert stem["outputs"] == [[1, 64, 112, 112]]
    assert stem["macs"] == 64 * 112 * 112 * 3 * 7 * 7
    assert norm["buffers"] == 2 * 64
    assert relu["repeat"] == 2
    assert relu["flops"] == 2 * (64 * 112 * 112)


def test_a_saved_result_reads_back_with_every_figure() -> None:
    data = saved()
    models = read_models(json.loads(json.dumps(data)))
    assert [model_data(model) for model in models] == data["models"]


CONVS = [
    "Conv2d(8, 16, (3, 1), stride=(1, 2), padding=(1, 0), dilation=(2, 1), groups=4, bias=False) @ 2x8x9x7",
    "ConvTranspose2d(24, 48, 4, stride=2, padding=1, output_padding=1, groups=3) @ 7x7",
    "Conv1d(6, 6, 3, groups=6) @ 9",
    "Conv3d(4, 4, 1, dtype=torch.float16) @ 3x4x5",
]


@pytest.mark.parametrize("line", CONVS)
def test_a_convolution_reads_back_with_its_geometry(line: str) -> None:
    written = cost(load_lines([line]))
    (model,) = read_models(json.loads(json.dumps({**header(), "models": [model_data(written)]})))
    assert written.layers[0].layer is not None
    assert model.layers[0].layer is None
    assert model.layers[0].conv == Conv.of(written.layers[0].layer) is not None


def test_a_result_saved_without_geometry_is_read() -> None:
    data = saved()
    del data["models"][0]["layers"][0]["geometry"]
    assert read_models(data)[0].layers[0].conv is None


@pytest.mark.parametrize(
    "change",
    [
        {"in_channels": 0}, {"in_channels": "3"}, {"stride": [1]}, {"stride": 2}, {"padding": [[3, 3]]},
        {"padding": [[3], [3]]}, {"kernel_size": [900, 900]}, {"output_padding": [0]}, {"bias": 1}, {"dtype": None},
    ],
)  # fmt: skip
def test_a_geometry_that_is_none_is_refused_in_one_line(change: dict[str, Any]) -> None:
    data = saved()
    data["models"][0]["layers"][0]["geometry"] |= change
    with pytest.raises(InputError, match=r"is no saved result of groupcalc \(.+\)$"):
        read_models(data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 99}, "schema_version 99 is not known (this groupcalc reads 1)"),
        ({"schema_version": None}, "schema_version None is not known (this groupcalc reads 1)"),
        ({"models": 3}, "is no saved result of groupcalc"),
        ({"models": [{}]}, "is no saved result of groupcalc"),
    ],
)
def test_what_is_no_saved_result_is_refused_in_one_line(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_models({**saved(), **change})
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_the_version_before_is_read_and_no_older_one(monkeypatch: pytest.MonkeyPatch) -> None:
    old = saved()
    old["models"] = [{**model, "title": model.pop("name")} for model in old["models"]]
    monkeypatch.setattr(snapshot, "SCHEMA_VERSION", 2)
    monkeypatch.setitem(
        snapshot.UPGRADES, 1, lambda data: {**data, "models": [{**m, "name": m["title"]} for m in data["models"]]}
    )
    assert [model.name for model in read_models(old)] == [model["name"] for model in saved()["models"]]
    for version in (0, 3):
        with pytest.raises(
            InputError, match=rf"schema_version {version} is not known \(this groupcalc reads 1 and 2\)"
        ):
            read_models({**old, "schema_version": version})


@pytest.mark.parametrize("value", [-1, 1.0, True, "3", None, []])
def test_a_count_that_is_no_count_is_refused(value: object) -> None:
    data = saved()
    data["models"][0]["layers"][0]["macs"] = value
    with pytest.raises(InputError):
        read_models(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON)
def test_junk_is_refused_and_nothing_else(junk: Any) -> None:
    with pytest.raises(InputError):
        read_models({"schema_version": 1, "models": [junk]})
