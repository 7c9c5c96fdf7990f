"""The records of a benchmark: what CSV writes, one measured case a row under the keys of the JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from groupcalc.bench.base import Compared
from groupcalc.bench.points import Point
from groupcalc.report.document import Column, Row, Table
from groupcalc.report.views.timed import rate

KEYS = (
    "name", "backend", "variant", "in_channels", "out_channels", "groups", "kernel_size", "stride", "in_size", "batch",
    "threads", "count", "macs", "estimate_s", "bound", "memory_level", "compile_s", "min_s", "median_s", "ci_low_s",
    "ci_high_s", "flops_per_s", "share", "baseline_groups", "ideal_speedup", "speedup", "kernel", "idle_lanes",
    "base_verdict", "base_ratio", "device",
)  # fmt: skip


def records(points: Sequence[Point], compared: Mapping[int, Compared]) -> Table:
    """Every point, in the order in which they were measured."""
    rows = tuple(_row(point, compared.get(index)) for index, point in enumerate(points))
    return Table(columns=tuple(Column(key=key, header=key) for key in KEYS), rows=rows)


def _row(point: Point, compared: Compared | None) -> Row:
    result, case, conv = point.result, point.result.case, point.result.case.conv
    estimate, timing = result.estimate, result.timing
    figures: dict[str, Any] = {
        "name": case.name, "backend": result.backend, "variant": result.variant, "in_channels": conv.in_channels,
        "out_channels": conv.out_channels, "groups": conv.groups, "kernel_size": (conv.kernel_size,),
        "stride": (conv.stride,), "in_size": (conv.in_size,), "batch": conv.batch, "threads": case.threads,
        "count": case.count, "macs": case.cost.macs, "estimate_s": estimate and estimate.estimate_s,
        "bound": estimate and estimate.bound, "memory_level": estimate and estimate.memory_level,
        "compile_s": timing.compile_s, "min_s": timing.min_s, "median_s": timing.median_s, "ci_low_s": point.ci_s[0],
        "ci_high_s": point.ci_s[1], "flops_per_s": rate(case, timing.median_s), "share": point.share,
        "baseline_groups": point.baseline_groups, "ideal_speedup": point.ideal_speedup, "speedup": point.speedup,
        "kernel": result.kernel, "idle_lanes": result.idle_lanes, "base_verdict": compared and compared.verdict,
        "base_ratio": compared and compared.ratio, "device": case.device,
    }  # fmt: skip
    return tuple(figures[key] for key in KEYS)
