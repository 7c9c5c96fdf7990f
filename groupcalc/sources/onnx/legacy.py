"""Attributes of ONNX's first versions as its inference knows them from a later one on."""

from __future__ import annotations

import onnx


def modern(node: onnx.NodeProto, schema: onnx.defs.OpSchema) -> onnx.NodeProto:
    """The node with the attributes of the version that is inferred, where it has older ones (ONNX Cast-6, Concat-4,
    GlobalLpPool-2, LpPool-2, Pad-2)."""
    given = {attribute.name: attribute for attribute in node.attribute}
    match schema.name, schema.since_version:
        case "Cast", 6 if "to" in given and given["to"].type == onnx.AttributeProto.STRING:
            return _with(node, "to", _elem_type(given["to"].s))
        case "Concat", 4 if "axis" not in given:
            return _with(node, "axis", 1)
        case (("LpPool" | "GlobalLpPool"), 2) if "p" in given:
            return _with(node, "p", 2)
        case "Pad", 2 if "paddings" in given:
            return _with(node, "pads", list(given["paddings"].ints), without="paddings")
        case _ if "consumed_inputs" in given:  # which memory may be written over, and nothing of the result
            return _with(node, without="consumed_inputs")
    return node


def is_inferred(node: onnx.NodeProto, schema: onnx.defs.OpSchema) -> bool:
    """The later version means the same: Split-1 may be given its sizes as an input, which Split-2 would not see."""
    return not (schema.name == "Split" and schema.since_version == 2 and len(node.input) > 1)


def _with(node: onnx.NodeProto, name: str = "", value: int | list[int] = 0, without: str = "") -> onnx.NodeProto:
    kept = [attribute for attribute in node.attribute if attribute.name not in (name, without)]
    kind = onnx.AttributeProto.INTS if isinstance(value, list) else onnx.AttributeProto.INT
    made = [onnx.helper.make_attribute(name, value, attr_type=kind)] if name else []
    return onnx.NodeProto(
        op_type=node.op_type, domain=node.domain, input=node.input, output=node.output, attribute=[*kept, *made]
    )


def _elem_type(name: bytes) -> int:
    """FLOAT, INT64 …; 0, which is none, for a name that ONNX does not have."""
    return int(dict(onnx.TensorProto.DataType.items()).get(name.decode("utf-8", "replace").upper(), 0))
