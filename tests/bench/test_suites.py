"""The suites in examples/: what they hold, and that every layer of them can be timed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from groupcalc.bench.cases import cases_of
from groupcalc.bench.result import Case
from groupcalc.sources import load
from groupcalc.sources.given import Given
from groupcalc.sources.targets import Target

SUITES = Path(__file__).parents[2] / "examples" / "suites"


def cases(name: str) -> dict[str, Case]:
    path = str(SUITES / name)
    found, skipped = cases_of(load(Target(path=path, kind="toml"), Given()).layers, threads=1)
    assert skipped == ()
    return {case.name: case for case in found}


@pytest.fixture(scope="module")
def grouped() -> dict[str, Case]:
    return cases("grouped.toml")


def test_the_grouped_suite_has_its_families(grouped: dict[str, Case]) -> None:
    counts = Counter(family for case in grouped.values() for family in case.families)
    assert counts == {
        "grouped": 14 + 7 + 23,
        "grouped/kxk": 14,
        "grouped/1x1": 7,
        "grouped/depthwise": 23,
        "dense": 9,
        "sweep": 8,
        "batch8": 6,
    }


@pytest.mark.parametrize(
    ("name", "macs"),
    [
        ("grouped/kxk/128-56", 128 * (128 // 32) * 9 * 56 * 56),
        ("grouped/kxk/1024-14-s2", 1024 * (1024 // 32) * 9 * 7 * 7),  # the plane is halved
        ("grouped/kxk/resnext101-2048-7", 2048 * (2048 // 32) * 9 * 7 * 7),
        ("grouped/kxk/alexnet-96-256-27-5x5", 256 * (96 // 2) * 25 * 27 * 27),
        ("grouped/1x1/272-28-g4", 272 * (272 // 4) * 28 * 28),
        ("grouped/depthwise/3x3-32-112", 32 * 9 * 112 * 112),
        ("grouped/depthwise/5x5-672-14-s2", 672 * 25 * 7 * 7),
        ("grouped/depthwise/7x7-96-56", 96 * 49 * 56 * 56),
        ("grouped/depthwise/global-7x7-512-7", 512 * 49),  # one output a channel
        ("dense/1x1-1024-256-14", 1024 * 256 * 14 * 14),
        ("batch8/depthwise-64-112-s2", 8 * 64 * 9 * 56 * 56),
    ],
)
def test_a_case_is_the_layer_that_its_name_says(grouped: dict[str, Case], name: str, macs: int) -> None:
    assert grouped[name].cost.macs == macs


def test_the_sweep_differs_in_its_groups_only(grouped: dict[str, Case]) -> None:
    sweep = [case.conv for case in grouped.values() if "sweep" in case.families]
    assert [conv.groups for conv in sweep] == [1, 2, 4, 8, 16, 32, 64, 256]
    assert {conv.dense for conv in sweep} == {sweep[0]}


def test_depthwise_cases_are_depthwise_and_dense_ones_dense(grouped: dict[str, Case]) -> None:
    for case in grouped.values():
        assert case.conv.depthwise == ("depthwise" in case.name or case.name == "sweep/g256")
        assert (case.conv.groups == 1) == (case.name.startswith("dense/") or case.name == "sweep/g1")
        assert case.conv.batch == (8 if "batch8" in case.families else 1)


def test_every_layer_of_the_grouped_suite_keeps_its_plane_or_halves_it(grouped: dict[str, Case]) -> None:
    for name, case in grouped.items():
        if "global" in name:
            continue
        assert [size * case.conv.stride[0] for size in case.conv.out_size] == list(case.conv.in_size)


def test_the_suite_of_unusual_shapes_has_what_it_promises() -> None:
    convs = {name: case.conv for name, case in cases("shapes.toml").items()}
    asymmetric = [name for name, conv in convs.items() if any(before != after for before, after in conv.padding)]
    assert all(name.startswith("asymmetric/") for name in asymmetric)
    assert len(asymmetric) == 2
    assert any(max(conv.dilation) > 1 for conv in convs.values())
    assert any(max(conv.stride) > 2 for conv in convs.values())
    assert any(conv.depthwise and conv.out_channels > conv.in_channels for conv in convs.values())
    assert any(conv.bias for conv in convs.values())
