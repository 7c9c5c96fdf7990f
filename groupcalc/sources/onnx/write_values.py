"""A Graph and the values of its weights as an ONNX model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from groupcalc.conv import SLOTS
from groupcalc.graph import Graph, Layer, Tensor

OPSET = 17
IR_VERSION = 8
"""The oldest pair that has every operator used here: whatever onnxruntime is installed reads it, and onnx's own
newest version would be refused by all but the newest."""


def to_onnx(graph: Graph, values: Mapping[str, NDArray[np.generic]]) -> bytes:
    """The graph as a serialised ModelProto; `values` holds an array for each constant by its name."""
    tensors = {tensor.name: tensor for layer in graph.layers for tensor in layer.outputs}
    proto = helper.make_graph(
        [_node(layer) for layer in graph.layers],
        graph.name,
        inputs=[_declared(tensor) for tensor in graph.inputs],
        outputs=[_declared(tensors[name]) for name in graph.outputs],
        initializer=[numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    return bytes(model.SerializeToString())


def _declared(tensor: Tensor) -> onnx.ValueInfoProto:
    dtype = helper.np_dtype_to_tensor_dtype(np.dtype(tensor.dtype))
    return helper.make_tensor_value_info(tensor.name, dtype, tensor.shape)


def _node(layer: Layer) -> onnx.NodeProto:
    names = ["" if tensor is None else tensor.name for tensor in layer.inputs]
    attributes = _geometry(layer.attributes) if layer.op in SLOTS else dict(layer.attributes)
    return helper.make_node(layer.op, names, [tensor.name for tensor in layer.outputs], layer.name, **attributes)


def _geometry(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The geometry of a convolution by the names that ONNX has for it (Conv-11)."""
    before, after = zip(*attributes["padding"], strict=True)
    found = {
        "kernel_shape": attributes["kernel_size"],
        "strides": attributes["stride"],
        "pads": (*before, *after),
        "dilations": attributes["dilation"],
        "group": attributes["groups"],
    }
    if "output_padding" in attributes:
        found["output_padding"] = attributes["output_padding"]
    return found
