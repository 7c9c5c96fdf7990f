"""Host: the vector unit that kernels are planned for."""

from __future__ import annotations

import os
from dataclasses import dataclass

from groupcalc.errors import GroupcalcError

OVERRIDE = "GROUPCALC_HOST"
"""Environment variable that names a host of the table, to plan for another machine's tiles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A vector unit.

    lanes      float32 numbers in its widest vector
    registers  vector registers; a tile must leave room for its weights and broadcasts
    """

    name: str
    lanes: int
    registers: int

    @property
    def widths(self) -> tuple[int, ...]:
        """Vectors worth using, widest first: a narrower one wastes fewer lanes on few channels."""
        return tuple(lanes for lanes in (16, 8, 4) if self.lanes >= lanes)


HOSTS = {
    host.name: host
    for host in (
        Host(name="avx512", lanes=16, registers=32),
        Host(name="avx2", lanes=8, registers=16),
        Host(name="neon", lanes=4, registers=32),
        Host(name="portable", lanes=4, registers=16),
    )
}

INTERPRETED = Host(name="interpreted", lanes=1, registers=0)
"""No compiler: NUMBA_DISABLE_JIT is set, and tiles, which are written in the compiler's terms, cannot run."""


def this_host() -> Host:
    """The vector unit of this machine, as Numba's compiler sees it, or the one that GROUPCALC_HOST names."""
    from numba import config

    if config.DISABLE_JIT:
        return INTERPRETED
    name = os.environ.get(OVERRIDE)
    if name is None:
        return HOSTS[_detect()]
    if name not in HOSTS:
        raise GroupcalcError(f"{OVERRIDE}={name} is not known", f"use {', '.join(HOSTS)}")
    return HOSTS[name]


def _detect() -> str:
    from numba.core.registry import cpu_target

    triple, _, features = cpu_target.target_context.codegen().magic_tuple()
    has = set(features.split(","))
    if has >= {"+avx512f", "+avx512vl"}:
        return "avx512"
    if has >= {"+avx2", "+fma"}:
        return "avx2"
    return "neon" if triple.startswith(("aarch64", "arm64")) else "portable"
