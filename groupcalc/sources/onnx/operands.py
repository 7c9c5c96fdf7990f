"""What a layer takes that stands elsewhere in the node: learned attributes, packed weights, arguments by value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import onnx

from groupcalc.graph import BITS, Tensor
from groupcalc.sources.onnx.payload import dtype
from groupcalc.sources.onnx.scope import INNER, Scope, Value, text

_LINEAR = (("coefficients",), ("intercepts",))
_VECTORS = (("support_vectors",), ("coefficients",), ("rho",))
_SPLITS = ("nodes_values", "nodes_values_as_tensor")

LEARNED: Mapping[str, Sequence[tuple[str, ...]]] = {
    "ai.onnx.ml::LinearRegressor": _LINEAR,
    "ai.onnx.ml::LinearClassifier": _LINEAR,
    "ai.onnx.ml::SVMRegressor": _VECTORS,
    "ai.onnx.ml::SVMClassifier": _VECTORS,
    "ai.onnx.ml::TreeEnsemble": (("nodes_splits",), ("leaf_weights",)),
    "ai.onnx.ml::TreeEnsembleClassifier": (_SPLITS, ("class_weights", "class_weights_as_tensor")),
    "ai.onnx.ml::TreeEnsembleRegressor": (_SPLITS, ("target_weights", "target_weights_as_tensor")),
}
"""Attributes that hold what the model has learned, each by the names that it has: a Layer has them as inputs behind
the operator's own (ONNX ai.onnx.ml-5)."""

LEAVES = {
    "ai.onnx.ml::TreeEnsembleClassifier": ("class_treeids", "class_nodeids"),
    "ai.onnx.ml::TreeEnsembleRegressor": ("target_treeids", "target_nodeids"),
    "ai.onnx.ml::TreeEnsemble": ("leaf_targetids",),
}
"""The attributes that together name the leaf of each weight."""

PACKED: Mapping[str, tuple[Sequence[int], str]] = {
    "com.microsoft::GatherBlockQuantized": ((0,), "bits"),
    "com.microsoft::MatMulBnb4": ((1,), ""),
    "com.microsoft::MatMulNBits": ((1,), "bits"),
    "com.microsoft::QMoE": ((2, 5, 8), "expert_weight_bits"),
}
"""Inputs that hold several elements a byte, and the attribute that tells of how many bits each is; four without it."""

ARGUMENTS: Mapping[str, Mapping[int, str]] = {"DFT": {1: "dft_length", 2: "axis"}, "STFT": {3: "frame_length"}}
"""Inputs whose values decide the work, though no shape tells them: a Layer has them as attributes."""


def complete(
    op: str,
    node: onnx.NodeProto,
    inputs: Sequence[Value | None],
    attributes: Mapping[str, Any],
    scope: Scope,
) -> tuple[tuple[Tensor | None, ...], Mapping[str, Any]]:
    """The inputs and attributes of a layer."""
    tensors = tuple([value.tensor if value is not None else None for value in inputs])
    if op in PACKED:
        slots, bits = PACKED[op]
        return _unpacked(tensors, slots, attributes.get(bits, 4)), attributes
    if op in LEARNED:
        counts = _counts(node, LEAVES[op]) if op in LEAVES else {}
        return (*tensors, *(_learned(node, names, scope) for names in LEARNED[op])), {**attributes, **counts}
    if op in ARGUMENTS:
        known = {name: _number(inputs, place) for place, name in ARGUMENTS[op].items()}
        if op == "DFT" and not (len(inputs) > 2 and inputs[2]):
            schema = scope.inference.schema(node)
            known["axis"] = attributes.get("axis", 1 if schema and schema.since_version < 20 else -2)
        return tensors, {**attributes, **{name: value for name, value in known.items() if value is not None}}
    return tensors, attributes


def _counts(node: onnx.NodeProto, leaf: Sequence[str]) -> dict[str, int]:
    """How many trees, leaves, and weights of leaves an ensemble has: what is counted of its long lists."""
    lists = {text(attribute.name): attribute.ints for attribute in node.attribute}
    ids = [lists[name] for name in leaf if name in lists]
    trees = len(lists["tree_roots"]) if "tree_roots" in lists else len(set(lists.get("nodes_treeids", ())))
    return {"trees": trees, "leaves": len(set(zip(*ids, strict=False))), "weights": min(map(len, ids), default=0)}


def _learned(node: onnx.NodeProto, names: tuple[str, ...], scope: Scope) -> Tensor | None:
    for attribute in node.attribute:
        if attribute.name in names and (attribute.floats or attribute.HasField("t")):
            name = scope.stored_name(f"{scope.at}{INNER}{text(attribute.name)}")
            if attribute.HasField("t"):
                shape, kind = tuple(attribute.t.dims), dtype(attribute.t.data_type)
            else:
                shape, kind = (len(attribute.floats),), "float32"
            return Tensor(name=name, shape=shape, dtype=kind, constant=True)
    return None


def _unpacked(tensors: Sequence[Tensor | None], slots: Sequence[int], bits: object) -> tuple[Tensor | None, ...]:
    """Weights of several elements a byte as what they are: uint4[n, k] in place of uint8[n, k / 2]."""
    found = list(tensors)
    for slot in slots:
        packed = found[slot] if slot < len(found) else None
        if packed is None or not packed.constant or packed.held or packed.dtype != "uint8" or not packed.shape:
            continue
        if isinstance(bits, int) and bits < 8 and f"uint{bits}" in BITS:
            *rest, size = packed.shape
            found[slot] = replace(packed, shape=(*rest, size * 8 // bits), dtype=f"uint{bits}")
    return tuple(found)


def _number(inputs: Sequence[Value | None], place: int) -> int | None:
    value = inputs[place] if place < len(inputs) else None
    if value is None or value.data is None:
        return None
    array = onnx.numpy_helper.to_array(value.data)
    return int(array.ravel()[0]) if array.size == 1 and array.dtype.kind in "iu" else None
