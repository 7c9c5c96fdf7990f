"""Budgets: `parse` reads one, `check` says of each whether it holds.

limits    what a budget compares with, in exact fractions    metrics   what it compares
grammar   from the text to a Budget                          mend      what was meant by a text that is none
judge     the verdict on one model                           verdicts  those on all of them, and the exit status
values    Budget, Subject and Verdict
"""

from __future__ import annotations

from groupcalc.budget.grammar import parse
from groupcalc.budget.limits import Limit, Term
from groupcalc.budget.metrics import Metric
from groupcalc.budget.values import Budget, Location, Subject, Verdict
from groupcalc.budget.verdicts import check, exit_status

__all__ = ["Budget", "Limit", "Location", "Metric", "Subject", "Term", "Verdict", "check", "exit_status", "parse"]
