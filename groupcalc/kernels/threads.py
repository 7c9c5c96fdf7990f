"""Threads: how many a kernel may use, and what starts them."""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path

from groupcalc.errors import GeometryError

CGROUPS = Path("/sys/fs/cgroup")


def thread_count(threads: int | None) -> int:
    """The threads to plan for: as asked, else the CPUs this process may use. GeometryError beyond Numba's pool."""
    pool = _pool_size()
    if threads is None:
        return min(usable_cpus(), pool)
    if threads > pool:
        fact = f"threads={threads} is more than the {pool} that Numba's pool holds"
        raise GeometryError(fact, f"set NUMBA_NUM_THREADS={threads} before Numba is imported")
    return threads


def usable_cpus(cgroups: Path = CGROUPS, membership: Path = Path("/proc/self/cgroup")) -> int:
    """CPUs of the affinity mask or of the cgroup's quota, whichever is fewer."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cgroup_quota(cgroups, membership)
    return affinity if quota is None else max(1, min(affinity, ceil(quota)))


def cgroup_quota(cgroups: Path, membership: Path) -> float | None:
    """CPUs that the control groups of this process allow; None without a limit. (v2: cpu.max, v1: cpu.cfs_*)"""
    quotas = []
    for line in _lines(membership):
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        # Inside a container the path is the host's, and the limit stands at the top of the mount.
        mount = cgroups / "cpu" if controllers else cgroups
        group = mount / path.lstrip("/")
        quotas += [_quota(place) for place in (group, *group.parents) if place.is_relative_to(mount)]
    return min((quota for quota in quotas if quota is not None), default=None)


def _quota(place: Path) -> float | None:
    numbers = " ".join(_lines(place / "cpu.max")).split()
    if not numbers:
        numbers = [*_lines(place / "cpu.cfs_quota_us"), *_lines(place / "cpu.cfs_period_us")]
    if len(numbers) != 2 or not all(number.isdecimal() for number in numbers):  # "max", -1: no limit
        return None
    quota, period = map(int, numbers)
    return quota / period if period else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _pool_size() -> int:
    from numba import config

    return int(config.NUMBA_NUM_THREADS)


def threading_layer() -> str:
    """Start Numba's threads if nothing has yet, on OpenMP where it can be had, and name the layer.

    An empty launch takes 1.5 to 3 µs on omp and 70 to 90 µs on workqueue, longer than a small layer.
    """
    from numba import config, get_num_threads
    from numba import threading_layer as started_layer

    preferred = config.THREADING_LAYER_PRIORITY
    config.THREADING_LAYER_PRIORITY = sorted(preferred, key=lambda name: name != "omp")
    try:
        get_num_threads()  # starts them
    finally:
        config.THREADING_LAYER_PRIORITY = preferred
    return str(started_layer())


def note(layer: str, threads: int) -> str:
    """What a person should know of the threads; "" when all is well."""
    if layer != "workqueue" or threads == 1:
        return ""
    return "Numba has only its workqueue threads: each launch costs about 80 µs (install OpenMP: libgomp or libomp)"
