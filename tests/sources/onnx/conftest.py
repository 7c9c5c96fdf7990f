"""Models written as text, and their graphs; onnx's own node tests."""

import warnings
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper, parser

from groupcalc.costs.cost import GraphCost
from groupcalc.costs.model import cost
from groupcalc.graph import Graph
from groupcalc.sources.given import Given, parse_given
from groupcalc.sources.onnx.load import load_onnx
from groupcalc.sources.onnx.lower import Lowering

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


class Costed(NamedTuple):
    """One of onnx's node tests, what was made of it, and what its arrays have for shapes."""

    case: Any
    graph: Graph
    cost: GraphCost
    inputs: dict[str, tuple[int, ...]]
    outputs: dict[str, tuple[int, ...]]


@pytest.fixture(scope="session")
def node_cases() -> list[Costed]:
    # Making the cases overflows and divides by zero, on purpose, in onnx's own code.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        cases = list(collect_testcases(None))
    found = []
    for case in cases:
        inputs, outputs = case.data_sets[0]
        given = _shapes(case.model.graph.input, inputs)
        graph = Lowering(case.model, Given(shapes=given)).graph(case.name)
        found.append(Costed(case, graph, cost(graph), given, _shapes(case.model.graph.output, outputs)))
    return found


def _shapes(infos: Any, arrays: Any) -> dict[str, tuple[int, ...]]:
    pairs = zip(infos, arrays, strict=False)
    return {info.name: tuple(array.shape) for info, array in pairs if hasattr(array, "shape")}


_SUMMARY = pytest.StashKey[list[str]]()


@pytest.fixture
def summarise(request: pytest.FixtureRequest) -> Callable[[list[str]], None]:
    """Print these lines below the tests."""
    return lambda lines: request.config.stash.setdefault(_SUMMARY, []).extend(lines)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for line in terminalreporter.config.stash.get(_SUMMARY, []):
        terminalreporter.write_line(line)
