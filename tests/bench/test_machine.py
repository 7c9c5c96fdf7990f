"""Facts about the machine, read from what Linux writes about itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from groupcalc.bench.machine import caches, machine, processor, usable
from groupcalc.errors import UsageError


def test_caches_that_hold_data_count_and_instructions_do_not(tmp_path: Path) -> None:
    for index, (level, kind, size) in enumerate(
        [("1", "Data", "32K"), ("1", "Instruction", "64K"), ("2", "Unified", "1024K"), ("3", "Unified", "32768K")]
    ):
        folder = tmp_path / f"index{index}"
        folder.mkdir()
        for name, text in (("level", level), ("type", kind), ("size", size)):
            (folder / name).write_text(text + "\n")
    assert caches(tmp_path) == {"L1": 32 * 1024, "L2": 1024 * 1024, "L3": 32768 * 1024}


def test_a_system_that_tells_nothing_of_its_caches_has_none(tmp_path: Path) -> None:
    assert caches(tmp_path / "nowhere") == {}


def test_a_shortened_name_is_told_apart_by_family_and_model(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text("cpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\n\nmodel name\t: another\n")
    assert processor(path) == "AMD EPYC, family 25 model 17"


def test_without_cpuinfo_there_is_still_a_name(tmp_path: Path) -> None:
    assert processor(tmp_path / "nowhere")


def test_the_versions_of_what_runs_are_among_the_facts() -> None:
    assert {"groupcalc", "numpy", "numba"} <= machine()["versions"].keys()


def test_no_threads_mean_all_and_more_than_all_are_refused() -> None:
    cpus = machine()["cpus"]
    assert usable(None) == cpus
    assert usable(1) == 1
    with pytest.raises(UsageError, match=f"^--threads: 10000 threads are more than the {cpus} CPUs here"):
        usable(10_000)
