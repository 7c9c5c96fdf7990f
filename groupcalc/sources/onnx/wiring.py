"""What feeds what in an ONNX file: its nodes by name with the tensors they read and write; and a model that can run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError, EncodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray

from groupcalc.errors import InputError
from groupcalc.sources.onnx.nodes import node_name
from groupcalc.sources.onnx.payload import EXTERNAL, dtype, has_payload

SPREAD = 0.5
"""Absent vectors, the scales and shifts of a layer, are filled around 1 by this much: no activation fades or grows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node as it stands in the file.

    name  as it is written, by which a runtime reports it
    row   what its row in a report of costs is called
    """

    name: str
    row: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def wiring(model: Path | bytes) -> tuple[Node, ...]:
    """The nodes of a file in its order."""
    return tuple(
        Node(
            name=node.name, row=node_name(node), op=node.op_type,
            inputs=tuple(filter(None, node.input)), outputs=tuple(filter(None, node.output)),
        )
        for node in _read(model).graph.node
    )  # fmt: skip


def runnable(model: Path | bytes, seed: int = 0) -> tuple[Path | bytes, int]:
    """The model itself, or, where weights are absent from the file, one with random numbers in their place.

    And how many tensors were absent. InputError when it becomes too large for one message.
    """
    proto = _read(model)
    absent = [t for t in proto.graph.initializer if t.data_location != EXTERNAL and not has_payload(t)]
    if not absent:
        return model, 0
    numbers = np.random.default_rng(seed)
    for tensor in absent:
        tensor.raw_data = _random(tensor, numbers).tobytes()
    try:
        return proto.SerializeToString(), len(absent)
    except (EncodeError, ValueError) as error:
        raise InputError("is larger than 2 GiB with its weights", "save it with external data") from error


def _random(tensor: onnx.TensorProto, numbers: np.random.Generator) -> NDArray[Any]:
    """Weights of unit gain, vectors around 1; integers are 0."""
    kind, shape = np.dtype(dtype(tensor.data_type)), tuple(tensor.dims)
    if kind.kind != "f":
        return np.zeros(shape, kind)
    if len(shape) < 2:
        return np.asarray(1 + SPREAD * (numbers.random(shape) - 0.5), kind)
    return np.asarray(numbers.standard_normal(shape) / np.sqrt(np.prod(shape[1:])), kind)


def _read(model: Path | bytes) -> onnx.ModelProto:
    try:
        if isinstance(model, bytes):
            return onnx.load_model_from_string(model)
        return onnx.load(model, load_external_data=False)
    except (DecodeError, OSError) as error:
        raise InputError(f"cannot be read: {error}", "export the model again") from error
