"""The columns and lines that every view of measured times has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import ceil

from groupcalc.bench.points import Point
from groupcalc.bench.reasons import SUBJECT
from groupcalc.bench.result import Bench, Case
from groupcalc.bench.stats import Interval
from groupcalc.costs import FLOPS_PER_MAC
from groupcalc.costs.roofline import Ceilings
from groupcalc.costs.row import layer_cost
from groupcalc.costs.rules import RULES
from groupcalc.report.document import Column
from groupcalc.report.views.describe import describe
from groupcalc.report.views.lines import plural
from groupcalc.units import show_count, show_part, show_rate, show_seconds, show_shape

ESTIMATED = (
    "Estimate: launch + the longer of arithmetic and traffic, taps on padding left out; MACs and GFLOP/s count them."
)
ON_CPU = f"Measured: median of one call and how far it is sure, operands hot, weights packed beforehand. {ESTIMATED}"
ON_GPU = (
    "Measured: median of one launch by the device's events and how far it is sure, launches queued, operands past the "
    f"L2 cache, weights packed beforehand. {ESTIMATED}"
)

FLOAT16 = (
    "float16 is what inputs, weights and outputs are stored as; groupcalc sums in float32 without tensor cores, and so "
    "does the estimate: a library with tensor cores may take less."
)

MEASURED_TOO_LOW = 1.02
"""Nothing beats its bound: a share above this tells that the ceilings are too low."""


class Measured(float):
    """A median in seconds, to machines a plain number, that knows where it lies."""

    ci_s: Interval

    def __new__(cls, median_s: float, ci_s: Interval) -> Measured:
        value = super().__new__(cls, median_s)
        value.ci_s = ci_s
        return value


def show_measured(value: Measured) -> str:
    """`4.05 ms ±1 %`: the farther end of the interval."""
    low, high = value.ci_s
    off = max(high - value, value - low) / value
    return f"{show_seconds(value)} ±{ceil(100 * off - 1e-9)} %"


def show_gflops(per_s: float) -> str:
    """The number alone; the header has the unit."""
    value = per_s / 1e9
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}"


MACS = Column(key="macs", header="MACs", show=show_count, priority=1)
ESTIMATE = Column(key="estimate_s", header="estimate", show=show_seconds, priority=2)
MEASURED = Column(key="measured", header="measured ±", show=show_measured)
RATE = Column(key="flops_per_s", header="GFLOP/s", show=show_gflops, priority=3)
BOUND = Column(key="bound", header="bound", align="left", priority=4)
SHARE = Column(key="share", header="of bound", show=show_part, priority=5)
KERNEL = Column(key="kernel", header="kernel", align="left", priority=6)
BACKEND = Column(key="backend", header="backend", align="left")


def rate(case: Case, seconds: float) -> float:
    """FLOP/s of one layer by the MACs that every report counts."""
    return FLOPS_PER_MAC * case.cost.macs / seconds


def what(case: Case, groups: bool = True) -> str:
    """`Conv 128→128 k3 s1 g32 @ 56×56`."""
    row = layer_cost(case.conv.layer(case.name), RULES["Conv"])
    return f"{describe(row, groups)} @ {show_shape(case.conv.in_size)}"


def facts(bench: Bench) -> Iterator[str]:
    """dtype, batch, threads, ceilings."""
    cases = [result.case for result in bench.results]
    yield from dict.fromkeys(case.conv.dtype for case in cases)
    batches = sorted({case.conv.batch for case in cases})
    if batches and batches != [1]:
        yield f"batch {', '.join(map(str, batches))}"
    if bench.gpu:
        yield bench.gpu
    else:
        yield from (plural(threads, "thread") for threads in dict.fromkeys(case.threads for case in cases))
    if any(case.cold for case in cases):
        yield "cold caches"
    if bench.ceilings:
        yield show_ceilings(bench.ceilings, launch=bool(bench.gpu))


def show_ceilings(ceilings: Ceilings, launch: bool = False) -> str:
    """`peak 235 GFLOP/s, 34 GB/s (measured)`: the bandwidth is that of the slowest level; and the `launch`."""
    peak = show_rate(ceilings.peak_flops_per_s, "FLOP/s")
    bandwidth = show_rate(ceilings.levels[-1].bandwidth_bytes_per_s, "B/s")
    started = f", launch {show_seconds(ceilings.launch_s)}" if launch and ceilings.launch_s else ""
    return f"peak {peak}, {bandwidth}{started} ({'given' if ceilings.given else 'measured'})"


def convention(bench: Bench) -> str:
    """What the figures are, where they were taken."""
    return " ".join((ON_GPU if bench.gpu else ON_CPU, *on_dtypes(bench)))


def on_dtypes(bench: Bench) -> tuple[str, ...]:
    """What must be known of float16, where it was measured."""
    return (FLOAT16,) if any(result.case.conv.dtype == "float16" for result in bench.results) else ()


def warnings(bench: Bench, points: Iterable[Point], label: str) -> Iterator[str]:
    """What the reader must not miss: failures, noise, ceilings that are too low.

    label  of a point: `G` for its group count, `layer` for its name
    """
    yield from bench.warnings
    for failure in bench.failures:
        place = f"G={failure.case.conv.groups}" if label == "G" else failure.case.name
        yield f"{place}: {failure.engine}: {failure.reason}"
    beaten = []
    for point in points:
        place = f"G={point.groups}" if label == "G" else point.result.case.name
        yield from (f"{place}: {line}" for line in point.result.warnings)
        tensor_cores = point.result.case.conv.dtype == "float16" and point.result.backend != SUBJECT
        if point.share is not None and point.share > MEASURED_TOO_LOW and not tensor_cores:
            beaten.append((point.share, place))
    if beaten:
        share, place = max(beaten)
        again = "run again" if bench.gpu else "--remeasure"  # the ceilings of a GPU are not kept
        remedy = "check --peak and --bandwidth" if bench.ceilings and bench.ceilings.given else again
        yield f"{place} reaches {show_part(share)} of its bound: the ceilings are too low ({remedy})"


def provenance(bench: Bench) -> str:
    """What was measured on and with, and what came before: `AMD EPYC · numba 0.68.1 … · compiled in 3.40 s`."""
    found = bench.machine.get("versions", {})
    ready = sum(result.timing.compile_s for result in bench.results)
    words = (
        bench.runs_on,
        bench.machine.get("gpu", {}).get("state", ""),
        " ".join(f"{name} {number}" for name, number in found.items()),
        f"compiled, packed and first called in {show_seconds(ready)}" if ready else "",
    )
    return " · ".join(filter(None, words))


def engines(points: Sequence[Point]) -> list[str]:
    """The engines by name, in the order in which they come up."""
    return list(dict.fromkeys(point.result.engine for point in points))
