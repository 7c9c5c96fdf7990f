"""The type and shape of a node's outputs, by ONNX's own inference, one node at a time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import onnx
from onnx.shape_inference import infer_node_outputs

from groupcalc.errors import GeometryError
from groupcalc.sources.onnx.dims import size_of
from groupcalc.sources.onnx.inputs import symbol
from groupcalc.sources.onnx.legacy import is_inferred, modern
from groupcalc.sources.onnx.payload import DTYPES
from groupcalc.sources.onnx.scope import Value, readable, text, type_of
from groupcalc.units import show_name, show_shape

DEFAULT_DOMAINS = ("", "ai.onnx")


FROM_FLOATS = frozenset({"OneHot", "Range", "Resize", "Upsample"})
"""Operators whose output shape depends on elements that may be floating-point; elsewhere only on integers."""


INFERRED_SINCE = {
    **dict.fromkeys(
        ("Abs", "Add", "BatchNormalization", "Cast", "Ceil", "Clip", "Div", "Dropout", "Elu", "Exp", "Floor", "Gemm",
         "HardSigmoid", "InstanceNormalization", "LeakyRelu", "Log", "Max", "Mean", "Min", "Mul", "Neg", "PRelu",
         "Reciprocal", "Relu", "Selu", "Sigmoid", "Sqrt", "Sub", "Sum", "Tanh"), 6),
    "Compress": 11, "Concat": 4, "GRU": 3, "GlobalLpPool": 2, "GreaterOrEqual": 16, "LessOrEqual": 16, "LpPool": 2,
    "Pad": 2, "Split": 2,
}  # fmt: skip
"""Operators that came without inference: the version that brought it is the same operator for more dtypes, some
attributes by other names."""

EQUATION = re.compile(rb"TERM(?:,TERM)*+(?:->TERM)?".replace(b"TERM", rb"[A-Za-z]*+(?:\.\.\.)?[A-Za-z]*+"))
"""What Einsum takes, less its spaces; found or not in one pass, however long."""

MAX_ATTRIBUTES = 1000
"""The most attributes of a node: no operator has thirty, and inference takes its time and memory for each."""

MAX_OPERANDS = 64
"""The most operands of an Einsum: NumPy takes half as many."""


class Inferred(NamedTuple):
    """What is known of one output: dtype and shape if they are known in full, and else its type."""

    dtype: str = ""
    shape: tuple[int, ...] | None = None
    type: onnx.TypeProto | None = None


class RefusedError(Exception):
    """ONNX's inference finds the node at odds with its inputs, and says so. Runtimes are more forgiving at times."""


class Inference:
    """Inference under the operator sets of a model or function; `sizes` are the dimensions whose names have a value."""

    def __init__(self, opsets: list[onnx.OperatorSetIdProto]) -> None:
        self.opsets = opsets
        self.sizes: Mapping[str, int] = {}
        self._versions = {opset.domain: opset.version for opset in opsets}
        self._schemas: dict[tuple[str, str], onnx.defs.OpSchema | None] = {}

    def schema(self, node: onnx.NodeProto) -> onnx.defs.OpSchema | None:
        """The operator's definition in the version that the model asks for; None when ONNX defines no such operator."""
        key = (text(node.op_type), domain_of(node.domain))
        if key not in self._schemas:
            try:
                version = max(self._versions.get(key[1], 1), INFERRED_SINCE.get(key[0], 1))
                self._schemas[key] = onnx.defs.get_schema(key[0], version, key[1])
            except onnx.defs.SchemaError:
                self._schemas[key] = None
        return self._schemas[key]

    def outputs(self, node: onnx.NodeProto, inputs: Sequence[Value | None]) -> list[Inferred]:
        """What inference knows of each output. Raises RefusedError.

        Only this node's own inputs are handed over: inference serialises everything that it is given.
        """
        node = _bare(readable(node))
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
        if schema is None or schema.deprecated or not is_inferred(node, schema):
            return {}  # inference refuses what is deprecated, runtimes do not
        node = modern(node, schema)
        if fault := _fatal(node):
            raise RefusedError(fault)
        try:
            return infer_node_outputs(schema, node, types, data, opset_imports=self.opsets)
        except Exception as error:  # C++ throws of all kinds, and there is nothing but C++ in it
            raise RefusedError(f"ONNX's inference says {_first_line(error)}; inputs {_shown(inputs)}") from error

    def read(self, kind: onnx.TypeProto | None) -> Inferred:
        """A type as far as it is known."""
        shape = self._whole_shape(kind)
        if kind is None or shape is None or kind.tensor_type.elem_type not in DTYPES:
            return Inferred(type=kind)
        return Inferred(DTYPES[kind.tensor_type.elem_type], shape)

    def _whole_shape(self, kind: onnx.TypeProto | None) -> tuple[int, ...] | None:
        """The shape in a type, if each of its dimensions has a size."""
        if kind is None or not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
            return None
        shape = []
        for dim in kind.tensor_type.shape.dim:
            if dim.HasField("dim_value"):
                shape.append(dim.dim_value)
            elif (size := self._size(symbol(dim))) is not None:
                shape.append(size)
            else:
                return None
        return tuple(shape)

    def _size(self, symbol: str) -> int | None:
        try:
            return size_of(symbol, self.sizes)
        except GeometryError:  # of an input that would be an error; here the file says nothing that helps
            return None


def tells_shape(op: str, value: Value) -> bool:
    """The elements of this input can decide the shape of an output."""
    return value.from_shape or op in FROM_FLOATS


def operator_set(opset: onnx.OperatorSetIdProto) -> onnx.OperatorSetIdProto:
    """An operator set as ONNX's own functions take it: its name is text, its version a number of 32 bits."""
    version = min(max(opset.version, 0), 2**31 - 1)
    return onnx.helper.make_opsetid(domain_of(opset.domain), version)


def domain_of(domain: str | bytes) -> str:
    """The default domain has two names."""
    return "" if domain in DEFAULT_DOMAINS else text(domain)


def _bare(node: onnx.NodeProto) -> onnx.NodeProto:
    """The node less the graphs that it carries, which ONNX's inference would read as a whole."""
    if not any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
        return node
    kept = [attribute for attribute in node.attribute if not attribute.HasField("g") and not attribute.graphs]
    return onnx.NodeProto(
        op_type=text(node.op_type), domain=text(node.domain), input=node.input, output=node.output, attribute=kept
    )


def _fatal(node: onnx.NodeProto) -> str:
    """Why ONNX's inference (1.23) would not come back from this node: it loops, asks for all memory, or reads beyond
    an array, which ends the process. "" when it will."""
    if len(node.attribute) > MAX_ATTRIBUTES:
        return f"{len(node.attribute)} attributes are more than any operator has"
    for attribute in node.attribute:
        match attribute.name:
            case "equation" if len(node.input) > MAX_OPERANDS:
                return f"{len(node.input)} operands are more than an equation has"
            case "equation" if not EQUATION.fullmatch(attribute.s.replace(b" ", b"")):
                equation = attribute.s[:80].decode(errors="backslashreplace") + "…" * (len(attribute.s) > 80)
                return f"the equation {show_name(equation)!r} is none of ONNX's"
            case "num_outputs" if attribute.i != len(node.output):
                return f"num_outputs={attribute.i}, and there are {len(node.output)}"
            case "batch_dims" if attribute.i < 0:
                return f"batch_dims={attribute.i} is negative"
            case "axis" if abs(attribute.i) >= 2**31:
                return f"axis={attribute.i} is no axis"
    return ""


def _first_line(error: Exception) -> str:
    """What ONNX says, without its own prefixes and line ends."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else "does not fit its inputs"
    return show_name(text.removeprefix("[ShapeInferenceError] ").removeprefix("[TypeInferenceError] ").rstrip(". "))


def _shown(inputs: Sequence[Value | None]) -> str:
    return ", ".join(show_shape(v.tensor.shape) if v and v.tensor else "–" for v in inputs) or "none"
