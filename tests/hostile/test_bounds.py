"""Files that would take all time or memory are refused, or read in time that grows with their size and no faster."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from groupcalc.costs.model import cost
from groupcalc.errors import GroupcalcError, InputError
from groupcalc.sources.given import Given
from groupcalc.sources.onnx import geometry, infer, inputs, prune
from groupcalc.sources.onnx.load import load_onnx
from groupcalc.sources.spec import load_text

X = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4])
Y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 4])


def model(*nodes: onnx.NodeProto, ins: tuple[onnx.ValueInfoProto, ...] = (X,)) -> onnx.ModelProto:
    graph = helper.make_graph(list(nodes), "g", list(ins), [Y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def read(proto: onnx.ModelProto) -> Any:
    return cost(load_onnx(proto.SerializeToString(), Given(), "m"))


def refusal(proto: onnx.ModelProto) -> str:
    with pytest.raises(InputError) as caught:
        read(proto)
    return str(caught.value)


def relus(count: int) -> list[onnx.NodeProto]:
    names = ["x", *(f"h{place}" for place in range(count - 1)), "y"]
    return [helper.make_node("Relu", [a], [b]) for a, b in pairwise(names)]


class Steps:
    """Counts the lines of groupcalc that run: time that no machine changes."""

    def __init__(self) -> None:
        self.count = 0

    def trace(self, frame: Any, event: str, arg: object) -> Any:
        if "groupcalc" not in frame.f_code.co_filename:
            return None
        self.count += event == "line"
        return self.trace

    def __enter__(self) -> Steps:
        self.before = sys.gettrace()
        sys.settrace(self.trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self.before)


def test_there_are_only_so_many_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune, "MAX_NODES", 100)
    assert len(read(model(*relus(100))).layers) == 100
    assert refusal(model(*relus(101))) == "has 101 nodes; 100 are the most (split the model)"


def test_there_are_only_so_many_outputs_of_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune, "MAX_OUTPUTS", 3)
    assert len(read(model(*relus(3))).layers) == 3
    assert refusal(model(*relus(4))) == "has 4 outputs of nodes; 3 are the most (split the model)"


def test_there_are_only_so_many_operator_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune, "MAX_OPSETS", 10)
    proto = model(*relus(1))
    proto.opset_import.extend(helper.make_opsetid(f"d{place}", 1) for place in range(9))
    assert read(proto).uncounted == ()
    proto.opset_import.append(helper.make_opsetid("d", 1))
    assert refusal(proto) == "has 11 operator sets; 10 are the most (split the model)"


@pytest.mark.parametrize("where", ["nodes", "attributes", "dimensions", "deep"])
def test_there_are_only_so_many_messages_however_small_they_are(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Of two bytes protobuf makes an object of 150."""
    monkeypatch.setattr(prune, "MAX_MESSAGES", 500)
    proto = model(*relus(1))
    match where:
        case "nodes":
            proto.graph.node.extend([onnx.NodeProto()] * 600)
        case "attributes":
            proto.graph.node[0].attribute.extend([onnx.AttributeProto()] * 600)
        case "dimensions":
            proto.graph.input[0].type.tensor_type.shape.dim.extend([onnx.TensorShapeProto.Dimension()] * 600)
        case "deep":
            for _ in range(25):
                inner = helper.make_graph([*proto.graph.node] * 1, "g", [], [])
                proto.graph.node.add(op_type="If").attribute.append(helper.make_attribute("then_branch", inner))
                del proto.graph.node[:-1]
            proto.graph.node.extend([onnx.NodeProto()] * 600)
    assert refusal(proto) == "has more than 500 messages (split the model)"


def test_a_large_file_of_few_messages_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune, "MAX_MESSAGES", 500)
    proto = model(*relus(20))
    for node in proto.graph.node:
        node.name = "n" * 1000
    assert len(proto.SerializeToString()) > 2 * 500
    assert len(read(proto).layers) == 20


def listed(nodes: int, numbers: int) -> bytes:
    """A chain of nodes, each with a list of so many ones, written in one piece: less than 128, a byte each."""
    proto = model(*relus(nodes))
    for node in proto.graph.node:
        node.op_type, node.domain = (
            "Gelu",
            "com.microsoft",
        )  # ONNX's inference, which knows its attributes, does not ask
        node.attribute.add(name="a", type=onnx.AttributeProto.INTS, s=b"\1" * numbers)
    as_text, as_list = (bytes([number << 3 | 2, numbers]) + b"\1" * numbers for number in (4, 8))
    return proto.SerializeToString().replace(as_text, as_list)


def test_lists_hold_only_so_many_numbers_all_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a number in one byte protobuf makes eight bytes."""
    monkeypatch.setattr(prune, "MAX_MESSAGES", 600)  # so small that the file is worth a look
    monkeypatch.setattr(prune, "LISTED_BYTES", 100 * 50)
    graph = load_onnx(listed(50, 100), Given(), "m")
    assert [layer.attributes["a"] for layer in graph.layers] == [(1,) * 100] * 50
    with pytest.raises(InputError, match=r"^has more than 4\.883 KiB of numbers in attributes \(split the model\)$"):
        load_onnx(listed(51, 100), Given(), "m")


def test_a_list_of_an_attribute_is_read_only_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometry, "MAX_LISTED", 10)
    [layer] = load_onnx(listed(1, 100), Given(), "m").layers
    assert layer.attributes["a"] == (1,) * 11


def test_a_constant_of_many_numbers_is_known_by_its_shape() -> None:
    node = helper.make_node("Constant", [], ["k"], value_ints=[1] * 5000)
    flops = read(model(node, helper.make_node("Mul", ["k", "k"], ["kk"]), *relus(1))).totals.flops
    assert flops == 5000 + 2 * 4


@pytest.mark.parametrize("place", ["node", "input", "weight", "graph"])
def test_a_name_has_only_so_many_bytes(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setattr(prune, "TEXT_BYTES", 10_000)
    name = "n" * 10_001
    proto = model(*relus(1))
    match place:
        case "node":
            proto.graph.node[0].name = name
        case "input":
            proto.graph.input.add(name=name)
        case "weight":
            proto.graph.initializer.add(name=name, data_type=1)
        case "graph":
            proto.graph.name = name
    assert " bytes; 10,000 are the most (export or download it again)" in refusal(proto)


def test_a_long_text_of_an_attribute_is_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some runtimes put a whole compiled engine there."""
    monkeypatch.setattr(prune, "TEXT_BYTES", 10_000)
    node = helper.make_node("EPContext", ["x"], ["y"], ep_cache_context=b"\0" * 20_000, domain="com.microsoft")
    [uncounted] = read(model(node)).uncounted
    assert uncounted.op == "com.microsoft::EPContext"


@pytest.mark.parametrize("axes", [0, 1, 4])
def test_inputs_have_only_so_many_dimensions(monkeypatch: pytest.MonkeyPatch, axes: int) -> None:
    monkeypatch.setattr(inputs, "MAX_DIMS", 100)
    many = [helper.make_tensor_value_info(f"x{n}", TensorProto.FLOAT, [1] * axes) for n in range(101)]
    assert "its inputs have more than 100 dimensions" in refusal(model(*relus(1), ins=(X, *many)))
    assert read(model(*relus(1), ins=(X, *many[:20]))).totals.flops == 2 * 4


def test_a_node_of_a_thousand_attributes_is_not_handed_to_inference() -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    node.attribute.extend([onnx.AttributeProto(name="a")] * (infer.MAX_ATTRIBUTES + 1))
    [uncounted] = read(model(node)).uncounted
    assert uncounted.reason == "1001 attributes are more than any operator has"


def einsum(equation: bytes, operands: int = 1) -> onnx.ModelProto:
    return model(helper.make_node("Einsum", ["x"] * operands, ["y"], equation=equation))


@pytest.mark.parametrize("equation", [b"a" * 10**6 + b"!", b"a" * 10**6, b"a,a" * 10**6 + b"-", b"a..." * 10**5])
def test_an_equation_of_a_million_letters_is_judged_in_one_pass(equation: bytes) -> None:
    """Backtracking, a million letters would take 10^12 steps: this test ends at once, or never."""
    [uncounted] = read(einsum(equation)).uncounted
    assert len(uncounted.reason) < 1000


def test_an_equation_has_only_so_many_operands() -> None:
    most = infer.MAX_OPERANDS
    [row] = read(einsum(b",".join([b"ab"] * most) + b"->ab", most)).layers
    assert row.cost.macs == (most - 1) * 2 * 4  # a product for each of the elements, pair by pair
    [uncounted] = read(einsum(b",".join([b"ab"] * (most + 1)) + b"->ab", most + 1)).uncounted
    assert uncounted.reason == f"{most + 1} operands are more than an equation has"


@pytest.mark.parametrize(
    "key", ["a" + ".a" * 10**6 + " = 1", "[a" + ".a" * 10**6 + "]", "x = {'a'" + ' . "a"' * 10**6 + " = 1}"]
)
def test_a_dotted_key_is_refused_before_it_takes_the_square_of_its_length(key: str) -> None:
    with pytest.raises(GroupcalcError, match=r"m\.toml:2: key .* has more than 10 parts"):
        load_text(f"schema = 1\n{key}\n", kind="toml", name="m", place="m.toml")


def test_dots_in_names_and_lines_are_no_dotted_keys() -> None:
    name = ".".join(["layer1", "0"] * 20)
    text = f"schema = 1\nlayers = [\n'{name} = ReLU() @ 4', \"{name}.b = ReLU()\"]\n"
    assert [layer.name for layer in load_text(text, kind="toml", name="m", place="m").layers] == [name, f"{name}.b"]


@pytest.mark.parametrize("op", ["Relu", "Foo"])
def test_twice_the_nodes_take_twice_the_steps(op: str) -> None:
    def steps(count: int) -> int:
        nodes = relus(count)
        for node in nodes:
            node.op_type = op
        data = model(*nodes).SerializeToString()
        with Steps() as counted:
            cost(load_onnx(data, Given(), "m"))
        return counted.count

    few, many = steps(200), steps(400)
    assert few > 1000
    assert many < 2.2 * few


def test_twice_the_calls_of_one_function_take_twice_the_steps() -> None:
    """All by one name: each is told from the others."""

    def steps(count: int) -> int:
        nodes = relus(count)
        for node in nodes:
            node.op_type, node.domain, node.name = "F", "f", "same"
        proto = model(*nodes)
        body = helper.make_node("Relu", ["x"], ["y"])
        proto.functions.append(helper.make_function("f", "F", ["x"], ["y"], [body], [helper.make_opsetid("", 21)]))
        data = proto.SerializeToString()
        with Steps() as counted:
            cost(load_onnx(data, Given(), "m"))
        return counted.count

    few, many = steps(200), steps(400)
    assert many < 2.2 * few


def test_a_long_name_around_many_nodes_does_not_fill_the_memory(groupcalc: Callable[..., Any], here: Path) -> None:
    """Nodes of a branch are named behind the node that runs it: a name of a megabyte, and 100 GB of names."""
    ends = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    branch = helper.make_graph(relus(1000), "b", [], ends)
    on = helper.make_tensor_value_info("on", TensorProto.BOOL, [])
    node = helper.make_node("If", ["on"], ["y"], name="n" * 20_000, then_branch=branch, else_branch=branch)
    Path("m.onnx").write_bytes(model(node, ins=(X, on)).SerializeToString())
    found = groupcalc("analyze", "m.onnx", "-o", "json")
    assert found.code in (0, 2)
    assert len(found.out) < 2**22
