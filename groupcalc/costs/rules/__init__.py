"""What each operator computes: one short rule an operator, in the letters of its signature, a family a file."""

from __future__ import annotations

from groupcalc.costs.rules import movement, pointwise, products, recurrent, resampling
from groupcalc.costs.rules.registry import RULES, Rule, cost_rule

FAMILIES = (products, recurrent, pointwise, resampling, movement)
"""Importing a family enters its rules."""

__all__ = ["FAMILIES", "RULES", "Rule", "cost_rule"]
