"""FlexAttention: the node's own products, and the graphs that it puts its scores through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import onnx

from groupcalc.errors import InputError
from groupcalc.graph import Tensor
from groupcalc.sources.onnx.nodes import AGAIN, operator
from groupcalc.sources.onnx.payload import dtype
from groupcalc.sources.onnx.scope import Scope, Value

if TYPE_CHECKING:
    from groupcalc.sources.onnx.lower import Lowering

MODIFIERS = ("score_mod", "prob_mod")


def flex_attention(lowering: Lowering, node: onnx.NodeProto, inputs: Sequence[Value | None], scope: Scope) -> None:
    """Each modifier graph is run once over all scores (ONNX ai.onnx.preview FlexAttention-1)."""
    scores = _scores(node, [value.tensor if value else None for value in inputs])
    bodies = {attribute.name: attribute.g for attribute in node.attribute if attribute.HasField("g")}
    for place in MODIFIERS:
        body = bodies.get(place)
        if body is None or scores is None:
            continue  # without scores the node itself says which shape is missing
        if len(body.input) != 1:
            raise InputError(f"{place} has {len(body.input)} inputs where it takes the scores", AGAIN)
        inner = lowering.inner(scope, node, body, place, shown=place)
        shape, kind = scores
        name = body.input[0].name
        inner.make(name, Value(tensor=Tensor(name=inner.named(name), shape=shape, dtype=kind)))
        lowering.walk(inner)
    lowering.operate(operator(node), node, inputs, scope)


def _scores(node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> tuple[tuple[int, ...], str] | None:
    """Shape and dtype of the scores q · kᵀ; None where they are not known."""
    q, k = (*inputs, None, None)[:2]
    if q is None or k is None or len(q.shape) != 4 or len(k.shape) != 4:
        return None
    kind = "float64" if q.dtype == "float64" else "float32"
    for attribute in node.attribute:
        if attribute.name == "softmax_precision":
            kind = dtype(attribute.i)
    return (*q.shape[:3], k.shape[2]), kind
