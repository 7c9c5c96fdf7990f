"""Ceilings kept on disk: a machine is measured once, a second of its user's time for each later run saved."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from groupcalc.bench.machine import caches, processor
from groupcalc.costs.roofline import Ceilings, Level
from groupcalc.kernels.stamp import source_stamp
from groupcalc.places import cache_directory

VERSION = 2
"""Of how the file says it."""


def kept_ceilings(
    threads: int, measure: Callable[[int], Ceilings], note: Callable[[str], None], *, again: bool = False
) -> Ceilings:
    """The ceilings of this machine with so many threads, from its file, or measured and put there.

    again  measure whatever the file says
    note   is told, in one line, what kept them from being kept
    """
    path = _path(threads)
    found = None if again else _read(path, threads)
    if found is None:
        found = measure(threads)
        try:
            _write(path, _made() | {"processor": processor()} | asdict(found))
        except OSError as error:
            note(f"{path}: the ceilings cannot be kept, each run measures them anew: {error.strerror}")
    return found


def _path(threads: int) -> Path:
    """One file a machine and thread count: a home directory may be seen by many machines."""
    machine = repr((processor(), sorted(caches().items()), os.cpu_count()))
    return cache_directory("ceilings") / f"{sha256(machine.encode()).hexdigest()[:16]}-{threads}.json"


def _made() -> dict[str, Any]:
    """What the file was written by: other kernels may launch in another time and probe in another way."""
    return {"version": VERSION, "kernels": source_stamp()}


def _read(path: Path, threads: int) -> Ceilings | None:
    """What the file says; None when it is not there, or says something else."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        found = json.loads(path.read_text(encoding="utf-8"))
        if all(found[name] == value for name, value in _made().items()) and found["threads"] == threads:
            return _ceilings(found)
    return None


def _ceilings(data: Mapping[str, Any]) -> Ceilings:
    levels = tuple(
        Level(
            name=str(level["name"]),
            working_set=int(level["working_set"]),
            bandwidth_bytes_per_s=_rate(level["bandwidth_bytes_per_s"]),
        )
        for level in data["levels"]
    )
    if not levels:
        raise ValueError("no level")
    peak, launch_s = _rate(data["peak_flops_per_s"]), float(data["launch_s"])
    return Ceilings(threads=int(data["threads"]), peak_flops_per_s=peak, levels=levels, launch_s=launch_s)


def _rate(value: Any) -> float:
    rate = float(value)
    if not 0 < rate < float("inf"):
        raise ValueError(f"{rate} is no rate")
    return rate


def _write(path: Path, data: Mapping[str, Any]) -> None:
    """The file whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(data, file, indent=2)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
