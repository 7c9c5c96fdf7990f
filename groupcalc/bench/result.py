"""What a benchmark measures and what it finds: frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Any

from groupcalc.conv import Conv
from groupcalc.costs.cost import Cost
from groupcalc.costs.roofline import Ceilings, Estimate
from groupcalc.costs.row import layer_cost
from groupcalc.costs.rules import RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing to be timed.

    name   of the layer; what stands before its slashes are the families that it belongs to
    chain  how many such layers, each with weights of its own and reading what the one before it wrote
    seed   of the random numbers in its operands
    count  how many layers of the network are equal to it
    cold   each call finds its operands out of the caches
    device  where it runs, "cpu" or "cuda"
    """

    name: str
    conv: Conv
    threads: int
    chain: int = 1
    seed: int = 0
    count: int = 1
    cold: bool = False
    device: str = "cpu"

    @property
    def families(self) -> tuple[str, ...]:
        """`grouped/kxk/128-56` is one of `grouped` and of `grouped/kxk`."""
        parts = self.name.split("/")
        return tuple("/".join(parts[: end + 1]) for end in range(len(parts) - 1))

    @property
    def cost(self) -> Cost:
        """Params, MACs and bytes of one layer, by the rule that prices every convolution."""
        return layer_cost(self.conv.layer(), RULES["Conv"]).cost

    @property
    def traffic(self) -> int:
        """Compulsory bytes of one layer: weights, input and output, each once."""
        cost = self.cost
        return cost.weight_bytes + cost.input_bytes + cost.output_bytes


def in_tf32(variant: str) -> bool:
    """Whether a variant of a backend may round its inputs to the 10 bits of mantissa that TF32 has."""
    return "tf32" in variant.split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The clock's side of a result.

    samples_s  seconds of one call, each the mean of as many calls in a row as make a sample long enough, in the
               order in which they were taken
    compile_s  seconds until the engine was ready: compilation, packing of weights, its first call
    rounds     how many of the samples were taken in each turn; left out, each of them had one
    loops      calls in a row that make a sample
    warmup_s   the samples of the turns before, which count for nothing
    """

    samples_s: tuple[float, ...]
    compile_s: float = 0.0
    rounds: tuple[int, ...] = ()
    loops: int = 1
    warmup_s: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.rounds:
            object.__setattr__(self, "rounds", (1,) * len(self.samples_s))

    @property
    def min_s(self) -> float:
        """The fastest sample: what the engine can do when nothing disturbs it."""
        return min(self.samples_s)

    @property
    def median_s(self) -> float:
        """What it does usually."""
        return median(self.samples_s)

    @property
    def disturbed(self) -> float:
        """How much less than the median the fastest sample took, as a part of it."""
        return 1 - self.min_s / self.median_s


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchResult:
    """One case on one engine.

    variant     of the backend: layout, weights, options
    kernel      what the backend says that ran; "" when it does not
    idle_lanes  the part of the multiply-adds of all vector lanes that no output needs, where the backend knows
    error       the largest |y - y64| as a part of the rounding error that float32 arithmetic may make there
    """

    case: Case
    backend: str
    variant: str
    timing: Timing
    kernel: str = ""
    idle_lanes: float | None = None
    error: float = 0.0
    estimate: Estimate | None = None
    warnings: tuple[str, ...] = ()

    @property
    def engine(self) -> str:
        """`torch channels_last`."""
        return f"{self.backend} {self.variant}".rstrip()

    @property
    def tf32(self) -> bool:
        """Whether its arithmetic is that of TF32, which is no peer of float32."""
        return in_tf32(self.variant)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A case that an engine could not do, and why, in one line."""

    case: Case
    engine: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Everything that one run found.

    machine      facts by name: processor, CPUs, versions, and the GPU if it ran on one
    warnings     about the machine as a whole
    interrupted  not every case was reached
    """

    results: tuple[BenchResult, ...]
    failures: tuple[Failure, ...] = ()
    machine: dict[str, Any] = field(default_factory=dict)
    ceilings: Ceilings | None = None
    warnings: tuple[str, ...] = ()
    interrupted: bool = False

    @property
    def gpu(self) -> str:
        """The name of the GPU that it ran on; "" for a run on the CPU."""
        return str(self.machine.get("gpu", {}).get("name", ""))

    @property
    def runs_on(self) -> str:
        """What the figures are of: the GPU, else the processor."""
        return self.gpu or str(self.machine.get("processor", ""))
