"""From a layer's work to its cost: params, bytes, FLOPs and dense equivalents, once for all operators."""

from __future__ import annotations

from typing import NamedTuple

from groupcalc.conv import SLOTS
from groupcalc.costs import FLOPS_PER_MAC
from groupcalc.costs.cost import Cost, GraphCost, LayerCost, Uncounted
from groupcalc.costs.memory import peak_activation_bytes
from groupcalc.costs.rules import RULES, Rule
from groupcalc.graph import BITS, Graph, Layer, Tensor

NEVER_LEARNED = frozenset({"bool", "int64", "string"})
"""What indices, conditions and text are stored as; no weight is."""


def cost(graph: Graph, path: str = "") -> GraphCost:
    """The cost of every layer of a graph, in order; what has no rule or no shape stands in `uncounted`."""
    owners: dict[str, str] = {}
    rows: list[LayerCost] = []
    uncounted = [Uncounted(name=node.name, op=node.op, reason=node.reason) for node in graph.unresolved]
    for layer in graph.layers:
        rule = RULES.get(layer.op)
        if rule is None:
            uncounted.append(Uncounted(name=layer.name, op=layer.op, reason="no rule"))
        elif not rule.view:
            rows.append(layer_cost(layer, rule, owners))
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
    own, shared = _owned(layer.name, held, {} if owners is None else owners)
    params = sum([constant.params for constant in own])
    grouped = sum([constant.params for constant in own if constant.grouped])
    figures = Cost(
        params=params,
        buffers=sum([constant.buffers for constant in own]),
        macs=work.macs,
        flops=FLOPS_PER_MAC * work.macs + work.other_flops,
        weight_bytes=sum([constant.stored.nbytes for constant in own]),
        input_bytes=sum([tensor.nbytes for tensor in {tensor.name: tensor for tensor in read}.values()]),
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


class _Constant(NamedTuple):
    """A stored tensor that a layer reads, and as what."""

    stored: Tensor
    params: int
    buffers: int
    grouped: bool


def _operands(layer: Layer, rule: Rule) -> tuple[list[Tensor], dict[str, _Constant]]:
    """The activations that a layer reads, and the stored tensors behind its constants by name, each once."""
    weight = SLOTS[layer.op].weight if layer.op in SLOTS else -1
    read: list[Tensor] = []
    held: dict[str, _Constant] = {}
    for slot, tensor in enumerate(layer.inputs):
        if tensor is None or tensor.literal or slot in rule.arguments:
            continue
        if not tensor.constant:
            read.append(tensor)
            continue
        for stored in tensor.stored:
            buffers = stored.size if slot in rule.buffers else 0
            params = stored.size if not buffers and _learned(tensor, stored, slot in rule.weights) else 0
            held.setdefault(stored.name, _Constant(stored, params, buffers, slot == weight))
    return read, held


def _owned(layer: str, held: dict[str, _Constant], owners: dict[str, str]) -> tuple[list[_Constant], tuple[str, ...]]:
    """The constants that this layer is the first to use, and the layers that used the others first."""
    own: list[_Constant] = []
    shared: dict[str, None] = {}
    for name, constant in held.items():
        if name in owners:
            shared[owners[name]] = None
        else:
            own.append(constant)
    owners.update((constant.stored.name, layer) for constant in own)
    return own, tuple(shared)


def _learned(tensor: Tensor, stored: Tensor, is_weight: bool) -> bool:
    """A constant is learned where the operator takes a weight, and elsewhere if its dtype can hold one."""
    if is_weight:
        return True
    is_index = tensor.dtype.startswith(("int", "uint")) and BITS[tensor.dtype] > 8
    return stored.dtype not in NEVER_LEARNED and not is_index
