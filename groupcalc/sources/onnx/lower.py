"""From ONNX nodes to layers: each node is computed, held as a constant, given up with a reason, or made a Layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnx

from groupcalc.errors import GroupcalcError, InputError
from groupcalc.graph import Graph, Layer, Tensor, Uncounted
from groupcalc.sources.given import Given
from groupcalc.sources.onnx.bodies import Lowered, results
from groupcalc.sources.onnx.calls import call
from groupcalc.sources.onnx.constants import constants
from groupcalc.sources.onnx.control import CONTROL
from groupcalc.sources.onnx.fold import Folder, shape_value
from groupcalc.sources.onnx.functions import MAX_DEPTH, Functions
from groupcalc.sources.onnx.geometry import attributes
from groupcalc.sources.onnx.infer import Inference, Inferred, domain_of, operator_set
from groupcalc.sources.onnx.inputs import declared_inputs, resolve_inputs, symbols
from groupcalc.sources.onnx.nodes import AGAIN, node_name, operator
from groupcalc.sources.onnx.operands import complete
from groupcalc.sources.onnx.payload import dtype
from groupcalc.sources.onnx.reasons import lost, shapeless
from groupcalc.sources.onnx.resolve import Resolver
from groupcalc.sources.onnx.scope import INNER, Scope, Value, constant_of, text
from groupcalc.sources.onnx.sequences import MOVING, SEQUENCES
from groupcalc.units import show_name

EXPANDED = 100_000
"""The most nodes that are read of functions and branches: functions whose calls come to more are one row a call."""

REPEATED = 2**15
"""The most nodes that are read of the bodies of loops, which may be read trip by trip, and within each other."""


PREFIX = 200
"""The most characters that the names of the nodes around it put before a node's own: every node repeats them."""


class Lowering:
    """One walk over the nodes of a model. Raises InputError, MissingDimsError and GeometryError, placed at the node."""

    def __init__(self, model: onnx.ModelProto, given: Given) -> None:
        self.model = model
        opsets = [operator_set(opset) for opset in model.opset_import]
        self._inferences: dict[tuple[tuple[str, int], ...], Inference] = {}
        self.folder = Folder()
        self.scope = Scope(model.graph, Inference(opsets))
        outside = [value for value in model.graph.input if text(value.name) not in self.scope.places]
        declared = declared_inputs(outside)
        self.symbols = symbols(declared)
        self.inputs, sizes = resolve_inputs(declared, given)
        self.scope.inference.sizes = sizes
        tensors = {tensor.name: Value(tensor=tensor) for tensor in self.inputs}
        for value in outside:
            name = text(value.name)
            self.scope.make(name, tensors.get(name) or Value(type=value.type, lost="it is no tensor"))
        self.functions = Functions(model)
        self.is_huge = self.functions.expanded(model.graph.node) > EXPANDED
        self.bodies: dict[tuple[object, ...], tuple[tuple[Layer, ...], list[Value]]] = {}
        self.resolver = Resolver()
        self.layers: list[Layer] = []
        self.unresolved: list[Uncounted] = []
        self._room, self._loop_room = EXPANDED, REPEATED
        self._prefixes: dict[str, int] = {}

    def graph(self, name: str, warnings: Sequence[str] = ()) -> Graph:
        """The whole model as a Graph."""
        self.walk(self.scope)
        return Graph(
            name=name,
            layers=tuple(self.layers),
            inputs=self.inputs,
            outputs=self._output_names(),
            symbols=self.symbols,
            unresolved=tuple(self.unresolved),
            warnings=(*warnings, *self.scope.faults, *_unused(self.scope)),
        )

    def walk(self, scope: Scope) -> None:
        """Lower the nodes of one graph in their order."""
        for place, node in enumerate(scope.graph.node):
            scope.at = place
            try:
                self._lower(node, scope)
            except GroupcalcError as error:
                error.fact = error.fact.replace(show_name(INNER), "")
                raise error.within(f"node '{show_name(node_name(node))}' ({show_name(operator(node))})") from error

    def lowered(self, scope: Scope) -> Lowered:
        """What the nodes of a body become, by themselves."""
        outer = self.layers, self.unresolved
        self.layers, self.unresolved = [], []
        self.walk(scope)
        found = Lowered(layers=self.layers, unresolved=self.unresolved, results=results(scope))
        self.layers, self.unresolved = outer
        return found

    def inner(
        self,
        scope: Scope,
        node: onnx.NodeProto,
        body: onnx.GraphProto,
        place: str,
        shown: str = "",
        function: onnx.FunctionProto | None = None,
    ) -> Scope:
        """The scope of a body that a node runs. `place` tells it from the node's other bodies, `shown` does so in the
        names of its nodes; the body of a function sees nothing but its arguments."""
        if place == "body":
            self._loop_room -= len(body.node)
        else:
            self._room -= len(body.node)
        if min(self._room, self._loop_room) < 0:
            most = f"{REPEATED} nodes in loops or {EXPANDED} in all"
            raise InputError(f"its loops, branches and calls come to more than {most}", "split the model")
        if scope.depth == MAX_DEPTH:
            raise InputError(f"is more than {MAX_DEPTH} graphs and calls deep", AGAIN)
        return Scope(
            body,
            scope.inference if function is None else self._inference(function.opset_import),
            parent=scope if function is None else None,
            prefix=self._prefix(f"{scope.prefix}{node_name(node)}/{shown}".removesuffix("/")),
            home=f"{scope.home}{scope.at}.{place}/" if function is None else f"{INNER}{place}/",
            faults=scope.faults,
            depth=scope.depth + 1,
        )

    def _prefix(self, base: str) -> str:
        """What to put before the names inside a body: not the whole of a long name, and no body's but this one's."""
        if len(base) > PREFIX:
            base = f"{base[: PREFIX // 2]}…{base[-PREFIX // 2 :]}"
        prefix, again = base, self._prefixes.get(base, 0)
        while prefix in self._prefixes:
            again += 1
            prefix = f"{base}#{again}"
        self._prefixes[base] = max(again, 1)
        self._prefixes.setdefault(prefix, 1)
        return f"{prefix}/"

    def has_room(self, nodes: int) -> bool:
        """So many nodes more may be read of the bodies of loops."""
        return nodes <= self._loop_room

    def give_up(self, node: onnx.NodeProto, scope: Scope, reason: str, whole: bool = False) -> None:
        """A node of which not all is counted; `whole`: nothing is, and its outputs are not known."""
        self.unresolved.append(Uncounted(name=scope.prefix + node_name(node), op=operator(node), reason=reason))
        for name in node.output if whole else ():
            scope.make(name, Value(lost="its own node is uncounted"))

    def version(self, scope: Scope, node: onnx.NodeProto) -> int:
        """The version of an operator that the model asks for."""
        schema = scope.inference.schema(node)
        return schema.since_version if schema is not None else 1

    def _inference(self, opsets: Sequence[onnx.OperatorSetIdProto]) -> Inference:
        key = tuple((domain_of(opset.domain), opset.version) for opset in opsets)
        if key not in self._inferences:
            self._inferences[key] = Inference([operator_set(opset) for opset in opsets])
        return self._inferences[key]

    def _lower(self, node: onnx.NodeProto, scope: Scope) -> None:
        """One node, by the first of these that holds: it calls a function, is a constant, runs other nodes, works on
        sequences, is arithmetic on shapes, a constant in another form, impossible to count, a layer."""
        op = operator(node)
        function = self.functions.called(node)
        if function is None and op == "Constant" and node.output:
            scope.make(node.output[0], constant_of(scope.stored_name(node.output[0]), node))
            return
        inputs = [scope.read(name) if name else None for name in node.input]
        if any(name and value is None for name, value in zip(node.input, inputs, strict=True)):
            node = _without(node, inputs)
        if function is not None:
            call(self, node, inputs, scope, function)
        elif op in CONTROL:
            CONTROL[op](self, node, inputs, scope)
        elif op not in SEQUENCES or not self._pass_sequence(op, node, inputs, scope):
            self.operate(op, node, inputs, scope)

    def operate(self, op: str, node: onnx.NodeProto, inputs: Sequence[Value | None], scope: Scope) -> None:
        """An operator on tensors."""
        found, outputs, refused = self.resolver.resolve(op, node, inputs, scope)
        data = None if refused else self._computed(op, node, inputs, outputs, scope)
        values = constants(op, node, inputs, outputs, data, scope)
        if values is None:
            # What is computed here all the same are the network's own small numbers: a layer, and perhaps a scale.
            known = data or [None] * len(outputs)
            values = [
                _value(scope.named(name), output, proto)
                for name, output, proto in zip(node.output, outputs, known, strict=True)
            ]
            reason = lost(node, inputs) or refused
            if not reason and any(value.tensor is None for value in values):
                reason = shapeless(node, inputs, values, scope)
            if reason:
                self.give_up(node, scope, reason)
            else:
                made = [v.tensor for n, v in zip(node.output, values, strict=True) if n and v.tensor is not None]
                self._add(op, node, inputs, made, found, scope)
        for output, value in zip(node.output, values, strict=True):
            scope.make(output, value)

    def _add(
        self,
        op: str,
        node: onnx.NodeProto,
        inputs: Sequence[Value | None],
        made: Sequence[Tensor],
        found: Mapping[str, Any],
        scope: Scope,
    ) -> None:
        tensors, found = complete(op, node, inputs, found, scope)
        name = scope.prefix + node_name(node)
        self.layers.append(Layer(name=name, op=op, inputs=tensors, outputs=tuple(made), attributes=found))

    def _computed(
        self, op: str, node: onnx.NodeProto, inputs: Sequence[Value | None], outputs: Sequence[Inferred], scope: Scope
    ) -> list[onnx.TensorProto | None] | None:
        """The elements of the outputs, if they are few and follow from what is known."""
        if op in ("Shape", "Size") and len(inputs) == len(outputs) == 1 and inputs[0] and inputs[0].tensor:
            return [shape_value(node, inputs[0].tensor)]
        return self.folder.fold(node, inputs, outputs, scope.inference.opsets)

    def _pass_sequence(self, op: str, node: onnx.NodeProto, inputs: Sequence[Value | None], scope: Scope) -> bool:
        """Follow a node on sequences; False where it works on tensors, or what it makes is not known."""
        if len(node.output) != 1:
            return False
        value = SEQUENCES[op](node, inputs, scope)
        if value is None or not self.has_room(len(value.parts or ())):
            return False
        self._loop_room -= len(value.parts or ())
        if op in MOVING:
            made = value.parts if value.parts is not None else (value,)
            tensors = [each.tensor for each in made if each.tensor is not None]
            self._add(op, node, _flat(inputs), tensors, attributes(node), scope)
        scope.make(node.output[0], value)
        return True

    def _output_names(self) -> tuple[str, ...]:
        """The tensors that leave the graph; one may stand under a name of its own inside a branch."""
        values = [self.scope.values.get(text(output.name)) for output in self.model.graph.output]
        return tuple(value.tensor.name for value in values if value is not None and value.tensor is not None)


def _without(node: onnx.NodeProto, inputs: Sequence[Value | None]) -> onnx.NodeProto:
    """The node less the inputs that the call of its function leaves out."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    for place, value in enumerate(inputs):
        if value is None:
            copy.input[place] = ""
    return copy


def _flat(inputs: Sequence[Value | None]) -> list[Value | None]:
    """The tensors of a sequence in its place."""
    return [each for value in inputs for each in ([value] if value is None or value.parts is None else value.parts)]


def _value(name: str, found: Inferred, proto: onnx.TensorProto | None) -> Value:
    if proto is not None:
        found = Inferred(dtype(proto.data_type), tuple(proto.dims))
    if found.shape is not None:
        return Value(tensor=Tensor(name=name, shape=found.shape, dtype=found.dtype), data=proto)
    if found.type is None:
        return Value(lost="its own node is uncounted")
    return Value(
        type=found.type, lost="it depends on data" if found.type.HasField("tensor_type") else "it is no tensor"
    )


def _unused(scope: Scope) -> list[str]:
    """A warning about the stored tensors that no node reads."""
    unread = scope.unread()
    if not unread:
        return []
    names = ", ".join(map(show_name, unread[:3])) + (", …" if len(unread) > 3 else "")
    count = "1 stored tensor is" if len(unread) == 1 else f"{len(unread)} stored tensors are"
    return [f"{count} read by no node, and not counted: {names}"]
