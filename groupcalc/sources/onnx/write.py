"""A Graph as an ONNX file: valid, runnable, and of the same cost when it is read again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod, sqrt
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray

from groupcalc import __version__
from groupcalc.errors import InputError
from groupcalc.graph import Graph, Layer, Tensor
from groupcalc.sources.onnx.geometry import TORCH_NAMES
from groupcalc.sources.onnx.payload import ELEM_TYPES
from groupcalc.units import show_bytes, show_name

Weights = Literal["constant", "random"] | Mapping[str, NDArray[Any]]

OPSET, IR_VERSION = 21, 10
"""Those of ONNX 1.16: the oldest that have every operator of the builder, GroupNormalization last, and old enough for
every onnxruntime since 1.18."""

NEWER = {"bfloat16": 22}
"""A dtype that convolutions and pooling take only since a later operator set."""

MAX_BYTES = 2**31 - 2**20
"""A protobuf message ends at 2 GiB; a little is left for the nodes."""

SEED = 0
"""Two exports of one network are the same bytes."""

ONNX_NAMES = {torch: name for name, torch in TORCH_NAMES.items()}


def write_model(graph: Graph, weights: Weights = "constant") -> bytes:
    """The bytes of an ONNX file, passed by ONNX's full checker.

    weights  `constant`: each a ConstantOfShape, some bytes whatever its size; `random`: stored, as He et al. 2015 draw
             them; activations stay finite. Or a value for each, by its name.
    Raises InputError for what ONNX cannot hold: stored weights of more than 2 GiB, an operator on a dtype.
    """
    stored = sum(tensor.nbytes * layer.repeat for layer in graph.layers for tensor in _weights(layer))
    if weights != "constant" and stored > MAX_BYTES:
        raise InputError(f"its weights take {show_bytes(stored)}, a file holds 2 GiB", "use --weights constant")
    layers, outputs = _unrolled(graph)
    writer = _Writer(layers, weights)
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            [node for layer in layers for node in writer.nodes(layer)],
            show_name(graph.name),
            [_value_info(tensor) for tensor in graph.inputs],
            [_value_info(tensor) for tensor in outputs],
            writer.initializers,
        ),
        opset_imports=[onnx.helper.make_opsetid("", _opset(graph))],
        ir_version=IR_VERSION,
        producer_name="groupcalc",
        producer_version=__version__,
    )
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "the checker refuses it")
        raise InputError(f"cannot be an ONNX file: {show_name(reason)}", "use float32") from error
    data: bytes = model.SerializeToString()
    return data


def _opset(graph: Graph) -> int:
    return max(NEWER.get(tensor.dtype, OPSET) for layer in graph.layers for tensor in layer.outputs)


def _weights(layer: Layer) -> list[Tensor]:
    return [tensor for tensor in layer.inputs if tensor is not None and tensor.constant and not tensor.literal]


def _value_info(tensor: Tensor) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(tensor.name, ELEM_TYPES[tensor.dtype], tensor.shape)


def _unrolled(graph: Graph) -> tuple[list[Layer], list[Tensor]]:
    """The layers, each that stands for several as so many, and what the graph gives.

    They run one behind the other where the shape allows it, else side by side on the same input.
    """
    layers: list[Layer] = []
    outputs: list[Tensor] = []
    wanted = set(graph.outputs)
    for layer in graph.layers:
        copies = list(_copies(layer)) if layer.repeat > 1 else [layer]
        layers += copies
        beside = [] if _chains(layer) else [copy.outputs[0] for copy in copies[:-1]]
        outputs += [*beside, *(tensor for tensor in layer.outputs if tensor.name in wanted)]
    return layers, outputs


def _chains(layer: Layer) -> bool:
    """Its output can be its input."""
    x = layer.inputs[0]
    return x is not None and x.shape == layer.outputs[0].shape and x.dtype == layer.outputs[0].dtype


def _copies(layer: Layer) -> Iterator[Layer]:
    """Each with weights of its own; the last writes what the others of the graph read."""
    x = layer.inputs[0]
    for number in range(1, layer.repeat + 1):
        mark = "" if number == layer.repeat else f"*{number}"
        (y,) = layer.outputs
        y = replace(y, name=f"{y.name}{mark}")
        rest = [replace(t, name=f"{t.name}{mark}") if t is not None and t.constant else t for t in layer.inputs[1:]]
        yield replace(layer, name=f"{layer.name}{mark}", inputs=(x, *rest), outputs=(y,), repeat=1)
        x = y if _chains(layer) else x


class _Writer:
    """Nodes and initializers, as the layers come."""

    def __init__(self, layers: Sequence[Layer], weights: Weights) -> None:
        self.initializers: list[onnx.TensorProto] = []
        self._rng = np.random.default_rng(SEED) if weights == "random" else None
        self._given = weights if isinstance(weights, Mapping) else {}
        self._taken = {tensor.name for layer in layers for tensor in (*layer.inputs, *layer.outputs) if tensor}

    def nodes(self, layer: Layer) -> Iterator[onnx.NodeProto]:
        """The node of a layer, behind those that make its weights."""
        for slot, tensor in enumerate(layer.inputs):
            if tensor is None or not tensor.constant:
                continue
            filling = Filling.of(layer, slot, tensor)
            if tensor.literal:
                self._store(tensor.name, np.resize(np.array(tensor.numbers), tensor.shape), tensor.dtype)
            elif tensor.name in self._given:
                self._store(tensor.name, self._given[tensor.name], tensor.dtype)
            elif self._rng is not None:
                self._store(tensor.name, filling.drawn(self._rng, tensor.shape), tensor.dtype)
            else:
                yield self._constant(tensor, filling.constant)
        inputs = [tensor.name if tensor is not None else "" for tensor in layer.inputs]
        outputs = [tensor.name for tensor in layer.outputs]
        yield onnx.helper.make_node(layer.op, inputs, outputs, name=layer.name, **_attributes(layer.attributes))

    def _store(self, name: str, values: NDArray[Any], dtype: str) -> None:
        kind = onnx.helper.tensor_dtype_to_np_dtype(ELEM_TYPES[dtype])
        self.initializers.append(onnx.numpy_helper.from_array(values.astype(kind), name))

    def _constant(self, tensor: Tensor, value: float) -> onnx.NodeProto:
        """A weight as large as it is, and all alike."""
        shape = f"{tensor.name}.shape"
        while shape in self._taken:
            shape += "_"
        self._taken.add(shape)
        self._store(shape, np.array(tensor.shape), "int64")
        one = onnx.helper.make_tensor("", ELEM_TYPES[tensor.dtype], [1], [value])
        return onnx.helper.make_node("ConstantOfShape", [shape], [tensor.name], name=tensor.name, value=one)


@dataclass(frozen=True, slots=True)
class Filling:
    """What a weight is filled with: all alike, or drawn around `centre`."""

    constant: float
    centre: float
    spread: float

    def drawn(self, rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """So many numbers; scales and variances stay above zero."""
        noise = rng.standard_normal(shape, dtype=np.float32).clip(-4, 4)
        return np.asarray(self.centre + self.spread * noise, dtype=np.float32)

    @classmethod
    def of(cls, layer: Layer, slot: int, tensor: Tensor) -> Filling:
        """By what the operand does."""
        role = ROLES.get(layer.op, {}).get(slot)
        if role is not None:
            return role
        if len(tensor.shape) < 2:
            return SHIFT
        fan_in = tensor.shape[0] if layer.op == "MatMul" else prod(tensor.shape[1:])  # inputs of one output
        return cls(constant=1 / fan_in, centre=0.0, spread=sqrt(2 / fan_in))


SHIFT, SCALE, SLOPE = Filling(0.0, 0.0, 0.1), Filling(1.0, 1.0, 0.1), Filling(0.25, 0.25, 0.05)

ROLES: Mapping[str, Mapping[int, Filling]] = {
    "BatchNormalization": {1: SCALE, 2: SHIFT, 3: SHIFT, 4: SCALE},
    **{op: {1: SCALE, 2: SHIFT} for op in ("InstanceNormalization", "GroupNormalization", "LayerNormalization")},
    "PRelu": {1: SLOPE},
}
"""Operands that are no weights of inner products, by operator and place."""


def _attributes(found: Mapping[str, Any]) -> dict[str, Any]:
    """Under ONNX's names; padding as all the befores and then all the afters."""
    attributes = {ONNX_NAMES.get(name, name): value for name, value in found.items() if name != "padding"}
    if "padding" in found:
        attributes["pads"] = [pair[end] for end in (0, 1) for pair in found["padding"]]
    return attributes
