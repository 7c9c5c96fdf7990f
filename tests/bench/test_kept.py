"""Ceilings on disk: measured once, found again, and a broken or unwritable place no obstacle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from groupcalc.bench.kept import kept_ceilings
from groupcalc.costs.roofline import Ceilings, Level


class Machine:
    """Counts how often it is measured."""

    def __init__(self) -> None:
        self.times = 0
        self.notes: list[str] = []

    def measure(self, threads: int) -> Ceilings:
        self.times += 1
        levels = (Level(name="L2", working_set=1024, bandwidth_bytes_per_s=5e9),)
        return Ceilings(threads=threads, peak_flops_per_s=1e9 * self.times, levels=levels, launch_s=2e-6)

    def ask(self, threads: int, again: bool = False) -> Ceilings:
        return kept_ceilings(threads, self.measure, self.notes.append, again=again)


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GROUPCALC_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "ceilings"


def test_a_machine_is_measured_once_for_each_number_of_threads(machine: Machine) -> None:
    first = machine.ask(1)
    assert machine.ask(1) == first
    assert machine.ask(2).threads == 2
    assert (machine.times, machine.notes) == (2, [])


def test_it_is_measured_again_on_request_and_that_is_kept(machine: Machine) -> None:
    machine.ask(1)
    assert machine.ask(1, again=True).peak_flops_per_s == 2e9
    assert machine.ask(1).peak_flops_per_s == 2e9


def test_other_kernels_measure_anew(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.ask(1)
    monkeypatch.setattr("groupcalc.bench.kept.source_stamp", lambda: "another")
    machine.ask(1)
    assert machine.times == 2


LEVEL = {"name": "L2", "working_set": 1}
BROKEN = ("", "[]", "{}", '{"version": 0}')
WRONG: tuple[dict[str, Any], ...] = (
    {"threads": 2},
    {"levels": []},
    {"levels": [LEVEL]},
    {"levels": [LEVEL | {"bandwidth_bytes_per_s": 0}]},
    {"levels": [LEVEL | {"bandwidth_bytes_per_s": float("nan")}]},
    {"peak_flops_per_s": -1},
    {"launch_s": None},
)


@pytest.mark.parametrize("broken", [*BROKEN, *WRONG], ids=str)
def test_a_broken_file_is_measured_anew(machine: Machine, place: Path, broken: str | dict[str, Any]) -> None:
    machine.ask(1)
    [file] = place.iterdir()
    file.write_text(broken if isinstance(broken, str) else json.dumps(json.loads(file.read_text()) | broken))
    machine.ask(1)
    assert machine.times == 2
    assert json.loads(file.read_text())["peak_flops_per_s"] == 2e9


def test_where_nothing_can_be_kept_there_is_a_note_and_an_answer(machine: Machine, place: Path) -> None:
    place.parent.mkdir()
    place.write_text("a file where the directory should be")
    assert machine.ask(1).peak_flops_per_s == 1e9
    [line] = machine.notes
    assert "the ceilings cannot be kept, each run measures them anew" in line


def test_no_draft_is_left_behind(machine: Machine, place: Path) -> None:
    machine.ask(1)
    machine.ask(1, again=True)
    assert [path.suffix for path in place.iterdir()] == [".json"]
