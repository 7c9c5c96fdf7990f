"""Models written as text, and their graphs."""

from collections.abc import Callable, Iterable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper, parser

from groupcalc.graph import Graph
from groupcalc.sources.given import parse_given
from groupcalc.sources.onnx.load import load_onnx

Weight = np.ndarray | tuple[int, ...]


def _build(text: str, opset: int = 17, **weights: Weight) -> onnx.ModelProto:
    """A model from the text of its graph; a weight is an array, or a shape: float32 without a payload."""
    model = parser.parse_model(f'<ir_version: 9, opset_import: ["": {opset}, "acme": 1]> g {text}')
    for name, weight in weights.items():
        if isinstance(weight, np.ndarray):
            model.graph.initializer.append(numpy_helper.from_array(weight, name))
        else:
            model.graph.initializer.append(TensorProto(name=name, dims=weight, data_type=TensorProto.FLOAT))
    return model


@pytest.fixture(scope="session")
def build() -> Callable[..., onnx.ModelProto]:
    return _build


@pytest.fixture(scope="session")
def read() -> Callable[..., Graph]:
    """The graph of a model, or of the text of one."""

    def read(
        source: str | bytes | onnx.ModelProto,
        shapes: Iterable[str] = (),
        dims: Iterable[str] = (),
        opset: int = 17,
        **weights: Weight,
    ) -> Graph:
        model = _build(source, opset, **weights) if isinstance(source, str) else source
        data = model if isinstance(model, bytes) else model.SerializeToString()
        return load_onnx(data, parse_given(shapes, dims), "m")

    return read
