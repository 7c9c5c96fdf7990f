"""Whether cases fit into memory, asked before any of it is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from groupcalc.bench.result import Case
from groupcalc.errors import UsageError

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")

CHECK = 8
"""Times its operands is what checking a case takes: input, output, their magnitudes and the bound, in float64."""

GIB = 2**30


def check_room(cases: Sequence[Case], engines: int, free: int | None) -> None:
    """UsageError when cases that take turns need more than the `free` bytes; None: nobody knows how many.

    Each engine holds all of them, and they are checked one after the other.
    """
    held = [case.traffic * case.chain for case in cases]
    largest = max(cases, key=lambda case: case.traffic)
    needed = sum(held) * engines + largest.traffic * CHECK
    if free is not None and needed > free:
        fact = f"needs {needed / GIB:,.1f} GiB to be run and checked, {free / GIB:.1f} GiB are free"
        raise UsageError(fact, "use fewer channels, a smaller size or --batch", largest.name)


def free_bytes(meminfo: Path = MEMINFO, cgroup: Path = CGROUP) -> int | None:
    """Bytes that can still be had: of the machine, or of the control group where that has fewer."""
    known = [size for size in (_machine(meminfo), _group(cgroup)) if size is not None]
    return min(known, default=None)


def _machine(meminfo: Path) -> int | None:
    with suppress(OSError):
        for line in meminfo.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with suppress(ValueError, OSError, AttributeError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None


def _group(cgroup: Path) -> int | None:
    with suppress(OSError, ValueError):
        limit = int((cgroup / "memory.max").read_text())
        return max(0, limit - int((cgroup / "memory.current").read_text()))
    return None
