"""Nodes that run other nodes: If, Loop, Scan, SequenceMap and calls of the model's own functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
import onnx

from groupcalc.errors import InputError
from groupcalc.graph import Layer, Tensor, Uncounted, ran
from groupcalc.sources.onnx.nodes import AGAIN, body_of, integers, node_name, operator
from groupcalc.sources.onnx.scope import Scope, Value, known_integers, known_truth, text
from groupcalc.sources.onnx.sequences import number, sequence
from groupcalc.units import show_name, show_shape

if TYPE_CHECKING:
    from groupcalc.sources.onnx.lower import Lowering

Values = Sequence[Value | None]

ONE_TRIP = "one trip is in the totals"
ENDS = "the shape that it ends with is not known"

MAX_UNROLLED = 1024
"""The most trips that are read one by one, where what a loop carries changes its shape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowered:
    """What the nodes of a body have become, and what leaves it."""

    layers: list[Layer] = field(default_factory=list)
    unresolved: list[Uncounted] = field(default_factory=list)
    results: list[Value] = field(default_factory=list)


def branch(lowering: Lowering, node: onnx.NodeProto, inputs: Values, scope: Scope) -> None:
    """ONNX If-25: one branch in its place where the condition is known; both where it depends on data."""
    condition = _given(inputs, 0, "a condition")
    names: tuple[str, ...] = ("then_branch", "else_branch")
    is_true = known_truth(condition)
    if is_true is not None:
        names = names[:1] if is_true else names[1:]
    bodies = [body_of(node, name) for name in names]
    for name, body in zip(names, bodies, strict=True):
        _check(name, "outputs", len(body.output), len(node.output))
    if len(bodies) == 1:
        inner = lowering.inner(scope, node, bodies[0], names[0])
        lowering.walk(inner)
        for output, result in zip(node.output, results(inner), strict=True):
            scope.make(output, result)
        return
    name = scope.prefix + node_name(node)
    lowered = [
        lowering.lowered(lowering.inner(scope, node, body, place, shown=place))
        for place, body in zip(names, bodies, strict=True)
    ]
    for each in lowered:
        lowering.unresolved += each.unresolved
    made: list[Tensor] = []
    for output, *found in zip(node.output, *(each.results for each in lowered), strict=True):
        value = _either(scope.named(output), found, name)
        scope.make(output, value)
        if output and value.tensor is not None:
            made.append(value.tensor)
            for each, result in zip(lowered, found, strict=True):
                each.layers.append(_pass("If", name, result.tensor, value.tensor))
    blocks = tuple(tuple(each.layers) for each in lowered)
    if any(blocks):
        lowering.layers.append(
            Layer(name=name, op="If", inputs=(condition.tensor,), outputs=tuple(made), blocks=blocks)
        )


def _either(name: str, results: Sequence[Value], node: str) -> Value:
    """What is known of an output, whichever branch runs."""
    first, second = (result.tensor for result in results)
    if first is None or second is None:
        return next(result for result in results if result.tensor is None)
    if (first.shape, first.dtype) != (second.shape, second.dtype):
        shapes = f"{show_shape(first.shape)} or {show_shape(second.shape)}"
        return Value(lost=f"it is {shapes}, as the condition of '{show_name(node)}' has it")
    return Value(tensor=Tensor(name=name, shape=first.shape, dtype=first.dtype))


def loop(lowering: Lowering, node: onnx.NodeProto, inputs: Values, scope: Scope) -> None:
    """ONNX Loop-25: the body times the trips where they are known; trip by trip where what it carries changes its
    shape; else one trip, and the node is uncounted."""
    body = body_of(node, "body")
    most, condition = (inputs[slot] if slot < len(inputs) else None for slot in (0, 1))
    carried = list(inputs[2:])
    count = len(carried)
    _check("body", "inputs", len(body.input), count + 2)
    _check("body", "outputs", len(body.output), max(len(node.output), count) + 1)
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
                value, layer = _state(node, scope, inner, info, value.tensor)
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
    changed = not _is_steady(carried, once.results[1 : count + 1])
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
    _leave(lowering, node, scope, finals, stacked)


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
    _leave(lowering, node, scope, [value or Value(lost="it is left out") for value in state], stacked)
    return True


def scan(lowering: Lowering, node: onnx.NodeProto, inputs: Values, scope: Scope) -> None:
    """ONNX Scan-25: the body once for each slice; Scan-8 scans axis 1 and does so for every item of a batch."""
    body = body_of(node, "body")
    is_batched = lowering.version(scope, node) < 9
    if is_batched:
        if inputs and inputs[0] is not None:
            lowering.give_up(node, scope, "how long each sequence is depends on data", whole=True)
            return
        inputs = inputs[1:]
    count = next((int(a.i) for a in node.attribute if a.name == "num_scan_inputs"), 0)
    if not 0 < count <= len(inputs):
        raise InputError(f"num_scan_inputs={count} does not fit {len(inputs)} inputs", AGAIN)
    states, scanned = inputs[:-count], [each.tensor if each else None for each in inputs[-count:]]
    _check("body", "inputs", len(body.input), len(inputs))
    _check("body", "outputs", len(body.output), len(node.output))
    tensors = [tensor for tensor in scanned if tensor is not None]
    if len(tensors) < len(scanned):
        lowering.give_up(node, scope, "the shape of what it scans is not known", whole=True)
        return
    axes = (1,) * count if is_batched else integers(node, "scan_input_axes", count)
    axes = tuple(_axis(axis, len(tensor.shape)) for axis, tensor in zip(axes, tensors, strict=True))
    trips = {tensor.shape[axis] for axis, tensor in zip(axes, tensors, strict=True)}
    batch = {tensor.shape[0] for tensor in tensors} if is_batched else set[int]()
    if len(trips) > 1 or len(batch) > 1:
        shapes = ", ".join(show_shape(tensor.shape) for tensor in tensors)
        raise InputError(f"scans inputs of different lengths: {shapes}", AGAIN)
    batches = tuple(batch)

    inner = lowering.inner(scope, node, body, "body")
    before: list[Layer] = []
    for info, state in zip(body.input, states, strict=False):
        value = (_first(state) if is_batched else state) or Value(lost="it is left out")
        if value.tensor is not None:
            value, layer = _state(node, scope, inner, info, value.tensor)
            before.append(layer)
        inner.make(info.name, value)
    for info, tensor, axis in zip(body.input[len(states) :], tensors, axes, strict=True):
        kept = tuple(size for place, size in enumerate(tensor.shape) if place != axis and (place or not is_batched))
        piece = Tensor(name=inner.named(info.name), shape=kept, dtype=tensor.dtype)
        before.append(_pass("Scan", scope.prefix + node_name(node), tensor, piece))
        inner.make(info.name, Value(tensor=piece))
    once = lowering.lowered(inner)
    items = [_first(state) if is_batched else state for state in states]
    changed = not _is_steady(items, once.results[: len(states)])
    length = next(iter(trips))
    times = 1 if changed else length * (batches[0] if batches else 1)
    lowering.layers += ran(before + once.layers, times)
    lowering.unresolved += once.unresolved
    if changed:
        lowering.give_up(node, scope, f"what it carries changes its shape from trip to trip; {ONE_TRIP}")
    finals = once.results[: len(states)]
    if changed:
        finals = [Value(lost=ENDS)] * len(states)
    elif batches:
        finals = [
            _batched(scope.named(f"{node_name(node)}…{place}"), batches, value) for place, value in enumerate(finals)
        ]
    outputs = once.results[len(states) :]
    out_axes = (0,) * len(outputs) if is_batched else integers(node, "scan_output_axes", len(outputs))
    stacked = [
        (each, None if changed else (*batches, length), axis) for each, axis in zip(outputs, out_axes, strict=True)
    ]
    _leave(lowering, node, scope, finals, stacked)


def sequence_map(lowering: Lowering, node: onnx.NodeProto, inputs: Values, scope: Scope) -> None:
    """ONNX SequenceMap-17: the body once for each tensor of a sequence whose tensors are known."""
    body = body_of(node, "body")
    parts = _given(inputs, 0, "a sequence").parts
    _check("body", "inputs", len(body.input), len(inputs))
    _check("body", "outputs", len(body.output), len(node.output))
    others = [value.parts for value in inputs[1:] if value is not None and value.parts is not None]
    if parts is None or not lowering.has_room(len(parts) * len(body.node)):
        lowering.give_up(node, scope, "which tensors the sequence holds depends on data", whole=True)
        return
    if any(len(other) != len(parts) for other in others):
        raise InputError("maps sequences of different lengths", AGAIN)
    mapped: list[list[Value]] = []
    for place in range(len(parts)):
        inner = lowering.inner(scope, node, body, "body")
        for info, value in zip(body.input, inputs, strict=True):
            inner.values[text(info.name)] = value if value is None or value.parts is None else value.parts[place]
        lowering.walk(inner)
        mapped.append(results(inner))
    columns: Iterable[tuple[Value, ...]] = zip(*mapped, strict=True) if mapped else [()] * len(node.output)
    for output, found in zip(node.output, columns, strict=True):
        known = all(value.tensor is not None for value in found)
        scope.make(output, sequence(found) if known else Value(lost="it holds tensors of unknown shape"))


def call(lowering: Lowering, node: onnx.NodeProto, inputs: Values, scope: Scope, function: onnx.FunctionProto) -> None:
    """A call of one of the model's functions: its nodes in its place, or one layer where that would be too many."""
    if len(inputs) > len(function.input) or len(node.output) > len(function.output):
        fact = f"takes {len(function.input)} inputs and has {len(function.output)} outputs"
        raise InputError(f"{fact}, the call gives {len(inputs)} and takes {len(node.output)}", AGAIN)
    inner = lowering.inner(scope, node, lowering.functions.body(function, node), operator(node), function=function)
    pairs = [(text(name), value) for name, value in zip_longest(function.input, inputs)]
    if not lowering.is_huge:
        inner.values.update(pairs)
        lowering.walk(inner)
        for output, result in zip(node.output, function.output, strict=False):
            scope.make(output, inner.read(result) or Value(lost="it is left out"))
        return
    key = (operator(node), inner.home, *map(_signature, inputs), *_signatures(node))
    if key not in lowering.bodies:
        inner.values.update((name, _formal(inner, name, value)) for name, value in pairs)
        found = lowering.lowered(inner)
        lowering.unresolved += found.unresolved
        leaving = [inner.read(name) or Value(lost="it is left out") for name in function.output]
        lowering.bodies[key] = tuple(found.layers), leaving
    layers, leaving = lowering.bodies[key]
    made: list[Tensor] = []
    for output, result in zip(node.output, leaving, strict=False):
        tensor = result.tensor
        if tensor is not None and not tensor.constant:
            tensor = replace(tensor, name=scope.named(output))
            made.append(tensor)
        scope.make(output, replace(result, tensor=tensor))
    name, read = scope.prefix + node_name(node), tuple(value.tensor if value else None for value in inputs)
    lowering.layers.append(Layer(name=name, op=operator(node), inputs=read, outputs=tuple(made), blocks=(layers,)))


def _signature(value: Value | None) -> object:
    """What of an argument decides what a call costs; stored tensors count by which they are."""
    if value is None or value.tensor is None:
        return value and (value.lost, tuple(map(_signature, value.parts or ())))
    tensor = value.tensor
    data = value.data.SerializeToString() if value.data is not None else b""
    stored = tuple(each.name for each in tensor.stored)
    return tensor.shape, tensor.dtype, tensor.literal, stored, data, value.from_shape


def _signatures(node: onnx.NodeProto) -> list[bytes]:
    return [attribute.SerializeToString() for attribute in node.attribute]


def _formal(inner: Scope, name: str, value: Value | None) -> Value | None:
    """An argument as a body sees it that is read once for all of its calls."""
    if value is None or value.tensor is None or value.tensor.constant:
        return value
    return replace(value, tensor=replace(value.tensor, name=inner.named(name)))


def _state(
    node: onnx.NodeProto, scope: Scope, inner: Scope, info: onnx.ValueInfoProto, handed: Tensor
) -> tuple[Value, Layer]:
    """What a loop carries, as its body sees it: of that shape and dtype, but not always the same elements."""
    tensor = Tensor(name=inner.named(info.name), shape=handed.shape, dtype=handed.dtype)
    return Value(tensor=tensor), _pass(text(node.op_type), scope.prefix + node_name(node), handed, tensor)


def _first(state: Value | None) -> Value | None:
    """One item of a batch."""
    if state is None or state.tensor is None or not state.tensor.shape:
        return state
    return Value(tensor=replace(state.tensor, shape=state.tensor.shape[1:], constant=False, held=(), literal=False))


def _batched(name: str, batch: tuple[int, ...], value: Value) -> Value:
    """The same for every item of a batch."""
    if value.tensor is None:
        return value
    return Value(tensor=Tensor(name=name, shape=(*batch, *value.tensor.shape), dtype=value.tensor.dtype))


def _is_steady(before: Values, after: Sequence[Value]) -> bool:
    """What a body hands on has the shape and dtype of what it was handed."""
    for old, new in zip(before, after, strict=True):
        if old is None or old.tensor is None or new.tensor is None:
            return False
        if (old.tensor.shape, old.tensor.dtype) != (new.tensor.shape, new.tensor.dtype):
            return False
    return True


def _leave(
    lowering: Lowering,
    node: onnx.NodeProto,
    scope: Scope,
    finals: Sequence[Value],
    stacked: Sequence[tuple[Value, tuple[int, ...] | None, int]],
) -> None:
    """The outputs of a loop: what it carried to its end, and what it stacked, a slice a trip, along an axis."""
    op, name = text(node.op_type), scope.prefix + node_name(node)
    made: list[Tensor] = []
    for output, value in zip(node.output, finals, strict=False):
        scope.make(output, value)
    for output, (value, lead, axis) in zip(node.output[len(finals) :], stacked, strict=True):
        if value.tensor is None or lead is None:
            reason = value.lost if value.tensor is None else f"how often '{show_name(name)}' runs is not known"
            scope.make(output, Value(lost=reason))
            continue
        shape = value.tensor.shape
        at = _axis(axis, len(shape) + 1)
        shape = (*lead, *shape) if at == 0 else (*shape[:at], *lead, *shape[at:])
        tensor = Tensor(name=scope.named(output), shape=shape, dtype=value.tensor.dtype)
        scope.make(output, Value(tensor=tensor))
        if output:
            made.append(tensor)
    if made:
        lowering.layers.append(Layer(name=name, op=op, inputs=(), outputs=tuple(made)))


def _pass(op: str, name: str, source: Tensor | None, target: Tensor) -> Layer:
    """A tensor under another name: a view of an activation, a copy of a stored tensor, which is counted with it."""
    assert source is not None
    op = op if source.constant and not source.literal else "Identity"
    return Layer(name=name, op=op, inputs=(source,), outputs=(target,))


def results(inner: Scope) -> list[Value]:
    """What leaves a body."""
    return [inner.read(output.name) or Value(lost="it is left out") for output in inner.graph.output]


def _given(inputs: Values, slot: int, what: str) -> Value:
    value = inputs[slot] if slot < len(inputs) else None
    if value is None:
        raise InputError(f"has no {what.split()[-1]}", AGAIN)
    return value


def _check(name: str, what: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise InputError(f"{name} has {found} {what} where the node has {wanted}", AGAIN)


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise InputError(f"axis {axis} is none of {rank}", AGAIN)
    return axis % rank


def _count(value: Value | None) -> int | None:
    """The trips that a loop makes at most, where they are known."""
    counts = known_integers(value)
    return max(int(counts.item()), 0) if counts is not None and counts.size == 1 else None


CONTROL: Mapping[str, Callable[[Lowering, onnx.NodeProto, Values, Scope], None]] = {
    "If": branch,
    "Loop": loop,
    "Scan": scan,
    "SequenceMap": sequence_map,
}
"""By op_type."""
