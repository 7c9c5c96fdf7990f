"""The view of `explain METRIC`: the definition, and what other tools call so."""

from __future__ import annotations

from typing import Any

from groupcalc.explain.metrics import Metric
from groupcalc.report.document import Column, Report, Table
from groupcalc.report.views.lines import CONVENTION

TOOL = Column(key="tool", header="tool", align="left")
COUNTS = Column(key="counts", header="what it counts", align="left")


def metric_report(found: Metric, data: Any = None) -> Report:
    """One metric, whole."""
    tables = [Table(columns=(), name=found.key, facts=(found.unit,), notes=found.text)]
    if found.elsewhere:
        lines = tuple(f"{tool}: {counts}" for tool, counts in found.elsewhere.items())
        tables.append(Table(columns=(), name="Elsewhere", notes=lines))
    return Report(tables=tuple(tables), records=lambda: _records(found), data=data, notes=(CONVENTION,))


def _records(found: Metric) -> Table:
    return Table(columns=(TOOL, COUNTS), rows=(("groupcalc", " ".join(found.text)), *found.elsewhere.items()))
