"""The functions that a model brings along: which node calls which, and what a call expands to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import onnx

from groupcalc.errors import InputError
from groupcalc.sources.onnx.infer import domain_of
from groupcalc.sources.onnx.nodes import AGAIN
from groupcalc.sources.onnx.scope import text
from groupcalc.units import show_name

MAX_DEPTH = 100
"""Graphs within graphs and calls within calls; no exporter comes near."""

Key = tuple[str, str, str]


class Functions:
    """The functions of a model by domain, name and overload. Raises InputError for one that calls itself."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._protos: dict[Key, onnx.FunctionProto] = {}
        for proto in model.functions:
            if self._protos.setdefault(_key(proto, proto.name), proto) is not proto:
                raise InputError(f"two functions are named '{show_name(text(proto.name))}'", AGAIN)
        self._sizes: dict[Key, int] = {}
        self._bodies: dict[tuple[Key, bytes], onnx.GraphProto] = {}
        for key in self._protos:
            self._size(key, ())

    def called(self, node: onnx.NodeProto) -> onnx.FunctionProto | None:
        """The function that a node calls; it goes before an operator of the same name (ONNX IR, functions)."""
        return self._protos.get(_key(node, node.op_type)) if self._protos else None

    def expanded(self, nodes: Iterable[onnx.NodeProto]) -> int:
        """How many nodes these are with every call expanded."""
        return sum(self._node_size(node, ()) for node in nodes) if self._protos else 0

    def body(self, function: onnx.FunctionProto, call: onnx.NodeProto) -> onnx.GraphProto:
        """The body of a function with the attributes of a call in it."""
        attributes = {text(a.name): a for a in (*function.attribute_proto, *call.attribute)}
        wanted = {text(name) for name in function.attribute} | {text(a.name) for a in function.attribute_proto}
        given = {name: attributes[name] for name in sorted(wanted) if name in attributes}
        key = _key(function, function.name), b"\0".join(a.SerializeToString() for a in given.values())
        if key not in self._bodies:
            graph = onnx.GraphProto(node=function.node, value_info=function.value_info)
            for node in graph.node:
                _put(node, given)
            self._bodies[key] = graph
        return self._bodies[key]

    def _size(self, key: Key, path: tuple[Key, ...]) -> int:
        if key in path:
            raise InputError(f"function '{show_name(key[1])}' calls itself", "ONNX allows no recursion")
        if key not in self._sizes:
            inner = (*path, key)
            self._sizes[key] = sum(self._node_size(node, inner) for node in self._protos[key].node)
        return self._sizes[key]

    def _node_size(self, node: onnx.NodeProto, path: tuple[Key, ...]) -> int:
        if len(path) > MAX_DEPTH:
            raise InputError(f"its functions call one another more than {MAX_DEPTH} deep", AGAIN)
        key = _key(node, node.op_type)
        inner = sum(self._node_size(each, (*path, ("", "", ""))) for graph in graphs(node) for each in graph.node)
        return 1 + inner + (self._size(key, path) if key in self._protos else 0)


def graphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs that a node carries."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _key(named: onnx.NodeProto | onnx.FunctionProto, name: str) -> Key:
    return domain_of(named.domain), text(name), text(named.overload)


def _put(node: onnx.NodeProto, given: Mapping[str, onnx.AttributeProto]) -> None:
    """Put the caller's attributes where the node asks for them; what the caller leaves out is left out here too."""
    for place in reversed(range(len(node.attribute))):
        attribute = node.attribute[place]
        if attribute.ref_attr_name:
            name, source = attribute.name, given.get(text(attribute.ref_attr_name))
            if source is None:
                del node.attribute[place]
            else:
                attribute.CopyFrom(source)
                attribute.name = name
    for graph in graphs(node):
        for inner in graph.node:
            _put(inner, given)
