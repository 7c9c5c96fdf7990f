"""The views: one function a question, costs in, Report out."""

from __future__ import annotations

from groupcalc.report.views.analyze import analysis
from groupcalc.report.views.select import select_rows

__all__ = ["analysis", "select_rows"]
