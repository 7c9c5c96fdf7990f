"""From a layer's work to its cost: params, bytes, FLOPs and dense equivalents, once for all operators."""

from __future__ import annotations

from typing import NamedTuple

from groupcalc.conv import SLOTS
from groupcalc.costs import FLOPS_PER_MAC
from groupcalc.costs.cost import Cost, GraphCost, LayerCost
from groupcalc.costs.memory import peak_activation_bytes
from groupcalc.costs.rules import RULES, Rule
from groupcalc.graph import BITS, Graph, Layer, Tensor, Uncounted

NEVER_LEARNED = frozenset({"bool", "int64", "string"})
"""What indices, conditions and text are stored as; no weight is."""

MISFIT = "its inputs or attributes are not those of the operator"


def cost(graph: Graph, path: str = "") -> GraphCost:
    """The cost of every layer of a graph, in order; what has no rule or no shape stands in `uncounted`."""
    owners: dict[str, str] = {}
    rows: list[LayerCost] = []
    uncounted = list(graph.unresolved)
    for layer in graph.layers:
        rule = RULES.get(layer.op)
        if rule is None:
            uncounted.append(Uncounted(name=layer.name, op=layer.op, reason="no rule"))
        elif not rule.view:
            try:
                rows.append(layer_cost(layer, rule, owners))
            except (LookupError, TypeError, ValueError):  # sources can check only what ONNX defines
                uncounted.append(Uncounted(name=layer.name, op=layer.op, reason=MISFIT))
    return GraphCost(
        name=graph.name,
        path=path or graph.name,
        inputs=graph.inputs,
        layers=tuple(rows),
        totals=Cost.total(row.cost for row in rows),
        peak_activation_bytes=peak_activation_bytes(graph),
        uncounted=tuple(uncounted),
        warnings=graph.warnings,
        symbols=graph.symbols,
    )


def layer_cost(layer: Layer, rule: Rule, owners: dict[str, str] | None = None) -> LayerCost:
    """One row. `owners` says in whose row a stored tensor stands already, and learns this layer's."""
    work = rule.work(layer)
    groups = layer.attributes["groups"] if layer.op in SLOTS else 1
    read, held = _operands(layer, rule)
    own, shared = _owned(layer.name, held, {} if owners is None else owners) if held else ({}, ())
    params, buffers, grouped, weight_bytes = map(sum, zip(*own.values(), strict=True)) if own else (0, 0, 0, 0)
    figures = Cost(
        params=params,
        buffers=buffers,
        macs=work.macs,
        flops=FLOPS_PER_MAC * work.macs + work.other_flops,
        weight_bytes=weight_bytes,
        input_bytes=sum({tensor.name: tensor.nbytes for tensor in read}.values()),
        output_bytes=sum([tensor.nbytes for tensor in layer.outputs]),
        dense_macs=work.macs * groups,
        dense_params=params + (groups - 1) * grouped,
    )
    return LayerCost(
        name=layer.name,
        op=layer.op,
        groups=groups,
        inputs=tuple([tensor.shape for tensor in read]),
        outputs=tuple([tensor.shape for tensor in layer.outputs]),
        cost=figures if layer.repeat == 1 else figures * layer.repeat,
        repeat=layer.repeat,
        shared=shared,
        layer=layer,
    )


class _Held(NamedTuple):
    """A stored tensor that a layer reads: what it counts as; `grouped` are its params if it is a grouped weight."""

    params: int
    buffers: int
    grouped: int
    nbytes: int


def _operands(layer: Layer, rule: Rule) -> tuple[list[Tensor], dict[str, _Held]]:
    """The activations that a layer reads, and the stored tensors behind its constants by name, each once.

    A stored scalar is left out: exporters write the numbers of a formula as Constant nodes or initializers alike.
    """
    read: list[Tensor] = []
    held: dict[str, _Held] = {}
    for slot, tensor in enumerate(layer.inputs):
        if tensor is None or tensor.literal or slot in rule.arguments:
            continue
        if not tensor.constant:
            read.append(tensor)
            continue
        for stored in tensor.stored:
            if stored.shape and stored.name not in held:
                held[stored.name] = _role(layer, rule, slot, tensor, stored)
    return read, held


def _role(layer: Layer, rule: Rule, slot: int, tensor: Tensor, stored: Tensor) -> _Held:
    """What a stored tensor counts as where it is read."""
    if slot in rule.buffers:
        return _Held(0, stored.size, 0, stored.nbytes)
    params = stored.size if _learned(tensor, stored, slot in rule.weights) else 0
    is_weight = layer.op in SLOTS and slot == SLOTS[layer.op].weight
    return _Held(params, 0, params if is_weight else 0, stored.nbytes)


def _owned(layer: str, held: dict[str, _Held], owners: dict[str, str]) -> tuple[dict[str, _Held], tuple[str, ...]]:
    """The stored tensors that this layer is the first to use, and the layers that used the others first."""
    own = {name: role for name, role in held.items() if name not in owners}
    shared = tuple(dict.fromkeys([owners[name] for name in held if name in owners]))
    owners.update(dict.fromkeys(own, layer))
    return own, shared


def _learned(tensor: Tensor, stored: Tensor, is_weight: bool) -> bool:
    """A constant is learned where the operator takes a weight, and elsewhere if its dtype can hold one."""
    if is_weight:
        return True
    is_index = tensor.dtype.startswith(("int", "uint")) and BITS[tensor.dtype] > 8
    return stored.dtype not in NEVER_LEARNED and not is_index
