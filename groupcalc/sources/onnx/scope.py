"""What is known of every name while a graph is read: its shape, its type, and the value of small constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import onnx
from numpy.typing import NDArray

from groupcalc.errors import InputError
from groupcalc.graph import Tensor
from groupcalc.sources.onnx.payload import ELEM_TYPES, dtype, has_payload, payload_fault
from groupcalc.units import show_name

if TYPE_CHECKING:
    from groupcalc.sources.onnx.infer import Inference

VALUE_ELEMENTS = 4096
"""The largest value that is kept: shapes, indices and sizes are far smaller, weights far larger."""

FLOAT_ELEMENTS = 16
"""The same for floating-point numbers: only scales, one an axis, and the bounds of a range tell a shape."""

INTEGERS = frozenset({"int64", "int32"})
INDEX_DTYPES = INTEGERS | {"bool"}
"""What shapes, indices and conditions are made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One named value.

    tensor      its shape and dtype; None when the shape is not known
    type        where `tensor` is None, what is known all the same
    data        its elements, where they are few and known
    from_shape  its elements follow from shapes and indices, not from numbers of the network
    lost        why `tensor` is None
    parts       the tensors of a sequence, where they are known
    """

    tensor: Tensor | None = None
    type: onnx.TypeProto | None = None
    data: onnx.TensorProto | None = None
    from_shape: bool = False
    lost: str = ""
    parts: tuple[Value, ...] | None = None

    @property
    def is_stored(self) -> bool:
        """It is a tensor of the file, in whatever form, and no mere number of a formula."""
        return self.tensor is not None and self.tensor.constant and not self.tensor.literal


INNER = "\udfff"
"""Ends what is put before a name inside a body. No name of a file can hold half a character, so that no tensor inside
meets one outside under its name."""


class Scope:
    """The names of one graph, and of the graphs around it.

    inference  knows its operator sets: those of the model, or of a function
    prefix     what is put before the names of its nodes
    home       what is put before the names of its stored tensors: the same for every trip or call, which share them
    values     what nodes have made, and the inputs; None for an optional input that a call leaves out
    places     where a stored tensor stands among the initializers; below zero among the sparse ones
    faults     payloads that do not fit their dims, of all scopes together
    depth      scopes around it
    at         the node that is being read, by its place
    """

    def __init__(
        self,
        graph: onnx.GraphProto,
        inference: Inference,
        parent: Scope | None = None,
        prefix: str = "",
        home: str = "",
        faults: list[str] | None = None,
        depth: int = 0,
    ) -> None:
        self.graph = graph
        self.inference = inference
        self.parent = parent
        self.prefix = prefix
        self.home = home
        self.values: dict[str, Value | None] = {}
        self.places = {text(tensor.name): place for place, tensor in enumerate(graph.initializer)}
        self.places |= {text(t.values.name): ~place for place, t in enumerate(graph.sparse_initializer)}
        # By place, since there can be a million; sparse ones count from the end, as Python does.
        self._tensors: list[Tensor | None] = [None] * (len(graph.initializer) + len(graph.sparse_initializer))
        if len(self.places) < len(self._tensors):
            raise InputError(f"two stored tensors are named '{show_name(_twice(graph))}'", "export the model again")
        self.declared = {text(info.name): info.type for infos in (graph.output, graph.value_info) for info in infos}
        self.faults: list[str] = [] if faults is None else faults
        self.depth = depth
        self.at = 0

    def named(self, name: str | bytes) -> str:
        """The name of a tensor that a node of this scope makes, as no other scope has it."""
        return f"{self.prefix}{INNER}{text(name)}" if self.prefix else text(name)

    def stored_name(self, name: str | bytes) -> str:
        """The name of a tensor that is stored in this scope, as no other graph has it."""
        return f"{self.home}{INNER}{text(name)}" if self.home else text(name)

    def read(self, name: str | bytes) -> Value | None:
        """The value of that name, here or around; None for an optional input that a call leaves out."""
        name = text(name)
        scope: Scope | None = self
        while scope is not None:
            if name in scope.values:
                return scope.values[name]
            value = scope._stored(name)
            if value is not None:
                return value
            scope = scope.parent
        raise self._unmade(name)

    def make(self, name: str | bytes, value: Value) -> None:
        """Enter what a node has made; "" is an output that is left out."""
        name = text(name)
        if name in self.values or name in self.places:
            raise InputError(f"makes '{show_name(name)}', which is there already", "export the model again")
        if name:
            self.values[name] = value

    def _unmade(self, name: str) -> InputError:
        later = any(name in map(text, node.output) for node in self.graph.node[self.at :])
        fact = "a later node makes, or the node itself" if later else "nothing makes"
        return InputError(f"reads '{show_name(name)}', which {fact}", "export the model again")

    def unread(self) -> list[str]:
        """The stored tensors that nothing has read."""
        return [name for name, place in self.places.items() if self._tensors[place] is None]

    def _stored(self, name: str) -> Value | None:
        place = self.places.get(name)
        if place is None:
            return None
        tensor = self._tensors[place]
        if place < 0:
            value = sparse_value(self.stored_name(name), self.graph.sparse_initializer[~place])
        elif tensor is None:
            proto = self.graph.initializer[place]
            value = stored_value(self.stored_name(name), proto)
            assert value.tensor is not None
            if value.data is None and has_payload(proto) and (fault := payload_fault(proto)):
                self.faults.append(fault)
        else:
            value = with_data(tensor, self.graph.initializer[place])
        self._tensors[place] = value.tensor
        return value


def _twice(graph: onnx.GraphProto) -> str:
    seen: set[str] = set()
    names = (*(t.name for t in graph.initializer), *(t.values.name for t in graph.sparse_initializer))
    return next(name for name in map(text, names) if name in seen or seen.add(name))  # type: ignore[func-returns-value]


def text(name: str | bytes) -> str:
    """A name as text: protobuf hands over as bytes what is not UTF-8."""
    return name if isinstance(name, str) else name.decode("utf-8", "backslashreplace")


def readable(node: onnx.NodeProto) -> onnx.NodeProto:
    """The node, its names as text: ONNX's own functions take no others."""
    if all(isinstance(name, str) for name in (*node.input, *node.output)):
        return node
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.input[:], copy.output[:] = map(text, node.input), map(text, node.output)
    return copy


def stored_value(name: str, proto: onnx.TensorProto, literal: bool = False) -> Value:
    """A stored tensor, with its elements if they are few and in the file."""
    shape = tuple(proto.dims)
    return with_data(
        Tensor(name=name, shape=shape, dtype=dtype(proto.data_type), constant=True, literal=literal), proto
    )


def with_data(tensor: Tensor, proto: onnx.TensorProto) -> Value:
    """The value of a stored tensor, with its elements if they are few, in the file, and as many as the dims say."""
    known = is_small(tensor.dtype, tensor.size) and _is_whole(tensor, proto)
    return Value(
        tensor=tensor,
        data=proto if known else None,
        from_shape=known and tensor.dtype in INDEX_DTYPES,
    )


def is_small(dtype: str, size: int) -> bool:
    """A value of this dtype and size is worth knowing."""
    return size <= (VALUE_ELEMENTS if dtype in INDEX_DTYPES else FLOAT_ELEMENTS)


def _is_whole(tensor: Tensor, proto: onnx.TensorProto) -> bool:
    """All elements are in the file. Raw bytes and plain floats, which nearly all tensors are, are told at a glance."""
    is_float = tensor.dtype == "float32"
    if 0 < len(proto.raw_data) == tensor.nbytes or (is_float and 0 < len(proto.float_data) == tensor.size):
        return bool(proto.data_location != onnx.TensorProto.EXTERNAL)
    return has_payload(proto) and not payload_fault(proto)


def known_integers(value: Value | None) -> NDArray[Any] | None:
    """The elements of an index tensor; None where they are not known, or no integers."""
    if value is None or value.data is None or value.tensor is None or value.tensor.dtype not in INTEGERS:
        return None
    return onnx.numpy_helper.to_array(value.data)


def known_truth(value: Value | None) -> bool | None:
    """A condition, where it is known."""
    if value is None or value.data is None or value.tensor is None:
        return None
    if value.tensor.dtype != "bool" or value.tensor.size != 1:
        return None
    return bool(onnx.numpy_helper.to_array(value.data).all())


def sparse_value(name: str, proto: onnx.SparseTensorProto) -> Value:
    """A sparse stored tensor: operators see the dense shape, the elements that are stored are what it holds."""
    stored = Tensor(name=name, shape=tuple(proto.values.dims), dtype=dtype(proto.values.data_type), constant=True)
    tensor = Tensor(name=name, shape=tuple(proto.dims), dtype=stored.dtype, constant=True, held=(stored,))
    return Value(tensor=tensor)


@lru_cache(maxsize=4096)
def type_of(dtype: str, shape: tuple[int, ...]) -> onnx.TypeProto:
    """A tensor's type as ONNX's inference takes it."""
    return onnx.helper.make_tensor_type_proto(ELEM_TYPES[dtype], shape)


def constant_of(name: str, node: onnx.NodeProto) -> Value:
    """The value of a Constant node; a single number is one of the formula, not a weight (ONNX Constant-25)."""
    for attribute in node.attribute:
        if attribute.name == "sparse_value":
            return sparse_value(name, attribute.sparse_tensor)
        proto = _attribute_tensor(attribute)
        if proto is not None:
            return stored_value(name, proto, literal=all(dim == 1 for dim in proto.dims))
    raise InputError("holds no value", "export the model again")


def _attribute_tensor(attribute: onnx.AttributeProto) -> onnx.TensorProto | None:
    make, kinds = onnx.helper.make_tensor, onnx.TensorProto
    match attribute.name:
        case "value":
            return attribute.t
        case "value_float":
            return make("", kinds.FLOAT, [], [attribute.f])
        case "value_int":
            return make("", kinds.INT64, [], [attribute.i])
        case "value_string":
            return make("", kinds.STRING, [], [attribute.s])  # type: ignore[list-item]
        case "value_floats":
            return _list(kinds.FLOAT, attribute.floats)
        case "value_ints":
            return _list(kinds.INT64, attribute.ints)
        case "value_strings":
            return _list(kinds.STRING, attribute.strings)
    return None


def _list(kind: int, values: Sequence[Any]) -> onnx.TensorProto:
    """A tensor of these values; without them where they are too many to be worth knowing."""
    if len(values) > VALUE_ELEMENTS:
        return onnx.TensorProto(data_type=kind, dims=[len(values)])
    return onnx.helper.make_tensor("", kind, [len(values)], list(values))
