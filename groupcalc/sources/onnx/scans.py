"""Scan and SequenceMap: the body once for each slice, or each tensor of a sequence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

import onnx

from groupcalc.errors import InputError
from groupcalc.graph import Layer, Tensor, ran
from groupcalc.sources.onnx.bodies import (
    ENDS,
    ONE_TRIP,
    Lowered,
    Values,
    axis_of,
    check,
    is_steady,
    leave,
    passed,
    required,
    results,
    state_of,
)
from groupcalc.sources.onnx.nodes import AGAIN, body_of, integers, node_name
from groupcalc.sources.onnx.scope import Scope, Value, text
from groupcalc.sources.onnx.sequences import sequence
from groupcalc.units import show_shape

if TYPE_CHECKING:
    from groupcalc.sources.onnx.lower import Lowering


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scanned:
    """What a Scan goes through.

    tensors  what is scanned
    axes     the axis of each that is cut in slices
    length   slices of each
    batch    one number, the items that are scanned each by itself (ONNX Scan-8); () where the operator knows no batch
    """

    tensors: tuple[Tensor, ...]
    axes: tuple[int, ...]
    length: int
    batch: tuple[int, ...]

    @property
    def pieces(self) -> list[tuple[int, ...]]:
        """The shape of one slice of each."""
        gone = [{axis, *range(len(self.batch))} for axis in self.axes]
        return [
            tuple(size for place, size in enumerate(tensor.shape) if place not in axes)
            for tensor, axes in zip(self.tensors, gone, strict=True)
        ]

    def item(self, state: Value | None) -> Value | None:
        """A state as one item of the batch has it."""
        if not self.batch or state is None or state.tensor is None or not state.tensor.shape:
            return state
        return Value(tensor=replace(state.tensor, shape=state.tensor.shape[1:], constant=False, held=(), literal=False))

    def whole(self, name: str, state: Value) -> Value:
        """A state of one item as the whole batch has it."""
        if not self.batch or state.tensor is None:
            return state
        return Value(tensor=Tensor(name=name, shape=(*self.batch, *state.tensor.shape), dtype=state.tensor.dtype))


def scan(lowering: Lowering, node: onnx.NodeProto, inputs: Values, scope: Scope) -> None:
    """ONNX Scan-25: the body once for each slice; Scan-8 scans axis 1 and does so for every item of a batch."""
    body = body_of(node, "body")
    is_batched = lowering.version(scope, node) < 9
    if is_batched:
        if inputs and inputs[0] is not None:
            lowering.give_up(node, scope, "how long each sequence is depends on data", whole=True)
            return
        inputs = inputs[1:]
    check("body", "inputs", len(body.input), len(inputs))
    check("body", "outputs", len(body.output), len(node.output))
    count = next((int(a.i) for a in node.attribute if a.name == "num_scan_inputs"), 0)
    if not 0 < count <= len(inputs):
        raise InputError(f"num_scan_inputs={count} does not fit {len(inputs)} inputs", AGAIN)
    states = inputs[:-count]
    scanned = _scanned(node, inputs[-count:], is_batched)
    if scanned is None:
        lowering.give_up(node, scope, "the shape of what it scans is not known", whole=True)
        return
    once = _one_slice(lowering, node, scope, states, scanned)
    finals, outputs = once.results[: len(states)], once.results[len(states) :]
    changed = not is_steady([scanned.item(state) for state in states], finals)
    lowering.layers += ran(once.layers, 1 if changed else prod((scanned.length, *scanned.batch)))
    lowering.unresolved += once.unresolved
    if changed:
        lowering.give_up(node, scope, f"what it carries changes its shape from trip to trip; {ONE_TRIP}")
        finals = [Value(lost=ENDS)] * len(states)
    names = [scope.named(f"{node_name(node)}…{place}") for place in range(len(states))]
    axes = (0,) * len(outputs) if is_batched else integers(node, "scan_output_axes", len(outputs))
    lead = None if changed else (*scanned.batch, scanned.length)
    leave(
        lowering,
        node,
        scope,
        [scanned.whole(name, state) for name, state in zip(names, finals, strict=True)],
        [(each, lead, axis) for each, axis in zip(outputs, axes, strict=True)],
    )


def _scanned(node: onnx.NodeProto, inputs: Values, is_batched: bool) -> _Scanned | None:
    """What is scanned; None where a shape is not known. InputError for inputs of different lengths."""
    tensors = tuple(each.tensor for each in inputs if each is not None and each.tensor is not None)
    if len(tensors) < len(inputs):
        return None
    axes = (1,) * len(tensors) if is_batched else integers(node, "scan_input_axes", len(tensors))
    axes = tuple(axis_of(axis, len(tensor.shape)) for axis, tensor in zip(axes, tensors, strict=True))
    lengths = {tensor.shape[axis] for axis, tensor in zip(axes, tensors, strict=True)}
    batches = {tensor.shape[:1] if is_batched else () for tensor in tensors}
    if len(lengths) > 1 or len(batches) > 1:
        shapes = ", ".join(show_shape(tensor.shape) for tensor in tensors)
        raise InputError(f"scans inputs of different lengths: {shapes}", AGAIN)
    return _Scanned(tensors=tensors, axes=axes, length=lengths.pop(), batch=batches.pop())


def _one_slice(lowering: Lowering, node: onnx.NodeProto, scope: Scope, states: Values, scanned: _Scanned) -> Lowered:
    """The body with what it is handed for one slice of one item."""
    inner = lowering.inner(scope, node, body_of(node, "body"), "body")
    infos, before = list(inner.graph.input), list[Layer]()
    for info, state in zip(infos, states, strict=False):
        value = scanned.item(state) or Value(lost="it is left out")
        if value.tensor is not None:
            value, layer = state_of(node, scope, inner, info, value.tensor)
            before.append(layer)
        inner.make(info.name, value)
    for info, tensor, shape in zip(infos[len(states) :], scanned.tensors, scanned.pieces, strict=True):
        piece = Tensor(name=inner.named(info.name), shape=shape, dtype=tensor.dtype)
        before.append(passed("Scan", scope.prefix + node_name(node), tensor, piece))
        inner.make(info.name, Value(tensor=piece))
    found = lowering.lowered(inner)
    return replace(found, layers=before + found.layers)


def sequence_map(lowering: Lowering, node: onnx.NodeProto, inputs: Values, scope: Scope) -> None:
    """ONNX SequenceMap-17: the body once for each tensor of a sequence whose tensors are known."""
    body = body_of(node, "body")
    parts = required(inputs, 0, "sequence").parts
    check("body", "inputs", len(body.input), len(inputs))
    check("body", "outputs", len(body.output), len(node.output))
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
