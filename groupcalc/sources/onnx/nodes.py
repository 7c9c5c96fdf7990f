"""What a node is called, and which operator it names."""

from __future__ import annotations

import onnx

from groupcalc.errors import InputError
from groupcalc.sources.onnx.infer import domain_of
from groupcalc.sources.onnx.scope import text

AGAIN = "export the model again"


def operator(node: onnx.NodeProto) -> str:
    """The op_type, behind its domain if that is not the default one."""
    domain = domain_of(node.domain)
    return f"{domain}::{text(node.op_type)}" if domain else text(node.op_type)


def node_name(node: onnx.NodeProto) -> str:
    """A node's name as exporters mean it: `/layer1/conv/Conv` is `layer1/conv`; without a name, its first output's."""
    name = text(node.name)
    if name.startswith("/"):
        name = name[1:].removesuffix(f"/{text(node.op_type)}")
    return name or next((text(output) for output in node.output if output), "") or text(node.op_type)


def body_of(node: onnx.NodeProto, name: str) -> onnx.GraphProto:
    """The graph that a node of control flow carries under this name; InputError when it has none."""
    found: list[onnx.GraphProto] = [
        attribute.g for attribute in node.attribute if attribute.name == name and attribute.HasField("g")
    ]
    if not found:
        raise InputError(f"has no {name}", AGAIN)
    return found[0]


def integers(node: onnx.NodeProto, name: str, count: int) -> tuple[int, ...]:
    """`count` integers of an attribute; zeros when it is left out. InputError for another number of them."""
    found = next((tuple(attribute.ints) for attribute in node.attribute if attribute.name == name), (0,) * count)
    if len(found) != count:
        raise InputError(f"{name} has {len(found)} entries, not {count}", AGAIN)
    return found
