"""Every figure of a report is explained, by the convention of the cost rules."""

from __future__ import annotations

import pytest

from groupcalc.conv import conv
from groupcalc.costs.cost import KEYS
from groupcalc.explain.layer import cost_of
from groupcalc.explain.metrics import METRICS, metric, metric_data
from groupcalc.units import show_intensity


def test_every_figure_of_a_report_has_its_definition() -> None:
    assert {*KEYS, "peak_activation_bytes", "arithmetic_intensity"} == METRICS.keys()
    assert all(each.text and each.unit for each in METRICS.values())


@pytest.mark.parametrize(
    ("word", "key"), [("MACs", "macs"), ("FLOPs", "flops"), ("Params", "params"), ("peak", "peak_activation_bytes")]
)
def test_any_spelling_finds_it(word: str, key: str) -> None:
    found = metric(word)
    assert found is not None
    assert found.key == key


def test_no_word_means_two_metrics() -> None:
    words = [word for each in METRICS.values() for word in (each.key, *each.aliases)]
    assert len(words) == len(set(words))
    assert all(word == word.lower() for word in words)


def test_the_intensities_that_it_names_are_right() -> None:
    layer = conv(128, 128, 3, (56, 56), padding=1, bias=False, groups=32)
    text = " ".join(METRICS["arithmetic_intensity"].text)
    dense, some = (cost_of(each).arithmetic_intensity for each in (layer.dense, layer))
    assert f"from {show_intensity(dense)} to {int(some * 10) / 10} with 32 groups" in text


def test_tools_differ_by_name() -> None:
    elsewhere = METRICS["macs"].elsewhere
    assert {"fvcore", "thop", "ptflops", "torchinfo", "onnx-tool"} < elsewhere.keys()


def test_data_have_it_whole() -> None:
    (data,) = metric_data([METRICS["flops"]])
    assert data["key"] == "flops"
    assert data["elsewhere"] == dict(METRICS["flops"].elsewhere)
