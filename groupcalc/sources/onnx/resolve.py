"""What follows from a node's operator, attributes and input shapes alone, worked out once for equal nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import onnx

from groupcalc.sources.onnx.contrib import OVERRULED, known_shapes
from groupcalc.sources.onnx.geometry import WINDOWS, attributes, check_rearranged, checked_attributes
from groupcalc.sources.onnx.infer import Inferred, RefusedError, tells_shape
from groupcalc.sources.onnx.reasons import lost
from groupcalc.sources.onnx.scope import Scope, Value, text


class Resolved(NamedTuple):
    """What follows from a node's operator, attributes and input shapes alone."""

    attributes: Mapping[str, Any]
    outputs: Sequence[Inferred]
    refused: str = ""


class Resolver:
    """Remembers what it has resolved: networks are full of equal nodes over equal shapes."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Resolved] = {}

    def resolve(self, op: str, node: onnx.NodeProto, inputs: Sequence[Value | None], scope: Scope) -> Resolved:
        """Attributes and output shapes; equal nodes over equal shapes, networks are full of them, are resolved once."""
        plain = attributes(node)
        key: tuple[object, ...] | None = None
        whole = len(plain) == len(node.attribute) and "" not in node.output
        if whole and all(_tells_by_shape(op, value) for value in inputs):
            shapes = [
                (v.tensor.dtype, v.tensor.shape) if v is not None and v.tensor is not None else None for v in inputs
            ]
            key = (op, id(scope.inference), len(node.output), *plain.items(), *shapes)
            if key in self._known:
                return self._known[key]
        resolved = _anew(op, node, inputs, plain, scope)
        if all(output.shape is not None for output in resolved.outputs):
            if key is not None:
                self._known[key] = resolved
            return resolved
        return resolved._replace(outputs=[
            output if output.shape is not None else _declared(output, text(name), scope)
            for name, output in zip(node.output, resolved.outputs, strict=True)
        ])  # fmt: skip


def _anew(
    op: str, node: onnx.NodeProto, inputs: Sequence[Value | None], plain: dict[str, Any], scope: Scope
) -> Resolved:
    found, shape, refused = plain, None, ""
    tensors = [value.tensor if value else None for value in inputs]
    whole = not lost(node, inputs)
    if whole:
        found, shape = checked_attributes(op, tensors, plain)
    try:
        outputs = scope.inference.outputs(node, inputs)
    except RefusedError as error:
        outputs, refused = [Inferred()] * len(node.output), str(error)
    if whole and (op in OVERRULED or any(output.shape is None for output in outputs)):
        outputs = known_shapes(op, tensors, plain, outputs)
    if inputs and inputs[0] and outputs:
        check_rearranged(op, inputs[0].tensor, outputs[0].shape)
    if shape is not None:
        alike = len(outputs) if op in WINDOWS else 1  # a pooling tells the places of its values beside them
        made = [Inferred(output.dtype, shape) if output.dtype else output for output in outputs[:alike]]
        outputs = [*made, *outputs[alike:]]
    return Resolved(found, outputs, refused)


def _declared(output: Inferred, name: str, scope: Scope) -> Inferred:
    """What the file says of a value of which inference does not know all."""
    declared = scope.inference.read(scope.declared.get(name))
    if declared.shape is not None and min(declared.shape, default=0) < 0:  # some exporters' way to say unknown
        return output
    return declared if declared.shape is not None or output.type is None else output


def _tells_by_shape(op: str, value: Value | None) -> bool:
    """Nothing but dtype and shape of this input can decide the shape of an output."""
    return value is None or (value.tensor is not None and (value.data is None or not tells_shape(op, value)))
