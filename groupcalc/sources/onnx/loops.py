"""Loop: the body times its trips, or trip by trip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import onnx

from groupcalc.graph import Layer, Tensor, Uncounted, ran
from groupcalc.sources.onnx.bodies import (
    ENDS,
    ONE_TRIP,
    Lowered,
    Values,
    check,
    is_steady,
    leave,
    state_of,
)
from groupcalc.sources.onnx.nodes import body_of
from groupcalc.sources.onnx.scope import Scope, Value, known_integers, known_truth
from groupcalc.sources.onnx.sequences import number

if TYPE_CHECKING:
    from groupcalc.sources.onnx.lower import Lowering


MAX_UNROLLED = 1024
"""The most trips that are read one by one, where what a loop carries changes its shape."""


def loop(lowering: Lowering, node: onnx.NodeProto, inputs: Values, scope: Scope) -> None:
    """ONNX Loop-25: the body times the trips where they are known; trip by trip where what it carries changes its
    shape; else one trip, and the node is uncounted."""
    body = body_of(node, "body")
    most, condition = (inputs[slot] if slot < len(inputs) else None for slot in (0, 1))
    carried = list(inputs[2:])
    count = len(carried)
    check("body", "inputs", len(body.input), count + 2)
    check("body", "outputs", len(body.output), max(len(node.output), count) + 1)
    goes_on = known_truth(condition) if condition is not None else True
    trips = 0 if goes_on is False else _count(most)

    def run(trip: int | None, state: Values) -> Lowered:
        """One trip: by its number with what it is handed; without one, a trip that stands for all."""
        inner = lowering.inner(scope, node, body, "body", shown="" if trip is None else str(trip))
        entries: list[Value] = []
        before: list[Layer] = []
        for info, value in zip(body.input[2:], state, strict=True):
            value = value or Value(lost="it is left out")
            if trip is None and value.tensor is not None:
                value, layer = state_of(node, scope, inner, info, value.tensor)
                before.append(layer)
            entries.append(value)
        turn, goes_on = (inner.named(info.name) for info in body.input[:2])
        every = Value(tensor=Tensor(name=turn, shape=(), dtype="int64"))
        first = every if trip is None else number(turn, np.array(trip))
        for info, value in zip(body.input, (first, number(goes_on, np.array(True)), *entries), strict=True):
            inner.make(info.name, value)
        found = lowering.lowered(inner)
        return replace(found, layers=before + found.layers)

    once = run(None, carried)
    stays = known_truth(once.results[0])
    if goes_on is None or (stays is None and trips not in (0, 1)):
        trips = trips if trips == 0 else None
    elif stays is False:
        trips = 1 if trips is None else min(trips, 1)
    changed = not is_steady(carried, once.results[1 : count + 1])
    one_by_one = (changed or once.unresolved) and trips is not None and 1 < trips <= MAX_UNROLLED
    if one_by_one and trips and _unroll(lowering, node, scope, carried, trips, run):
        return
    reason = ""
    if trips is None:
        reason = f"how often it runs is not known; {ONE_TRIP}"
    elif changed and trips > 1:
        reason = f"what it carries changes its shape from trip to trip; {ONE_TRIP}"
    times = 1 if trips is None or reason else trips
    lowering.layers += ran(once.layers, times)
    lowering.unresolved += once.unresolved
    if reason:
        lowering.give_up(node, scope, reason)
    finals: list[Value] = []
    for value, result in zip(carried, once.results[1 : count + 1], strict=True):
        final = result if trips != 0 else value or Value(lost="it is left out")
        lost = changed and reason
        finals.append(Value(lost=ENDS) if lost else final)
    stacked = [(each, (trips,) if trips is not None and not reason else None, 0) for each in once.results[count + 1 :]]
    leave(lowering, node, scope, finals, stacked)


def _unroll(
    lowering: Lowering,
    node: onnx.NodeProto,
    scope: Scope,
    carried: Values,
    trips: int,
    run: Callable[[int | None, Values], Lowered],
) -> bool:
    """Every trip by itself; False, and nothing done, where it is not known how many there are."""
    state: Values = carried
    if not lowering.has_room(trips * len(body_of(node, "body").node)):
        return False
    count, layers, unresolved, slices = len(carried), list[Layer](), list[Uncounted](), list[list[Value]]()
    for trip in range(trips):
        found = run(trip, state)
        stays = known_truth(found.results[0])
        if stays is None and trip + 1 < trips:
            return False
        layers += found.layers
        unresolved += found.unresolved
        state = found.results[1 : count + 1]
        slices.append(found.results[count + 1 :])
        if stays is False:
            break
    lowering.layers += layers
    lowering.unresolved += unresolved
    stacked = []
    for parts in zip(*slices, strict=True):
        kinds = {(part.tensor.dtype, part.tensor.shape) if part.tensor is not None else None for part in parts}
        stacked.append((parts[0], (len(parts),) if len(kinds) == 1 else None, 0))
    leave(lowering, node, scope, [value or Value(lost="it is left out") for value in state], stacked)
    return True


def _count(value: Value | None) -> int | None:
    """The trips that a loop makes at most, where they are known."""
    counts = known_integers(value)
    return max(int(counts.item()), 0) if counts is not None and counts.size == 1 else None
