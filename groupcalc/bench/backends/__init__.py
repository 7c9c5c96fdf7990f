"""The tables of what can be timed, one a device, and the only place that imports torch and onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from groupcalc.bench.result import Case

if TYPE_CHECKING:
    from groupcalc.bench.operands import Floats
    from groupcalc.kernels.cuda.events import Sampler


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A case prepared on a backend: weights packed, operands in place.

    call        what is timed: the input as it lies, to an output
    sampler     takes the seconds of a launch by the device's clock; None: it is calls that are timed, by the host's
    output      y[batch, out_channels, *out_size] of the latest call
    kernel      which code ran, where the backend tells
    idle_lanes  the part of the multiply-adds of all vector lanes that no output needs, where the backend tells
    note        what is known to slow it down; "" when nothing is
    operands    arrays that the library knows by their addresses only, to be kept alive
    """

    call: Callable[[], object]
    output: Callable[[], Floats]
    sampler: Sampler | None = None
    kernel: str = ""
    idle_lanes: float | None = None
    note: str = ""
    operands: tuple[Floats, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A library that computes convolutions.

    variants  ways to ask it for the same thing, each an engine of its own
    library   the package that it needs
    extra     of groupcalc, that installs the package; "" when groupcalc itself needs it
    prepare   makes a variant ready for a case; runs in the engine's process only
    lacks     what keeps the installed library from it, with a way out; "" when nothing does; runs there as well.
              None: nothing can
    """

    name: str
    library: str
    extra: str
    variants: tuple[str, ...]
    prepare: Callable[[str, Case], Ready]
    lacks: Callable[[], str] | None = None

    @property
    def way_out(self) -> str:
        """The command that installs the library."""
        return f"pip install 'groupcalc[{self.extra}]'" if self.extra else f"pip install {self.library}"

    @property
    def missing(self) -> str:
        """One line on what is not installed; "" when all is."""
        if find_spec(self.library):
            return ""
        return f"{self.name}: {self.library} is not installed, so it is left out ({self.way_out})"


def _numba(variant: str, case: Case) -> Ready:
    from groupcalc.bench.backends.numba import prepare

    return prepare(case)


def _torch(variant: str, case: Case) -> Ready:
    from groupcalc.bench.backends.torch import prepare

    return prepare(variant, case)


def _onnxruntime(variant: str, case: Case) -> Ready:
    from groupcalc.bench.backends.onnxruntime import prepare

    return prepare(variant, case)


def _numba_cuda(variant: str, case: Case) -> Ready:
    from groupcalc.bench.backends.numba_cuda import prepare

    return prepare(case)


def _torch_cuda(variant: str, case: Case) -> Ready:
    from groupcalc.bench.backends.torch_cuda import prepare

    return prepare(variant, case)


def _torch_lacks() -> str:
    from groupcalc.bench.backends.torch_cuda import lacks

    return lacks()


def _onnxruntime_cuda(variant: str, case: Case) -> Ready:
    from groupcalc.bench.backends.onnxruntime_cuda import prepare

    return prepare(variant, case)


def _onnxruntime_lacks() -> str:
    from groupcalc.bench.backends.onnxruntime_cuda import lacks

    return lacks()


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

ON_CUDA: Mapping[str, Backend] = {
    backend.name: backend
    for backend in (
        Backend(name="numba", library="numba", extra="", variants=("",), prepare=_numba_cuda),
        Backend(
            name="torch",
            library="torch",
            extra="torch",
            variants=("nchw", "nchw tf32", "channels_last", "channels_last tf32"),
            prepare=_torch_cuda,
            lacks=_torch_lacks,
        ),
        Backend(
            name="onnxruntime",
            library="onnxruntime",
            extra="onnxruntime-gpu",
            variants=("", "tf32"),
            prepare=_onnxruntime_cuda,
            lacks=_onnxruntime_lacks,
        ),
    )
}
"""The same on an NVIDIA GPU. A variant that may round its inputs to TF32 says so, and the first one does not."""

DEVICES: Mapping[str, Mapping[str, Backend]] = {"cpu": BACKENDS, "cuda": ON_CUDA}
"""By what --device takes."""
