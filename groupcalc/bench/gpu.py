"""The GPU that cases run on: its facts, its ceilings, and whether they fit into its memory."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from groupcalc.bench.apart import apart
from groupcalc.bench.engine import Engine
from groupcalc.bench.launches import held_bytes
from groupcalc.bench.result import Case
from groupcalc.bench.room import GIB
from groupcalc.costs.roofline import Ceilings, Level
from groupcalc.errors import DeviceError, EngineError, GroupcalcError, UsageError
from groupcalc.kernels.cuda import probes
from groupcalc.kernels.cuda.device import Gpu, free_bytes, gpu


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A GPU as it was before anything ran on it.

    free_bytes  of its memory; infinite in Numba's simulator
    ceilings    measured just now; None when that was not asked
    """

    gpu: Gpu
    free_bytes: float
    ceilings: Ceilings | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """For the record of the machine."""
        return {"name": self.gpu.name, "processors": self.gpu.processors, "l2_bytes": self.gpu.l2_bytes}


def look(probe: bool) -> Seen:
    """The current GPU, in a process of its own: its memory is free again when that ends.

    probe  measure its ceilings as well, which takes seconds
    DeviceError when there is none, or nothing to drive it with.
    """
    with apart() as process:
        try:
            return process.submit(_look, probe).result()
        except BrokenProcessPool as error:
            raise DeviceError("the process that looked at the GPU ended before it answered") from error


def _look(probe: bool) -> Seen:
    try:
        found = gpu()
        free = free_bytes()
        return Seen(gpu=found, free_bytes=free, ceilings=ceilings(probes.ceilings(found)) if probe else None)
    except GroupcalcError:
        raise
    except Exception as error:  # the driver's, the compiler's, the linker's
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DeviceError(f"the GPU cannot be measured: {said}", 'use device="cpu"') from None


def ceilings(probed: probes.Ceilings) -> Ceilings:
    """The roofline of a device: buffers are past its cache, so it has one level, at the bandwidth of a copy."""
    level = Level(name="DRAM", working_set=0, bandwidth_bytes_per_s=probed.copy_bytes_per_s)
    return Ceilings(threads=1, peak_flops_per_s=probed.flops_per_s, levels=(level,), launch_s=probed.launch_s)


def state(seen: Seen) -> str:
    """Clocks, temperature and power as the driver has them now, to judge figures by; "" when it does not tell."""
    query = "--query-gpu=clocks.sm,clocks.mem,temperature.gpu,power.draw"
    command = ["nvidia-smi", "-i", seen.gpu.uuid, query, "--format=csv,noheader"]
    try:
        said = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    sm, memory, temperature, power = (*said.stdout.strip().split(", "), "", "", "", "")[:4]
    return f"{sm}, memory {memory}, {temperature} °C, {power}" if power else ""


def check_device_room(sets: Sequence[Sequence[Case]], engines: int, seen: Seen) -> None:
    """UsageError when cases that take turns need more of the device's memory than is free.

    Each engine holds all of them.
    """
    for cases in sets:
        needed = engines * sum(held_bytes(case, seen.gpu.l2_bytes) for case in cases)
        if needed > seen.free_bytes:
            largest = max(cases, key=lambda case: case.traffic)
            free = f"{seen.free_bytes / GIB:.1f} GiB are free on {seen.gpu.name}"
            way_out = "use fewer channels, a smaller size, --batch or fewer backends"
            raise UsageError(f"needs {needed / GIB:,.1f} GiB of device memory, {free}", way_out, largest.name)


def able(engines: Sequence[Engine], tell: Callable[[str], None]) -> list[Engine]:
    """Those whose library can use the GPU; a line on each of the others. UsageError when none is left."""
    lacking: dict[str, str] = {}
    for engine in engines:
        name = engine.backend.name
        if name not in lacking:
            lacking[name] = _lack(engine)
    left = [engine for engine in engines if not lacking[engine.backend.name]]
    if not left:
        raise UsageError("; ".join(f"{name}: {lack}" for name, lack in lacking.items()), place="--backend")
    for name, lack in lacking.items():
        if lack:
            tell(f"{name}: left out, as {lack}")
    return left


def _lack(engine: Engine) -> str:
    if engine.backend.lacks is None:
        return ""
    try:
        with engine:
            return engine.lacks()
    except EngineError as error:  # its import failed
        return error.fact
