"""How many threads: the affinity mask or the cgroup's quota, whichever is fewer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from groupcalc.kernels.threads import cgroup_quota, note, threading_layer, usable_cpus


def group(tmp_path: Path, membership: str, **files: str) -> tuple[Path, Path]:
    """A control group file system whose files hold these texts ("/" in a name is written "__"), and a membership."""
    for name, text in files.items():
        path = tmp_path / "cgroup" / name.replace("__", "/").replace("cpu_max", "cpu.max")
        path = path.with_name(path.name.replace("cpu_cfs", "cpu.cfs"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "membership").write_text(membership)
    return tmp_path / "cgroup", tmp_path / "membership"


QUOTAS = {
    "one and a half": (("0::/a\n", {"a__cpu_max": "150000 100000\n"}), 1.5),
    "none": (("0::/a\n", {"a__cpu_max": "max 100000\n"}), None),
    "of a parent": (("0::/a/b\n", {"a__cpu_max": "200000 100000\n", "a__b__cpu_max": "max 100000\n"}), 2.0),
    "the tighter of two": (("0::/a/b\n", {"a__cpu_max": "200000 100000", "a__b__cpu_max": "300000 100000"}), 2.0),
    "a container's own mount": (("0::/docker/123\n", {"cpu_max": "400000 100000\n"}), 4.0),
    "version 1": (
        (
            "5:memory:/m\n4:cpu,cpuacct:/a\n",
            {"cpu__a__cpu_cfs_quota_us": "250000\n", "cpu__a__cpu_cfs_period_us": "100000\n"},
        ),
        2.5,
    ),
    "version 1, no limit": (
        ("4:cpu:/a\n", {"cpu__a__cpu_cfs_quota_us": "-1\n", "cpu__a__cpu_cfs_period_us": "100000\n"}),
        None,
    ),
    "no files": (("0::/a\n", {}), None),
}


@pytest.mark.parametrize(("given", "quota"), QUOTAS.values(), ids=QUOTAS)
def test_the_quota_of_a_control_group(tmp_path: Path, given: tuple[str, dict[str, str]], quota: float | None) -> None:
    membership, files = given
    assert cgroup_quota(*group(tmp_path, membership, **files)) == quota


def test_a_quota_of_half_a_cpu_is_one_thread(tmp_path: Path) -> None:
    assert usable_cpus(*group(tmp_path, "0::/\n", cpu_max="50000 100000\n")) == 1


def test_a_quota_beyond_the_affinity_mask_does_not_count(tmp_path: Path) -> None:
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert usable_cpus(*group(tmp_path, "0::/\n", cpu_max="100000000 100000\n")) == cpus


def test_only_slow_threads_are_worth_a_note() -> None:
    assert "install OpenMP" in note("workqueue", threads=2)
    assert note("workqueue", threads=1) == note("omp", threads=2) == ""


def test_the_layer_has_a_name() -> None:
    assert threading_layer() in ("omp", "tbb", "workqueue")
