"""What a benchmark measures and what it finds: frozen values, and the same as JSON-ready data."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Any

from groupcalc.conv import Conv
from groupcalc.costs.cost import Cost
from groupcalc.costs.roofline import Ceilings, Estimate
from groupcalc.costs.row import layer_cost
from groupcalc.costs.rules import RULES

PLAIN = ("in_channels", "out_channels", "groups", "batch", "bias", "dtype")
PER_AXIS = ("in_size", "out_size", "kernel_size", "stride", "padding", "dilation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing to be timed.

    name   of the layer; what stands before its slashes are the families that it belongs to
    chain  how many such layers, each with weights of its own and reading what the one before it wrote
    seed   of the random numbers in its operands
    """

    name: str
    conv: Conv
    threads: int
    chain: int = 1
    seed: int = 0

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The clock's side of a result.

    samples_s  seconds of one call, each the mean of as many calls in a row as make a sample long enough, in the
               order in which they were taken
    compile_s  seconds until the engine was ready: compilation, packing of weights, its first call
    """

    samples_s: tuple[float, ...]
    compile_s: float

    @property
    def min_s(self) -> float:
        """The fastest sample: what the engine can do when nothing disturbs it."""
        return min(self.samples_s)

    @property
    def median_s(self) -> float:
        """What it does usually."""
        return median(self.samples_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchResult:
    """One case on one engine.

    variant  of the backend: layout, weights, options
    kernel   what the backend says that ran; "" when it does not
    error    the largest |y - y64| as a part of the rounding error that float32 arithmetic may make there
    """

    case: Case
    backend: str
    variant: str
    timing: Timing
    kernel: str = ""
    error: float = 0.0
    estimate: Estimate | None = None
    warnings: tuple[str, ...] = ()

    @property
    def engine(self) -> str:
        """`torch channels_last`."""
        return f"{self.backend} {self.variant}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A case that an engine could not do, and why, in one line."""

    case: Case
    engine: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Everything that one run found.

    machine      facts by name: processor, threads, versions
    interrupted  not every case was reached
    """

    results: tuple[BenchResult, ...]
    failures: tuple[Failure, ...] = ()
    machine: dict[str, Any] = field(default_factory=dict)
    ceilings: Ceilings | None = None
    interrupted: bool = False


def bench_data(bench: Bench) -> dict[str, Any]:
    """The run as data; the keys beside `bench` and `machine` are those of every saved result."""
    return {
        "bench": [_result_data(result) for result in bench.results],
        "failures": [
            {"name": failure.case.name, "engine": failure.engine, "reason": failure.reason}
            for failure in bench.failures
        ],
        "machine": {**bench.machine, "ceilings": _ceilings_data(bench.ceilings) if bench.ceilings else None},
    }


def _result_data(result: BenchResult) -> dict[str, Any]:
    case, timing, estimate = result.case, result.timing, result.estimate
    conv = case.conv
    return {
        "case": {
            "name": case.name,
            **{key: getattr(conv, key) for key in PLAIN},
            **{key: _listed(getattr(conv, key)) for key in PER_AXIS},
            "threads": case.threads,
            "chain": case.chain,
            "seed": case.seed,
        },
        "backend": result.backend,
        "variant": result.variant,
        "groups": conv.groups,
        "macs": case.cost.macs,
        "estimate_s": estimate.estimate_s if estimate else None,
        "bound": estimate.bound if estimate else None,
        "memory_level": estimate.memory_level if estimate else None,
        "compile_s": timing.compile_s,
        "samples_s": list(timing.samples_s),
        "min_s": timing.min_s,
        "median_s": timing.median_s,
        "error": result.error,
        "kernel": result.kernel,
        "warnings": list(result.warnings),
    }


def _ceilings_data(ceilings: Ceilings) -> dict[str, Any]:
    return {
        "threads": ceilings.threads,
        "peak_flops_per_s": ceilings.peak_flops_per_s,
        "levels": [
            {"name": level.name, "working_set": level.working_set, "bandwidth_bytes_per_s": level.bandwidth_bytes_per_s}
            for level in ceilings.levels
        ],
    }


def _listed(value: tuple[Any, ...]) -> list[Any]:
    return [list(item) if isinstance(item, tuple) else item for item in value]
