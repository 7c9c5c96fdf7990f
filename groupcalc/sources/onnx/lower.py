"""From ONNX nodes to layers: each node is computed, held as a constant, given up with a reason, or made a Layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import onnx

from groupcalc.errors import GroupcalcError, InputError
from groupcalc.graph import Graph, Layer, Tensor, Uncounted
from groupcalc.sources.given import Given
from groupcalc.sources.onnx.control import CONTROL, Lowered, call, results
from groupcalc.sources.onnx.fold import Folder, shape_value
from groupcalc.sources.onnx.functions import MAX_DEPTH, Functions
from groupcalc.sources.onnx.geometry import attributes, check_rearranged, checked_attributes
from groupcalc.sources.onnx.infer import Inference, Inferred, RefusedError, domain_of, operator_set, tells_shape
from groupcalc.sources.onnx.inputs import declared_inputs, resolve_inputs, symbols
from groupcalc.sources.onnx.nodes import AGAIN, node_name, operator
from groupcalc.sources.onnx.payload import dtype
from groupcalc.sources.onnx.scope import INDEX_DTYPES, INNER, Scope, Value, constant_of, text
from groupcalc.sources.onnx.sequences import MOVING, SEQUENCES
from groupcalc.units import show_name

HOLDERS: dict[str, slice] = {
    **dict.fromkeys(
        ("Identity", "Cast", "CastLike", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Split",
         "Expand", "QuantizeLinear", "DequantizeLinear"),
        slice(0, 1),
    ),
    "Concat": slice(None),
}  # fmt: skip
"""Operators that only give a constant another form, and the inputs they take it from: such a node over constants is
no layer, and the layer that reads it counts the stored tensors behind it."""


EXPANDED = 100_000
"""The most nodes that are read of functions and branches: functions whose calls come to more are one row a call."""

REPEATED = 2**15
"""The most nodes that are read of the bodies of loops, which may be read trip by trip, and within each other."""


class Resolved(NamedTuple):
    """What follows from a node's operator, attributes and input shapes alone."""

    attributes: Mapping[str, Any]
    outputs: Sequence[Inferred]
    refused: str = ""


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
        self.resolved: dict[tuple[object, ...], Resolved] = {}
        self.layers: list[Layer] = []
        self.unresolved: list[Uncounted] = []
        self._room, self._loop_room = EXPANDED, REPEATED
        self._prefixes: set[str] = set()

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
        base = prefix = f"{scope.prefix}{node_name(node)}/" + (f"{shown}/" if shown else "")
        again = 1
        while prefix in self._prefixes:
            again += 1
            prefix = f"{base[:-1]}#{again}/"
        self._prefixes.add(prefix)
        return Scope(
            body,
            scope.inference if function is None else self._inference(function.opset_import),
            parent=scope if function is None else None,
            prefix=prefix,
            home=f"{scope.home}{scope.at}.{place}/" if function is None else f"{INNER}{place}/",
            faults=scope.faults,
            depth=scope.depth + 1,
        )

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
            self._operate(op, node, inputs, scope)

    def _operate(self, op: str, node: onnx.NodeProto, inputs: Sequence[Value | None], scope: Scope) -> None:
        """An operator on tensors."""
        found, outputs, refused = self._resolve(op, node, inputs, scope)
        data = None if refused else self._computed(op, node, inputs, outputs, scope)
        values = self._constants(op, node, inputs, outputs, data, scope)
        if values is None:
            # What is computed here all the same are the network's own small numbers: a layer, and perhaps a scale.
            known = data or [None] * len(outputs)
            values = [
                _value(scope.named(name), output, proto)
                for name, output, proto in zip(node.output, outputs, known, strict=True)
            ]
            reason = _lost(node, inputs) or refused
            if not reason and any(value.tensor is None for value in values):
                reason = self._shapeless(node, inputs, values, scope)
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
        tensors = tuple([value.tensor if value is not None else None for value in inputs])
        name = scope.prefix + node_name(node)
        self.layers.append(Layer(name=name, op=op, inputs=tensors, outputs=tuple(made), attributes=found))

    def _resolve(self, op: str, node: onnx.NodeProto, inputs: Sequence[Value | None], scope: Scope) -> Resolved:
        """Attributes and output shapes; equal nodes over equal shapes, networks are full of them, are resolved once."""
        plain = attributes(node)
        key: tuple[object, ...] | None = None
        whole = len(plain) == len(node.attribute) and "" not in node.output
        if whole and all(_tells_by_shape(op, value) for value in inputs):
            shapes = [
                (v.tensor.dtype, v.tensor.shape) if v is not None and v.tensor is not None else None for v in inputs
            ]
            key = (op, id(scope.inference), len(node.output), *plain.items(), *shapes)
            if key in self.resolved:
                return self.resolved[key]
        resolved = self._resolve_anew(op, node, inputs, plain, scope)
        if all(output.shape is not None for output in resolved.outputs):
            if key is not None:
                self.resolved[key] = resolved
            return resolved
        return resolved._replace(outputs=[
            output if output.shape is not None else self._declared(output, text(name), scope)
            for name, output in zip(node.output, resolved.outputs, strict=True)
        ])  # fmt: skip

    def _resolve_anew(
        self, op: str, node: onnx.NodeProto, inputs: Sequence[Value | None], plain: dict[str, Any], scope: Scope
    ) -> Resolved:
        found, shape, refused = plain, None, ""
        if not _lost(node, inputs):
            found, shape = checked_attributes(op, [value.tensor if value else None for value in inputs], plain)
        try:
            outputs = scope.inference.outputs(node, inputs)
        except RefusedError as error:
            outputs, refused = [Inferred()] * len(node.output), str(error)
        if inputs and inputs[0] and outputs:
            check_rearranged(op, inputs[0].tensor, outputs[0].shape)
        if shape is not None:
            outputs = [Inferred(output.dtype, shape) if output.dtype else output for output in outputs]
        return Resolved(found, outputs, refused)

    def _declared(self, output: Inferred, name: str, scope: Scope) -> Inferred:
        """What the file says of a value of which inference does not know all."""
        declared = scope.inference.read(scope.declared.get(name))
        if declared.shape is not None and min(declared.shape, default=0) < 0:  # some exporters' way to say unknown
            return output
        return declared if declared.shape is not None or output.type is None else output

    def _computed(
        self, op: str, node: onnx.NodeProto, inputs: Sequence[Value | None], outputs: Sequence[Inferred], scope: Scope
    ) -> list[onnx.TensorProto | None] | None:
        """The elements of the outputs, if they are few and follow from what is known."""
        if op in ("Shape", "Size") and len(inputs) == len(outputs) == 1 and inputs[0] and inputs[0].tensor:
            return [shape_value(node, inputs[0].tensor)]
        return self.folder.fold(node, inputs, outputs, scope.inference.opsets)

    def _constants(
        self,
        op: str,
        node: onnx.NodeProto,
        inputs: Sequence[Value | None],
        outputs: Sequence[Inferred],
        data: Sequence[onnx.TensorProto | None] | None,
        scope: Scope,
    ) -> list[Value] | None:
        """The outputs of a node that leaves nothing to run; None when it is a layer.

        A stored constant in another form holds what is stored; a ConstantOfShape of a stored shape is stored itself;
        arithmetic on shapes and indices, or on literals alone, gives literals. Arithmetic on the network's own
        numbers is work, however small they are.
        """
        sources = [value.tensor for value in inputs[HOLDERS[op]] if value is not None] if op in HOLDERS else []
        stored: tuple[Tensor, ...] = ()
        if sources and all(tensor is not None and tensor.constant for tensor in sources):
            stored = tuple(dict.fromkeys(s for t in sources if t is not None and not t.literal for s in t.stored))
        is_stored = bool(stored) or (
            op == "ConstantOfShape" and bool(inputs) and inputs[0] is not None and inputs[0].is_stored
        )
        computed = data is not None and (
            op in ("Shape", "Size")
            or any(value is not None and value.from_shape for value in inputs)
            or all(value is None or (value.tensor is not None and value.tensor.literal) for value in inputs)
        )
        if not (is_stored or computed) or (data is None and any(output.shape is None for output in outputs)):
            return None
        known: Sequence[onnx.TensorProto | None] = data or [None] * len(node.output)
        return [
            _constant(scope.named(name), output, proto, held=stored, literal=not is_stored) if name else Value()
            for name, output, proto in zip(node.output, outputs, known, strict=True)
        ]

    def _shapeless(
        self, node: onnx.NodeProto, inputs: Sequence[Value | None], values: Sequence[Value], scope: Scope
    ) -> str:
        """Why an output has no shape, though every input has one; "" when all have.

        An optional output beside the first, such as the mask of Dropout, may go without.
        """
        found = ((i, n) for i, (n, v) in enumerate(zip(node.output, values, strict=True)) if n and v.tensor is None)
        index, output = next(found, (0, ""))
        if not output:
            return ""
        schema, shown = scope.inference.schema(node), show_name(text(output))
        if schema is None:
            return f"no rule, and no shape for {shown!r}"
        if index and _is_optional(schema, index):
            return ""
        for source, value_ in zip(node.input, inputs, strict=True):
            tensor = value_.tensor if value_ else None
            if value_ and tensor and tensor.constant and value_.data is None and tensor.dtype in INDEX_DTYPES:
                return (
                    f"the shape of {shown!r} follows from '{show_name(text(source))}', whose values are not in the file"
                )
        return f"the shape of {shown!r} depends on data"

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


def _tells_by_shape(op: str, value: Value | None) -> bool:
    """Nothing but dtype and shape of this input can decide the shape of an output."""
    return value is None or (value.tensor is not None and (value.data is None or not tells_shape(op, value)))


def _lost(node: onnx.NodeProto, inputs: Sequence[Value | None]) -> str:
    """Why the first input without a shape has none; "" when all have one."""
    for name, value in zip(node.input, inputs, strict=True):
        if value is not None and value.tensor is None:
            return f"no shape for '{show_name(text(name))}': {value.lost}"
    return ""


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


def _is_optional(schema: onnx.defs.OpSchema, index: int) -> bool:
    """The operator may be asked to leave this output out."""
    if index >= len(schema.outputs):
        return False
    return bool(schema.outputs[index].option == onnx.defs.OpSchema.FormalParameterOption.Optional)


def _constant(
    name: str, found: Inferred, proto: onnx.TensorProto | None, held: tuple[Tensor, ...], literal: bool
) -> Value:
    """An output that is a constant: with its elements if they were computed, else as inference has it."""
    if proto is not None:
        shape, kind = tuple(proto.dims), dtype(proto.data_type)
    else:
        assert found.shape is not None
        shape, kind = found.shape, found.dtype
    tensor = Tensor(name=name, shape=shape, dtype=kind, constant=True, held=held, literal=literal)
    return Value(tensor=tensor, data=proto, from_shape=proto is not None and (literal or kind in INDEX_DTYPES))


def _unused(scope: Scope) -> list[str]:
    """A warning about the stored tensors that no node reads."""
    unread = scope.unread()
    if not unread:
        return []
    names = ", ".join(map(show_name, unread[:3])) + (", …" if len(unread) > 3 else "")
    count = "1 stored tensor is" if len(unread) == 1 else f"{len(unread)} stored tensors are"
    return [f"{count} read by no node, and not counted: {names}"]
