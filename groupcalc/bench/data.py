"""A benchmark as JSON-ready data, and the timings of a saved one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from groupcalc.bench.base import Compared
from groupcalc.bench.points import Point
from groupcalc.bench.result import Bench, Case
from groupcalc.costs.roofline import Ceilings

PLAIN = ("in_channels", "out_channels", "groups", "batch", "bias", "dtype")
PER_AXIS = ("in_size", "out_size", "kernel_size", "stride", "padding", "dilation")


def bench_data(bench: Bench, points: Sequence[Point], compared: Mapping[int, Compared] | None = None) -> dict[str, Any]:
    """The run as data; the keys beside `bench` and `machine` are those of every saved result.

    points    of the results, in their order
    compared  with another run, by the index of the result
    """
    compared = compared or {}
    return {
        "bench": [_point_data(point, compared.get(index)) for index, point in enumerate(points)],
        "failures": [
            {"name": failure.case.name, "engine": failure.engine, "reason": failure.reason}
            for failure in bench.failures
        ],
        "machine": {**bench.machine, "ceilings": _ceilings_data(bench.ceilings) if bench.ceilings else None},
        "interrupted": bench.interrupted,
        "warnings": list(bench.warnings),
    }


def _case_data(case: Case) -> dict[str, Any]:
    """The geometry by its PyTorch names, and how it is run."""
    conv = case.conv
    return {
        "name": case.name,
        **{key: getattr(conv, key) for key in PLAIN},
        **{key: _listed(getattr(conv, key)) for key in PER_AXIS},
        "threads": case.threads,
        "count": case.count,
        "chain": case.chain,
        "seed": case.seed,
        "cold": case.cold,
        "device": case.device,
    }


def _point_data(point: Point, compared: Compared | None) -> dict[str, Any]:
    result = point.result
    timing, estimate = result.timing, result.estimate
    return {
        "case": _case_data(result.case),
        "backend": result.backend,
        "variant": result.variant,
        "arithmetic": "tf32" if result.tf32 else result.case.conv.dtype,
        "groups": point.groups,
        "macs": result.case.cost.macs,
        "estimate_s": estimate.estimate_s if estimate else None,
        "bound": estimate.bound if estimate else None,
        "memory_level": estimate.memory_level if estimate else None,
        "compile_s": timing.compile_s,
        "warmup_s": list(timing.warmup_s),
        "samples_s": list(timing.samples_s),
        "rounds": list(timing.rounds),
        "loops": timing.loops,
        "min_s": timing.min_s,
        "median_s": timing.median_s,
        "ci_s": list(point.ci_s),
        "baseline_groups": point.baseline_groups,
        "ideal_speedup": point.ideal_speedup,
        "speedup": point.speedup,
        "speedup_ci": list(point.speedup_ci),
        "share": point.share,
        "reasons": [{"kind": reason.kind, "part": reason.part, "text": reason.text} for reason in point.reasons],
        "error": result.error,
        "kernel": result.kernel,
        "idle_lanes": result.idle_lanes,
        "base": {**asdict(compared), "ratio_ci": list(compared.ratio_ci)} if compared else None,
        "warnings": list(result.warnings),
    }


def _ceilings_data(ceilings: Ceilings) -> dict[str, Any]:
    return {
        "threads": ceilings.threads,
        "given": ceilings.given,
        "peak_flops_per_s": ceilings.peak_flops_per_s,
        "launch_s": ceilings.launch_s,
        "levels": [
            {"name": level.name, "working_set": level.working_set, "bandwidth_bytes_per_s": level.bandwidth_bytes_per_s}
            for level in ceilings.levels
        ],
    }


def _listed(value: tuple[Any, ...]) -> list[Any]:
    return [list(item) if isinstance(item, tuple) else item for item in value]
