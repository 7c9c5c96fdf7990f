"""onnx's own node tests: each is read, and no shape contradicts the outputs that onnx ships with it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from groupcalc.costs.model import MISFIT, cost
from groupcalc.graph import Graph
from groupcalc.sources.given import Given
from groupcalc.sources.onnx.lower import Lowering


@pytest.fixture(scope="module")
def cases() -> list[Any]:
    # Making the cases overflows and divides by zero, on purpose, in onnx's own code.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        return list(collect_testcases(None))


def shapes(infos: Any, arrays: Any) -> dict[str, tuple[int, ...]]:
    pairs = zip(infos, arrays, strict=False)
    return {info.name: tuple(array.shape) for info, array in pairs if hasattr(array, "shape")}


def lowered(cases: list[Any]) -> Iterator[tuple[Any, Graph]]:
    for case in cases:
        inputs, _ = case.data_sets[0]
        given = Given(shapes=shapes(case.model.graph.input, inputs))
        yield case, Lowering(case.model, given).graph(case.name)


def test_every_node_case_is_read_with_the_shapes_of_the_run_and_fits_its_rule(cases: list[Any]) -> None:
    assert len(cases) > 1500
    wrong = []
    for case, graph in lowered(cases):
        _, outputs = case.data_sets[0]
        real = shapes(case.model.graph.output, outputs)
        made = {tensor.name: tensor.shape for layer in graph.layers for tensor in layer.outputs}
        wrong += [(case.name, name) for name in real.keys() & made.keys() if real[name] != made[name]]
        wrong += [(case.name, node.name) for node in cost(graph).uncounted if node.reason == MISFIT]
    assert wrong == []
