"""One row: from a layer's work to its cost: params, bytes, FLOPs and dense equivalents, once for all operators."""

from __future__ import annotations

from typing import NamedTuple

from groupcalc.conv import SLOTS
from groupcalc.costs import FLOPS_PER_MAC
from groupcalc.costs.cost import Cost, LayerCost
from groupcalc.costs.rules import Rule
from groupcalc.graph import BITS, Layer, Tensor

NEVER_LEARNED = frozenset({"bool", "int64", "string"})
"""What indices, conditions and text are stored as; no weight is."""


def layer_cost(layer: Layer, rule: Rule, owners: dict[str, str] | None = None) -> LayerCost:
    """One row. `owners` says in whose row a stored tensor stands already, and learns this layer's."""
    work, times = rule.work(layer), layer.times
    groups = layer.attributes["groups"] if layer.op in SLOTS else 1
    read, held = operands(layer, rule)
    own, shared = owned(layer.name, held, {} if owners is None else owners) if held else ({}, ())
    params, buffers, dense_params, weight_bytes = sums(own)
    figures = Cost(
        params=params,
        buffers=buffers,
        macs=work.macs * times,
        flops=(FLOPS_PER_MAC * work.macs + work.other_flops) * times,
        weight_bytes=weight_bytes if times else 0,
        input_bytes=sum({tensor.name: tensor.nbytes for tensor in read}.values()) * times,
        output_bytes=sum([tensor.nbytes for tensor in layer.outputs]) * times,
        dense_macs=work.macs * groups * times,
        dense_params=dense_params,
    )
    return LayerCost(
        name=layer.name,
        op=layer.op,
        groups=groups,
        inputs=tuple([tensor.shape for tensor in read]),
        outputs=tuple([tensor.shape for tensor in layer.outputs]),
        cost=figures if layer.repeat == 1 else figures * layer.repeat,
        repeat=layer.repeat * max(times, 1),
        shared=shared,
        layer=layer,
    )


class Held(NamedTuple):
    """A stored tensor that a layer reads: what it counts as; `dense` are its params at one group."""

    params: int
    buffers: int
    dense: int
    nbytes: int


def sums(held: dict[str, Held]) -> tuple[int, int, int, int]:
    """params, buffers, dense params and bytes of these together."""
    if not held:
        return 0, 0, 0, 0
    params, buffers, dense, nbytes = map(sum, zip(*held.values(), strict=True))
    return params, buffers, dense, nbytes


def operands(layer: Layer, rule: Rule) -> tuple[list[Tensor], dict[str, Held]]:
    """The activations that a layer reads, and the stored tensors behind its constants by name, each once.

    A stored scalar is left out: exporters write the numbers of a formula as Constant nodes or initializers alike.
    """
    read: list[Tensor] = []
    held: dict[str, Held] = {}
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


def _role(layer: Layer, rule: Rule, slot: int, tensor: Tensor, stored: Tensor) -> Held:
    """What a stored tensor counts as where it is read."""
    if slot in rule.buffers:
        return Held(0, stored.size, 0, stored.nbytes)
    params = stored.size if _learned(tensor, stored, slot in rule.weights) else 0
    is_weight = layer.op in SLOTS and slot == SLOTS[layer.op].weight
    return Held(params, 0, params * layer.attributes["groups"] if is_weight else params, stored.nbytes)


def owned(layer: str, held: dict[str, Held], owners: dict[str, str]) -> tuple[dict[str, Held], tuple[str, ...]]:
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
