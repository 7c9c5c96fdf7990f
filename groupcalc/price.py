"""From an input to its cost: a saved result is read back, everything else is read and costed."""

from __future__ import annotations

from groupcalc.costs.cost import GraphCost
from groupcalc.costs.model import cost
from groupcalc.costs.snapshot import read_models
from groupcalc.errors import GroupcalcError
from groupcalc.sources import load, read_text
from groupcalc.sources.given import Given
from groupcalc.sources.targets import Target


def price(target: Target, given: Given) -> list[GraphCost]:
    """The costs that a target holds: one, or those of every model of a saved result. Raises GroupcalcError."""
    if target.kind == "json":
        saved = _saved(target)
        if saved is not None:
            return saved
    return [cost(load(target, given), path=target.path)]


def _saved(target: Target) -> list[GraphCost] | None:
    """The models of a saved result; None for JSON of another kind, whose faults its own reader names."""
    import json  # loaded only by who reads it

    try:
        data = json.loads(read_text(target))
    except (ValueError, RecursionError):
        return None
    except GroupcalcError as error:
        raise error.within(target.path) from error.__cause__
    if not isinstance(data, dict) or "schema_version" not in data:
        return None
    try:
        return read_models(data)
    except GroupcalcError as error:
        raise error.within(target.path) from error.__cause__
