"""The view of a benchmark: each case on our kernels beside the best of the others, and means by family."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from groupcalc.bench.compare import Comparison, Family, compare, families
from groupcalc.bench.result import Bench
from groupcalc.costs.roofline import Level
from groupcalc.report.document import Column, Report, Table
from groupcalc.report.views.timed import on_dtypes
from groupcalc.units import show_count, show_rate, show_ratio, show_seconds

HOT = (
    "Times are of one call, operands hot, weights packed beforehand, NCHW in and out: an engine that likes another "
    "layout goes there and back."
)
QUEUED = (
    "Times are of one launch by the device's events, launches queued, operands past the L2 cache, weights packed "
    "beforehand, NCHW in and out; torch channels_last reads and writes that layout."
)
CONVENTION = (
    "The best of the others is chosen for each case by its fastest sample; the factor is that of the fastest samples.",
    "Of the bound: the least possible time, taps on padding left out, as a part of the fastest sample.",
)

TF32 = (
    "TF32 rounds inputs to 10 bits of mantissa: its engines stand apart, and are none of the others, which are float32."
)

BEYOND = 1.02
"""Of the bound; up to there it is the error of two measurements."""


def _factor(value: float) -> str:
    return show_ratio(value, 1)  # type: ignore[arg-type]


def _percent(value: float) -> str:
    return f"{value:.0%}".replace("%", " %")


def _flops(value: float) -> str:
    return show_rate(value, "FLOP/s")


def bench_view(bench: Bench, *, subject: str, data: Any = None) -> Report:
    """One table of cases, one of families. `subject` is the backend that the others are held against."""
    comparisons = compare(bench.results, subject)
    tables = [_cases(comparisons, bench, subject)]
    found = families(comparisons)
    if found:
        tables.append(_families(found))
    rounded = (TF32,) if any(each.tf32 for each in comparisons) else ()
    notes = (QUEUED if bench.gpu else HOT, *CONVENTION, *rounded, *on_dtypes(bench))
    return Report(tables=tuple(tables), data=data, notes=notes)


def _cases(comparisons: Sequence[Comparison], bench: Bench, subject: str) -> Table:
    rounded = any(each.tf32 for each in comparisons)
    return Table(
        name=bench.runs_on,
        facts=tuple(_facts(bench)),
        columns=(
            Column(key="name", header="layer", align="left", elide=24),
            Column(key="macs", header="MACs", show=show_count, priority=2),
            Column(key="min_s", header=subject, show=show_seconds),
            Column(key="median_s", header="median", show=show_seconds, priority=3),
            Column(key="flops_per_s", header="rate", show=_flops, priority=4),
            Column(key="share", header="of bound", show=_percent, priority=1),
            Column(key="bound", header="bound", align="left", priority=4),
            Column(key="kernel", header="kernel", align="left", priority=6),
            Column(key="peer", header="best other", align="left", priority=0),
            Column(key="peer_min_s", header="fastest", show=show_seconds, priority=1),
            Column(key="peer_median_s", header="median", show=show_seconds, priority=5),
            Column(key="ratio", header="factor", show=_factor),
            *(_TF32 if rounded else ()),
        ),
        rows=tuple((*_row(each), *(_tf32(each) if rounded else ())) for each in comparisons),
        notes=tuple(_notes(bench)),
        warnings=(*_warnings(bench), *_beyond(comparisons)),
    )


def _row(each: Comparison) -> tuple[Any, ...]:
    macs, peer = each.case.cost.macs, each.peer
    return (
        each.case.name,
        macs,
        each.subject.min_s,
        each.subject.median_s,
        2 * macs / each.subject.min_s,
        each.share,
        _bound(each),
        each.subject.kernel,
        peer.engine if peer else None,
        peer.min_s if peer else None,
        peer.median_s if peer else None,
        each.ratio,
    )


_TF32 = (
    Column(key="tf32", header="best TF32", align="left", priority=1),
    Column(key="tf32_min_s", header="fastest", show=show_seconds, priority=2),
    Column(key="tf32_ratio", header="factor", show=_factor, priority=1),
)


def _tf32(each: Comparison) -> tuple[Any, ...]:
    return (each.tf32.engine, each.tf32.min_s, each.tf32_ratio) if each.tf32 else (None, None, None)


def _bound(each: Comparison) -> str | None:
    if each.estimate is None:
        return None
    return "compute" if each.estimate.bound == "compute" else each.estimate.memory_level


def _families(found: Sequence[Family]) -> Table:
    rounded = any(family.tf32_ratio for family in found)
    return Table(
        name="Geometric means",
        columns=(
            Column(key="family", header="family", align="left", elide=24),
            Column(key="cases", header="cases"),
            Column(key="ratio", header="factor", show=_factor),
            Column(key="median_ratio", header="of medians", show=_factor, priority=1),
            Column(key="share", header="of bound", show=_percent),
            Column(key="worst_ratio", header="least", show=_factor),
            Column(key="worst", header="at", align="left", elide=24, priority=2),
            *((Column(key="tf32_ratio", header="TF32", show=_factor, priority=1),) if rounded else ()),
        ),
        rows=tuple(
            (
                family.name,
                family.cases,
                family.ratio,
                family.median_ratio,
                family.share,
                family.worst.ratio if family.worst else None,
                family.worst.case.name if family.worst else None,
                *((family.tf32_ratio,) if rounded else ()),
            )
            for family in found
        ),
    )


def _facts(bench: Bench) -> Iterator[str]:
    cases = [result.case for result in bench.results]
    yield from dict.fromkeys(case.conv.dtype for case in cases)
    batches = sorted({case.conv.batch for case in cases})
    if batches and batches != [1]:
        yield f"batch {', '.join(map(str, batches))}"
    for threads in dict.fromkeys(case.threads for case in cases if case.device == "cpu"):
        yield f"{threads} thread{'s' if threads > 1 else ''}"
    chain = max((case.chain for case in cases), default=1)
    if chain > 1:
        yield f"one more layer in a chain of {chain}"
    if bench.ceilings:
        yield f"peak {_flops(bench.ceilings.peak_flops_per_s)}"
        yield from _bandwidths(bench.ceilings.levels)
    if bench.gpu and bench.ceilings and bench.ceilings.launch_s:
        yield f"launch {show_seconds(bench.ceilings.launch_s)}"


def _bandwidths(levels: Sequence[Level]) -> Iterator[str]:
    """`L3 97.0 to 56.3 GB/s`: the fastest and the slowest working set of each level."""
    for name in dict.fromkeys(level.name for level in levels):
        rates = [level.bandwidth_bytes_per_s for level in levels if level.name == name]
        shown = dict.fromkeys(show_rate(rate, "B/s") for rate in (max(rates), min(rates)))
        yield f"{name} {' to '.join(shown)}"


def _notes(bench: Bench) -> Iterator[str]:
    versions = bench.machine.get("versions", {})
    if versions:
        yield ", ".join(f"{name} {version}" for name, version in versions.items())
    if state := bench.machine.get("gpu", {}).get("state"):
        yield f"in the end: {state}"


def _warnings(bench: Bench) -> Iterator[str]:
    failed: dict[tuple[str, str], list[str]] = {}
    for failure in bench.failures:
        failed.setdefault((failure.engine, failure.reason), []).append(failure.case.name)
    for (engine, reason), names in failed.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"{names[0]}{more}: {engine}: {reason}"
    noisy = [result for result in bench.results if result.warnings]
    if noisy:
        first = noisy[0]
        yield (
            f"{len(noisy)} of {len(bench.results)} measurements {'are' if len(noisy) > 1 else 'is'} noisy, "
            f"as {first.case.name} on {first.engine}: {first.warnings[0]}"
        )


def _beyond(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """What is faster than possible tells that the ceilings are wrong."""
    beyond = [each for each in comparisons if each.share is not None and each.share > BEYOND]
    if beyond:
        yield (
            f"{len(beyond)} of {len(comparisons)} layers, as {beyond[0].case.name}, take less than the least possible "
            "time: the ceilings were measured too low (run again on a quiet machine)"
        )
