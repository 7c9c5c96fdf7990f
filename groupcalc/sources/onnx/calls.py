"""Calls of the model's own functions."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING

import onnx

from groupcalc.errors import InputError
from groupcalc.graph import Layer, Tensor
from groupcalc.sources.onnx.bodies import (
    Values,
)
from groupcalc.sources.onnx.nodes import AGAIN, node_name, operator
from groupcalc.sources.onnx.scope import Scope, Value, text

if TYPE_CHECKING:
    from groupcalc.sources.onnx.lower import Lowering


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
