"""From a layer's work to its cost: params, bytes, FLOPs and dense equivalents, once for all operators."""

from __future__ import annotations

from collections.abc import Iterator
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
    owners = {} if owners is None else owners
    work = rule.work(layer)
    groups = layer.attributes["groups"] if layer.op in SLOTS else 1
    held = _held(layer, rule)
    shared = tuple(dict.fromkeys(owners[name] for name in held if name in owners))
    own = [constant for name, constant in held.items() if name not in owners]
    owners.update(dict.fromkeys(held, layer.name) | {name: owners[name] for name in held if name in owners})
    params = sum(constant.params for constant in own)
    read = {t.name: t for t in _data(layer, rule) if not t.constant}
    figures = Cost(
        params=params,
        buffers=sum(constant.buffers for constant in own),
        macs=work.macs,
        flops=FLOPS_PER_MAC * work.macs + work.other_flops,
        weight_bytes=sum(constant.stored.nbytes for constant in own),
        input_bytes=sum(tensor.nbytes for tensor in read.values()),
        output_bytes=sum(tensor.nbytes for tensor in layer.outputs),
        dense_macs=work.macs * groups,
        dense_params=params + (groups - 1) * sum(constant.params for constant in own if constant.grouped),
    )
    return LayerCost(
        name=layer.name,
        op=layer.op,
        groups=groups,
        inputs=tuple(tensor.shape for tensor in _data(layer, rule) if not tensor.constant),
        outputs=tuple(tensor.shape for tensor in layer.outputs),
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


def _held(layer: Layer, rule: Rule) -> dict[str, _Constant]:
    """The stored tensors behind a layer's operands, by name, each once."""
    weight = SLOTS[layer.op].weight if layer.op in SLOTS else -1
    found: dict[str, _Constant] = {}
    for slot, tensor in enumerate(layer.inputs):
        if tensor is None or not tensor.constant or tensor.literal or slot in rule.arguments:
            continue
        for stored in tensor.stored:
            buffers = stored.size if slot in rule.buffers else 0
            params = stored.size if not buffers and _learned(tensor, stored, slot in rule.weights) else 0
            found.setdefault(stored.name, _Constant(stored, params, buffers, slot == weight))
    return found


def _learned(tensor: Tensor, stored: Tensor, is_weight: bool) -> bool:
    """A constant is learned where the operator takes a weight, and elsewhere if its dtype can hold one."""
    if is_weight:
        return True
    return stored.dtype not in NEVER_LEARNED and (BITS[tensor.dtype] <= 8 or not tensor.dtype.startswith(("int", "uint")))


def _data(layer: Layer, rule: Rule) -> Iterator[Tensor]:
    """The operands that are data, literals left out."""
    for slot, tensor in enumerate(layer.inputs):
        if tensor is not None and slot not in rule.arguments and not tensor.literal:
            yield tensor
