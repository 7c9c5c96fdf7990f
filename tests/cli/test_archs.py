"""Architectures by name on the command line: side by side, and at the width that keeps the cost."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

import pytest

from groupcalc.cli.matching import WAY_OUT
from tests.cli.conftest import Result

Groupcalc = Callable[..., Result]


def test_two_networks_stand_side_by_side(groupcalc: Groupcalc) -> None:
    words = ("arch:resnext50,groups=1,width=64", "arch:resnext50,groups=32,width=4")
    done = groupcalc("analyze", *words, "--by", "model")
    assert done.code == 0
    rows = [line.split() for line in done.lines if line.strip().startswith("arch:")]
    assert [row[0] for row in rows] == list(words)
    assert [" ".join(row[2:6]) for row in rows] == ["25.56 M 4.089 G", "25.03 M 4.230 G"]


def test_match_lists_todays_network_and_its_equals(groupcalc: Groupcalc) -> None:
    done = groupcalc("analyze", "arch:resnext50_1x64d", "--groups", "1,2,4,8,32", "--match", "params", "-o", "csv")
    assert done.code == 0
    models = [row["model"] for row in csv.DictReader(io.StringIO(done.out))]
    assert models == [
        "arch:resnext50_1x64d",
        "arch:resnext50,groups=2,width=40",
        "arch:resnext50,groups=4,width=24",
        "arch:resnext50,groups=8,width=14",
        "arch:resnext50",
    ]


def test_what_match_lists_can_be_typed_again(groupcalc: Groupcalc) -> None:
    done = groupcalc("analyze", "arch:igc_block", "--groups", "6", "--match", "macs", "--json")
    data = json.loads(done.out)
    assert data["whatif"] == []
    found = data["models"][1]
    again = json.loads(groupcalc("analyze", found["path"], "--json").out)["models"][0]
    assert again == found


def test_match_says_what_it_did(groupcalc: Groupcalc) -> None:
    done = groupcalc("analyze", "arch:igc_block", "--groups", "6", "--match", "macs")
    assert "--match: at each group count the width whose macs come nearest to those of today." in done.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["arch:conv", "--match", "macs"], f"--match: needs --groups, and architectures by name as INPUT ({WAY_OUT})"),
        (["x.onnx", "--groups", "2", "--match", "macs"], "--match: needs --groups, and architectures by name as"),
        (["arch:conv", "--groups", "2", "--match", "flops"], "--match: 'flops' is none of its values (use "),
        (["arch:alexnet", "--groups", "1,2", "--match", "macs"], "--match: alexnet has no width to match (use "),
        (["arch:igc", "--groups", "2", "--match", "macs"], "arch:igc: there is no architecture 'igc' (groupcalc "),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(groupcalc: Groupcalc, words: list[str], message: str) -> None:
    done = groupcalc("analyze", *words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(message)
    assert done.err.count("\n") == 1


def test_a_group_count_that_does_not_fit_leaves_the_others(groupcalc: Groupcalc) -> None:
    done = groupcalc("analyze", "arch:shufflenet_v1", "--groups", "2,5", "--match", "macs")
    assert done.code == 2
    assert "arch:shufflenet_v1,groups=2" in done.out
    assert done.err == "arch:shufflenet_v1: groups=5 is none of its values (use 1, 2, 3, 4, 8)\n"


def test_a_what_if_on_an_architecture_names_its_layers(groupcalc: Groupcalc) -> None:
    data = json.loads(groupcalc("analyze", "arch:alexnet", "--groups", "1", "--json").out)
    assert data["whatif"][0]["totals"]["params"] == 62_378_344


def test_a_word_that_is_an_architecture_is_told_the_command(groupcalc: Groupcalc) -> None:
    assert groupcalc("arch:alexnet").err == (
        "groupcalc: there is no command 'arch:alexnet' (write groupcalc analyze arch:alexnet)\n"
    )
