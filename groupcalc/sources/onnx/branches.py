"""If: one branch in its place where the condition is known, else both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import onnx

from groupcalc.graph import Layer, Tensor
from groupcalc.sources.onnx.bodies import (
    Values,
    check,
    passed,
    required,
    results,
)
from groupcalc.sources.onnx.nodes import body_of, node_name
from groupcalc.sources.onnx.scope import Scope, Value, known_truth
from groupcalc.units import show_name, show_shape

if TYPE_CHECKING:
    from groupcalc.sources.onnx.lower import Lowering


def branch(lowering: Lowering, node: onnx.NodeProto, inputs: Values, scope: Scope) -> None:
    """ONNX If-25: one branch in its place where the condition is known; both where it depends on data."""
    condition = required(inputs, 0, "condition")
    names: tuple[str, ...] = ("then_branch", "else_branch")
    is_true = known_truth(condition)
    if is_true is not None:
        names = names[:1] if is_true else names[1:]
    bodies = [body_of(node, name) for name in names]
    for name, body in zip(names, bodies, strict=True):
        check(name, "outputs", len(body.output), len(node.output))
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
                each.layers.append(passed("If", name, result.tensor, value.tensor))
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
