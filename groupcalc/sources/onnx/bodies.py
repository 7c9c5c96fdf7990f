"""What the nodes that run other nodes share: what a body becomes, what is handed in, what leaves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import onnx

from groupcalc.errors import InputError
from groupcalc.graph import Layer, Tensor, Uncounted
from groupcalc.sources.onnx.nodes import AGAIN, node_name
from groupcalc.sources.onnx.scope import Scope, Value, text
from groupcalc.units import show_name

if TYPE_CHECKING:
    from groupcalc.sources.onnx.lower import Lowering


Values = Sequence[Value | None]

ONE_TRIP = "one trip is in the totals"
ENDS = "the shape that it ends with is not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowered:
    """What the nodes of a body have become, and what leaves it."""

    layers: list[Layer] = field(default_factory=list)
    unresolved: list[Uncounted] = field(default_factory=list)
    results: list[Value] = field(default_factory=list)


def results(inner: Scope) -> list[Value]:
    """What leaves a body."""
    return [inner.read(output.name) or Value(lost="it is left out") for output in inner.graph.output]


def required(inputs: Values, slot: int, what: str) -> Value:
    """An input that the operator cannot do without; InputError where it is left out."""
    value = inputs[slot] if slot < len(inputs) else None
    if value is None:
        raise InputError(f"has no {what}", AGAIN)
    return value


def check(name: str, what: str, found: int, wanted: int) -> None:
    """InputError for a body with more or fewer inputs or outputs than its node."""
    if found != wanted:
        raise InputError(f"{name} has {found} {what} where the node has {wanted}", AGAIN)


def axis_of(axis: int, rank: int) -> int:
    """An axis counted from the front; InputError where there is none such."""
    if not -rank <= axis < rank:
        raise InputError(f"axis {axis} is none of {rank}", AGAIN)
    return axis % rank


def passed(op: str, name: str, source: Tensor | None, target: Tensor) -> Layer:
    """A tensor under another name: a view of an activation, a copy of a stored tensor, which is counted with it."""
    assert source is not None
    op = op if source.constant and not source.literal else "Identity"
    return Layer(name=name, op=op, inputs=(source,), outputs=(target,))


def state_of(
    node: onnx.NodeProto, scope: Scope, inner: Scope, info: onnx.ValueInfoProto, handed: Tensor
) -> tuple[Value, Layer]:
    """What a loop carries, as its body sees it: of that shape and dtype, but not always the same elements."""
    tensor = Tensor(name=inner.named(info.name), shape=handed.shape, dtype=handed.dtype)
    return Value(tensor=tensor), passed(text(node.op_type), scope.prefix + node_name(node), handed, tensor)


def is_steady(before: Values, after: Sequence[Value]) -> bool:
    """What a body hands on has the shape and dtype of what it was handed."""
    for old, new in zip(before, after, strict=True):
        if old is None or old.tensor is None or new.tensor is None:
            return False
        if (old.tensor.shape, old.tensor.dtype) != (new.tensor.shape, new.tensor.dtype):
            return False
    return True


def leave(
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
        at = axis_of(axis, len(shape) + 1)
        shape = (*lead, *shape) if at == 0 else (*shape[:at], *lead, *shape[at:])
        tensor = Tensor(name=scope.named(output), shape=shape, dtype=value.tensor.dtype)
        scope.make(output, Value(tensor=tensor))
        if output:
            made.append(tensor)
    if made:
        lowering.layers.append(Layer(name=name, op=op, inputs=(), outputs=tuple(made)))
