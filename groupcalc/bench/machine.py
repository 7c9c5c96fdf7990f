"""What a measurement was taken on: facts that another one can be compared by."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from groupcalc.errors import UsageError
from groupcalc.kernels.threads import usable_cpus

PACKAGES = ("groupcalc", "numpy", "numba", "numba-cuda", "llvmlite", "torch", "onnxruntime", "onnxruntime-gpu")

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def usable(threads: int | None) -> int:
    """So many threads, or one for each CPU that this process may use; UsageError for more than those."""
    cpus = usable_cpus()
    if threads is not None and threads > cpus:
        raise UsageError(f"{threads} threads are more than the {cpus} CPUs here", f"use at most {cpus}", "--threads")
    return threads or cpus


def machine() -> dict[str, Any]:
    """Processor, CPUs that this process may use, caches in bytes, and versions of what runs."""
    return {
        "processor": processor(),
        "cpus": usable_cpus(),
        "caches": caches(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
    }


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The name that the processor gives itself; cloud hosts shorten it, so family and model stand beside it."""
    facts: dict[str, str] = {}
    for line in _lines(cpuinfo):
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    name = facts.get("model name") or platform.processor() or platform.machine()
    if "cpu family" in facts:
        name += f", family {facts['cpu family']} model {facts.get('model', '?')}"
    return name


def caches(folder: Path = CACHES) -> dict[str, int]:
    """Bytes of each cache that holds data, L1 first, as one core sees it; nothing where the system does not tell."""
    found = {}
    for index in sorted(folder.glob("index*")):
        facts = {key: "".join(_lines(index / key)) for key in ("level", "type", "size")}
        if facts["type"] in ("Data", "Unified") and facts["size"].endswith("K"):
            found[f"L{facts['level']}"] = int(facts["size"][:-1]) * 1024
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
