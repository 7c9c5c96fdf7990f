"""Why a layer takes longer than its estimate, or than the formula promises: each reason with its number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from groupcalc.bench.result import BenchResult
from groupcalc.costs.cost import Cost
from groupcalc.costs.roofline import Estimate
from groupcalc.units import show_bytes, show_part, show_seconds

BELOW = 0.6
"""A layer that reaches less of its bound than this is owed a reason."""

LEAST = 0.10
"""A reason holds when its number is at least this part: without it the layer would take that much less."""

GENERAL = "general"
"""The kernel that takes what no other is made for."""

SUBJECT = "numba"
"""The backend whose lanes and launch are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One thing that takes time beside what the estimate counts.

    part  of the lanes that is idle, or of the median that it takes
    text  the same as a phrase
    """

    kind: Literal["kernel", "lanes", "launch", "bytes", "arithmetic", "memory", "noise"]
    part: float
    text: str


def reasons(result: BenchResult) -> tuple[Reason, ...]:
    """Those that hold for a layer that stays far below its bound, largest first; none for one that does not."""
    share = share_of_bound(result)
    return all_reasons(result) if share is not None and share < BELOW else ()


def all_reasons(result: BenchResult) -> tuple[Reason, ...]:
    """Those that hold for a layer of ours, wherever it stands, largest first."""
    if result.backend != SUBJECT or result.estimate is None:
        return ()
    return tuple(sorted(_reasons(result, result.estimate), key=lambda reason: -reason.part))


def share_of_bound(result: BenchResult) -> float | None:
    """The least possible time as a part of the median; None without an estimate."""
    return result.estimate.estimate_s / result.timing.median_s if result.estimate else None


def _reasons(result: BenchResult, estimate: Estimate) -> Iterator[Reason]:
    median, cost = result.timing.median_s, result.case.cost
    if result.kernel == GENERAL:
        reached = estimate.estimate_s / median
        text = f"no kernel is made for this geometry, the general one reaches {show_part(reached)} of the bound"
        yield Reason(kind="kernel", part=1 - reached, text=text)
    idle = result.idle_lanes or 0.0
    if idle >= LEAST:
        yield Reason(kind="lanes", part=idle, text=f"{show_part(idle)} of the vector lanes are idle")
    started = estimate.launch_s / median
    if started >= LEAST:
        launch = show_seconds(estimate.launch_s)
        yield Reason(kind="launch", part=started, text=f"the launch of {launch} is {show_part(started)} of the time")
    yield from _hidden(estimate, median, cost)
    disturbed = result.timing.disturbed
    if disturbed >= LEAST:
        text = f"the fastest sample takes {show_part(disturbed)} less than the median: something else ran"
        yield Reason(kind="noise", part=disturbed, text=text)


def _hidden(estimate: Estimate, median: float, cost: Cost) -> Iterator[Reason]:
    """What the estimate has run beside something longer, and memory that is slower than it has."""
    slower = max(estimate.memory_s, estimate.slower_memory_s)
    stored, read = show_bytes(cost.output_bytes, 3), show_bytes(cost.input_bytes + cost.weight_bytes, 3)
    if estimate.compute_s >= estimate.memory_s:
        part = min(estimate.compute_s, slower) / median
        if part >= LEAST:
            text = f"{stored} stored and {read} read take {show_part(part)} of the time unless arithmetic hides them"
            yield Reason(kind="bytes", part=part, text=text)
        return
    part = estimate.compute_s / median
    if part >= LEAST:
        text = f"the arithmetic takes {show_part(part)} of the time unless the memory traffic hides it"
        yield Reason(kind="arithmetic", part=part, text=text)
    more = (slower - estimate.memory_s) / median
    if more >= LEAST:
        text = f"{stored} stored and {read} read take {show_part(more)} more of the time"
        yield Reason(kind="memory", part=more, text=f"at the bandwidth of the next larger working set {text}")
