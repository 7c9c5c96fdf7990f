"""The view of a network that ran whole: each node beside the rows that it computes; they add up to the profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from groupcalc.bench.whole import Ran, Whole
from groupcalc.costs import FLOPS_PER_MAC
from groupcalc.costs.cost import GraphCost
from groupcalc.costs.roofline import Ceilings, Estimate
from groupcalc.costs.snapshot import header
from groupcalc.report.document import Column, Line, Report, Row, Table
from groupcalc.report.views.charts import PER_GIGA, roofline
from groupcalc.report.views.describe import describe
from groupcalc.report.views.fields import bound, traffic
from groupcalc.report.views.lines import few, plural
from groupcalc.report.views.timed import BOUND, KERNEL, MACS, RATE, show_ceilings
from groupcalc.units import show_bytes, show_part, show_seconds

CONVENTION = (
    "Measured: mean over the half of the runs nearest the median, by onnxruntime's profiler. Bytes and estimate: of "
    "the layer that has the arithmetic; its weights, inputs and outputs each once."
)

COLUMNS = (
    Column(key="name", header="node", align="left", elide=20),
    Column(key="op", header="op", align="left", elide=18, priority=2),
    Column(key="fused", header="with", align="left", elide=10, priority=5),
    MACS,
    Column(key="bytes", header="bytes", show=show_bytes, priority=4),
    Column(key="estimate_s", header="estimate", show=show_seconds, priority=2),
    Column(key="measured_s", header="measured", show=show_seconds),
    RATE,
    BOUND,
    Column(key="share", header="share", show=lambda part: f"{100 * part:.1f} %"),
    Column(key="kernel", header=KERNEL.header, align="left", priority=6),
)


def whole_view(found: Sequence[tuple[GraphCost, Whole]], ceilings: Ceilings, machine: Mapping[str, Any]) -> Report:
    """A table for each network."""
    tables = [_table(cost, whole, ceilings) for cost, whole in found]
    data = {
        **header(),
        "whole": [_data(cost, whole) for cost, whole in found],
        "machine": {**machine, "threads": ceilings.threads},
    }
    marks = [mark for _, whole in found for mark in _marks(whole)]
    return Report(tables=tuple(tables), data=data, notes=(CONVENTION,), charts=(roofline(ceilings, marks),))


def _table(cost: GraphCost, whole: Whole, ceilings: Ceilings) -> Table:
    rows = tuple(_row(ran, whole.total_s) for ran in whole.ran)
    macs = sum(row.cost.macs for ran in whole.ran for row in ran.rows)
    between = ("between the nodes", None, None, None, None, None, whole.between_s, None, None)
    estimates = [ran.estimate.estimate_s for ran in whole.ran if ran.estimate]
    total = (
        "total", plural(len(whole.ran), "node"), None, macs, None, sum(estimates), whole.total_s,
        FLOPS_PER_MAC * macs / whole.total_s, None,
    )  # fmt: skip
    return Table(
        name=cost.path,
        facts=("onnxruntime", plural(ceilings.threads, "thread"), show_ceilings(ceilings)),
        columns=COLUMNS,
        rows=rows,
        closing=((*between, whole.between_s / whole.total_s, None), (*total, 1.0, None)),
        notes=tuple(_notes(whole)),
    )


def _row(ran: Ran, total_s: float) -> Row:
    main = ran.main
    macs = sum(row.cost.macs for row in ran.rows)
    return (
        ran.name,
        describe(main) if main else "inserted" if ran.inserted else "",
        ", ".join(ran.fused) or None,
        macs if ran.rows else None,
        traffic(main) if main else None,
        ran.estimate.estimate_s if ran.estimate else None,
        ran.seconds,
        FLOPS_PER_MAC * macs / ran.seconds if macs and ran.seconds else None,
        bound(ran.estimate),
        ran.seconds / total_s,
        ran.op,
    )


def _notes(whole: Whole) -> Iterator[str]:
    plain, runs = show_seconds(median(whole.plain_s)), plural(len(whole.plain_s), "run")
    yield f"Without the profiler a run takes {plain} (median of {runs}), with it {show_seconds(whole.total_s)}."
    inserted = [ran for ran in whole.ran if ran.inserted]
    if inserted:
        seconds = sum(ran.seconds for ran in inserted)
        kinds = ", ".join(dict.fromkeys(ran.op for ran in inserted))
        yield (
            f"onnxruntime inserted {plural(len(inserted), 'node')} ({kinds}): {show_seconds(seconds)}, "
            f"{show_part(seconds / whole.total_s)} of the run."
        )
    fused = sum(len(ran.fused) for ran in whole.ran)
    if fused:
        yield f"It computed {plural(fused, 'node')} within others, named under `with`."
    if whole.gone:
        names = ", ".join(few([row.name for row in whole.gone], 3))
        yield f"{plural(len(whole.gone), 'row')} had nothing left to compute: {names}."
    if whole.filled:
        yield f"The file lacks the numbers of {plural(whole.filled, 'tensor')}: random ones stood in their place."


def _marks(whole: Whole) -> Iterator[Line]:
    for ran in whole.ran:
        main = ran.main
        if main and main.cost.macs and ran.seconds:
            rate = FLOPS_PER_MAC * main.cost.macs / ran.seconds * PER_GIGA
            yield Line(name=ran.name, points=((FLOPS_PER_MAC * main.cost.macs / traffic(main), rate),))


def _data(cost: GraphCost, whole: Whole) -> dict[str, Any]:
    return {
        "model": cost.path,
        "total_s": whole.total_s,
        "between_s": whole.between_s,
        "plain_s": list(whole.plain_s),
        "filled": whole.filled,
        "nodes": [_ran_data(ran) for ran in whole.ran],
        "gone": [row.name for row in whole.gone],
    }


def _ran_data(ran: Ran) -> dict[str, Any]:
    estimate: Estimate | None = ran.estimate
    main = ran.main
    return {
        "name": ran.name,
        "op": ran.op,
        "rows": [row.name for row in ran.rows],
        "fused": list(ran.fused),
        "inserted": ran.inserted,
        "macs": sum(row.cost.macs for row in ran.rows),
        "bytes": traffic(main) if main else None,
        "estimate_s": estimate.estimate_s if estimate else None,
        "bound": estimate.bound if estimate else None,
        "measured_s": ran.seconds,
    }
