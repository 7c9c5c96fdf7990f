"""The one table of what can be timed, and the only place that imports torch and onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from groupcalc.bench.result import Case

if TYPE_CHECKING:
    from groupcalc.bench.operands import F32


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A case prepared on a backend: weights packed, operands in place.

    call        what is timed: the input as it lies, to an output
    output      y[batch, out_channels, *out_size] of the latest call
    kernel      which code ran, where the backend tells
    idle_lanes  the part of the multiply-adds of all vector lanes that no output needs, where the backend tells
    note        what is known to slow it down; "" when nothing is
    operands    arrays that the library knows by their addresses only, to be kept alive
    """

    call: Callable[[], object]
    output: Callable[[], F32]
    kernel: str = ""
    idle_lanes: float | None = None
    note: str = ""
    operands: tuple[F32, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A library that computes convolutions.

    variants  ways to ask it for the same thing, each an engine of its own
    library   the package that it needs
    extra     of groupcalc, that installs the package; "" when groupcalc itself needs it
    prepare   makes a variant ready for a case; runs in the engine's process only
    """

    name: str
    library: str
    extra: str
    variants: tuple[str, ...]
    prepare: Callable[[str, Case], Ready]

    @property
    def missing(self) -> str:
        """One line on what is not installed; "" when all is."""
        if find_spec(self.library):
            return ""
        way_out = f"pip install 'groupcalc[{self.extra}]'" if self.extra else f"pip install {self.library}"
        return f"{self.name}: {self.library} is not installed, so it is left out ({way_out})"


def _numba(variant: str, case: Case) -> Ready:
    from groupcalc.bench.backends.numba import prepare

    return prepare(case)


def _torch(variant: str, case: Case) -> Ready:
    from groupcalc.bench.backends.torch import prepare

    return prepare(variant, case)


def _onnxruntime(variant: str, case: Case) -> Ready:
    from groupcalc.bench.backends.onnxruntime import prepare

    return prepare(variant, case)


BACKENDS: Mapping[str, Backend] = {
    backend.name: backend
    for backend in (
        Backend(name="numba", library="numba", extra="", variants=("",), prepare=_numba),
        Backend(
            name="torch",
            library="torch",
            extra="torch",
            variants=("nchw", "nchw packed", "channels_last", "channels_last packed"),
            prepare=_torch,
        ),
        Backend(
            name="onnxruntime",
            library="onnxruntime",
            extra="onnxruntime",
            variants=("all", "extended"),
            prepare=_onnxruntime,
        ),
    )
}
"""By the name that --backend takes; the order is that of the table."""
