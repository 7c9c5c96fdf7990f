"""The type and shape of a node's outputs, by ONNX's own inference, one node at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import onnx
from onnx.shape_inference import InferenceError, infer_node_outputs

from groupcalc.sources.onnx.scope import Value, dtype, text, type_of
from groupcalc.units import show_name, show_shape

DEFAULT_DOMAINS = ("", "ai.onnx")


FROM_FLOATS = frozenset({"OneHot", "Range", "Resize", "Upsample"})
"""Operators whose output shape depends on elements that may be floating-point; elsewhere only on integers."""


class Inferred(NamedTuple):
    """What is known of one output: dtype and shape if they are known in full, and else its type."""

    dtype: str = ""
    shape: tuple[int, ...] | None = None
    type: onnx.TypeProto | None = None


class RefusedError(Exception):
    """ONNX's inference finds the node at odds with its inputs, and says so. Runtimes are more forgiving at times."""


class Inference:
    """Inference under the operator sets of one model; `sizes` are the dimensions whose names have a value."""

    def __init__(self, opsets: Sequence[onnx.OperatorSetIdProto], sizes: Mapping[str, int]) -> None:
        self.opsets = list(opsets)
        self.sizes = sizes
        self._versions = {domain_of(opset.domain): opset.version for opset in opsets}
        self._schemas: dict[tuple[str, str], onnx.defs.OpSchema | None] = {}

    def schema(self, node: onnx.NodeProto) -> onnx.defs.OpSchema | None:
        """The operator's definition in the version that the model asks for; None when ONNX defines no such operator."""
        key = (text(node.op_type), domain_of(node.domain))
        if key not in self._schemas:
            try:
                self._schemas[key] = onnx.defs.get_schema(key[0], self._versions.get(key[1], 1), key[1])
            except onnx.defs.SchemaError:
                self._schemas[key] = None
        return self._schemas[key]

    def outputs(self, node: onnx.NodeProto, inputs: Sequence[Value | None]) -> list[Inferred]:
        """What inference knows of each output. Raises RefusedError.

        Only this node's own inputs are handed over: inference serialises everything that it is given.
        """
        found = self._infer(node, inputs)
        return [self.read(found.get(name)) for name in node.output]

    def _infer(self, node: onnx.NodeProto, inputs: Sequence[Value | None]) -> dict[str, onnx.TypeProto]:
        schema = self.schema(node)
        types, data = {}, {}
        for name, value in zip(node.input, inputs, strict=True):
            if value is None:
                continue
            kind = value.type if value.tensor is None else type_of(value.tensor.dtype, value.tensor.shape)
            if kind is None:
                return {}
            types[name] = kind
            if value.data is not None and tells_shape(node.op_type, value):
                data[name] = value.data
        if schema is None:
            return {}
        try:
            return infer_node_outputs(schema, node, types, data, opset_imports=self.opsets)
        except (InferenceError, RuntimeError, ValueError) as error:
            raise RefusedError(f"ONNX's inference says {_first_line(error)}; inputs {_shown(inputs)}") from error

    def read(self, kind: onnx.TypeProto | None) -> Inferred:
        """A type as far as it is known."""
        shape = self._whole_shape(kind)
        if kind is None or shape is None:
            return Inferred(type=kind)
        return Inferred(dtype(kind.tensor_type.elem_type), shape)

    def _whole_shape(self, kind: onnx.TypeProto | None) -> tuple[int, ...] | None:
        """The shape in a type, if each of its dimensions has a size."""
        if kind is None or not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
            return None
        shape = []
        for dim in kind.tensor_type.shape.dim:
            if dim.HasField("dim_value"):
                shape.append(dim.dim_value)
            elif dim.dim_param in self.sizes:
                shape.append(self.sizes[dim.dim_param])
            else:
                return None
        return tuple(shape)


def tells_shape(op: str, value: Value) -> bool:
    """The elements of this input can decide the shape of an output."""
    return value.from_shape or op in FROM_FLOATS


def domain_of(domain: str | bytes) -> str:
    """The default domain has two names."""
    return "" if domain in DEFAULT_DOMAINS else text(domain)


def _first_line(error: Exception) -> str:
    """What ONNX says, without its own prefixes and line ends."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else "does not fit its inputs"
    return show_name(text.removeprefix("[ShapeInferenceError] ").removeprefix("[TypeInferenceError] ").rstrip(". "))


def _shown(inputs: Sequence[Value | None]) -> str:
    return ", ".join(show_shape(v.tensor.shape) if v and v.tensor else "–" for v in inputs) or "none"
