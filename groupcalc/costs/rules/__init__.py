"""What each operator computes: one short rule an operator, in the letters of its signature, a family a file."""

from __future__ import annotations

from groupcalc.costs.rules import (
    attention,
    fused,
    learning,
    microsoft,
    movement,
    pointwise,
    products,
    recurrent,
    resampling,
    signal,
    training,
)
from groupcalc.costs.rules.registry import RULES, WITHOUT, Rule, UncountableError, cost_rule

FAMILIES = (
    products, attention, recurrent, microsoft, pointwise, fused, resampling, signal, learning, training, movement,
)  # fmt: skip
"""Importing a family enters its rules."""

__all__ = ["FAMILIES", "RULES", "WITHOUT", "Rule", "UncountableError", "cost_rule"]
