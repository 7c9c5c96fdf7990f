"""Why a node cannot be counted."""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from groupcalc.graph import MISFIT
from groupcalc.sources.onnx.contrib import SHAPES
from groupcalc.sources.onnx.nodes import operator
from groupcalc.sources.onnx.scope import INDEX_DTYPES, Scope, Value, text
from groupcalc.units import show_name

MAPPED = frozenset({"ai.onnx.ml::ZipMap"})
"""Operators that hand their input on as maps, which have no shape and need none."""


def lost(node: onnx.NodeProto, inputs: Sequence[Value | None]) -> str:
    """Why the first input without a shape has none; "" when all have one."""
    for name, value in zip(node.input, inputs, strict=True):
        if value is not None and value.tensor is None:
            return f"no shape for '{show_name(text(name))}': {value.lost}"
    return ""


def shapeless(node: onnx.NodeProto, inputs: Sequence[Value | None], values: Sequence[Value], scope: Scope) -> str:
    """Why an output has no shape, though every input has one; "" when all have.

    An optional output beside the first, such as the mask of Dropout, may go without.
    """
    if operator(node) in MAPPED:
        return ""
    found = ((i, n) for i, (n, v) in enumerate(zip(node.output, values, strict=True)) if n and v.tensor is None)
    index, output = next(found, (0, ""))
    if not output:
        return ""
    schema, shown = scope.inference.schema(node), show_name(text(output))
    if schema is None:
        is_known = operator(node) in SHAPES
        return f"no shape for {shown!r}: {MISFIT}" if is_known else f"no rule, and no shape for {shown!r}"
    if index and _is_optional(schema, index):
        return ""
    for source, value_ in zip(node.input, inputs, strict=True):
        tensor = value_.tensor if value_ else None
        if value_ and tensor and tensor.constant and value_.data is None and tensor.dtype in INDEX_DTYPES:
            return f"the shape of {shown!r} follows from '{show_name(text(source))}', whose values are not in the file"
    return f"the shape of {shown!r} depends on data"


def _is_optional(schema: onnx.defs.OpSchema, index: int) -> bool:
    """The operator may be asked to leave this output out."""
    if index >= len(schema.outputs):
        return False
    return bool(schema.outputs[index].option == onnx.defs.OpSchema.FormalParameterOption.Optional)
