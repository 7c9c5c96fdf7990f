"""A graph written as ONNX is read back as the same graph, and runs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest

from groupcalc.conv import Conv, conv
from groupcalc.costs.model import cost
from groupcalc.graph import Graph, Tensor
from groupcalc.sources.onnx.write_values import to_onnx

LAYERS = {
    "grouped": conv(12, 8, 3, (9, 10), stride=(2, 1), padding=1, groups=4),
    "asymmetric": conv(6, 6, 2, (7, 7), padding="same", groups=6, bias=False),
    "dilated": conv(4, 4, (3, 1), (11, 5), dilation=(3, 1), batch=2),
    "one-axis": conv(4, 6, 5, (20,), padding=2, groups=2),
    "transposed": conv(8, 4, 3, (5, 6), stride=2, padding=1, groups=4, transposed=True, output_padding=1),
}


def written(geometry: Conv) -> tuple[Graph, bytes]:
    layer = geometry.layer("y", Tensor(name="x", shape=(geometry.batch, geometry.in_channels, *geometry.in_size)))
    x = layer.inputs[0]
    assert x is not None
    graph = Graph(name="g", layers=(layer,), inputs=(x,), outputs=("y",))
    weights = [tensor for tensor in layer.inputs if tensor is not None and tensor.constant]
    return graph, to_onnx(graph, {tensor.name: np.ones(tensor.shape, np.float32) for tensor in weights})


@pytest.mark.parametrize("geometry", LAYERS.values(), ids=LAYERS)
def test_it_costs_what_it_cost(geometry: Conv, read: Callable[..., Graph]) -> None:
    graph, data = written(geometry)
    onnx.checker.check_model(data, full_check=True)
    back = read(data)
    assert cost(back).totals == cost(graph).totals
    assert Conv.of(back.layers[0]) == geometry


@pytest.mark.parametrize("geometry", LAYERS.values(), ids=LAYERS)
def test_onnxruntime_reads_it_and_agrees_on_the_shape(geometry: Conv) -> None:
    graph, data = written(geometry)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    x, y = graph.inputs[0], graph.layers[0].outputs[0]
    [found] = session.run(["y"], {"x": np.ones(x.shape, np.float32)})
    assert found.shape == y.shape
