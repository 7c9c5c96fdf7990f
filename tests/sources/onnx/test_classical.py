"""Classical models (ai.onnx.ml): what they have learned, their attributes, is counted; shapes are the runtime's."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from groupcalc.costs.cost import GraphCost
from groupcalc.costs.model import cost
from groupcalc.graph import MISFIT, Graph
from groupcalc.sources.given import Given
from groupcalc.sources.onnx.load import load_onnx

LABELS = {"classlabels_ints": [0, 1, 2]}

# Two trees: the first one splits feature 1 into two leaves, the second is a leaf.
NODES = {
    "nodes_treeids": [0, 0, 0, 1], "nodes_nodeids": [0, 1, 2, 0], "nodes_featureids": [1, 0, 0, 0],
    "nodes_values": [0.5, 0.0, 0.0, 0.0], "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF", "LEAF"],
    "nodes_truenodeids": [1, 0, 0, 0], "nodes_falsenodeids": [2, 0, 0, 0],
}  # fmt: skip


class Case(NamedTuple):
    """A node over x[4, 5], how many outputs it has, its work and params."""

    op: str
    attributes: dict[str, Any]
    outputs: int = 1
    macs: int = 0
    other_flops: int = 0
    params: int = 0
    opset: int = 3


CASES = [
    Case("LinearRegressor", {"coefficients": [0.5] * 15, "intercepts": [1.0] * 3, "targets": 3}, 1, 4 * 3 * 5, 4 * 3,
         15 + 3),
    Case("LinearRegressor", {"coefficients": [0.5] * 5}, 1, 4 * 5, 0, 5),
    Case("LinearClassifier", {"coefficients": [0.5] * 15, "intercepts": [1.0] * 3, **LABELS}, 2, 4 * 15, 12, 18),
    Case("LinearClassifier", {"coefficients": [0.5] * 5, "intercepts": [1.0], "classlabels_ints": [0, 1]}, 2, 4 * 5, 4,
         6),
    # 2 support vectors of 5, and what their results weigh.
    Case(
        "SVMRegressor",
        {"support_vectors": [0.5] * 10, "coefficients": [0.5] * 2, "rho": [1.0], "n_supports": 2, "kernel_type": "RBF",
         "kernel_params": [0.5, 0.0, 3.0]},
        1,
        4 * (10 + 2),
        4 * (10 + 2 * 2 + 1),
        10 + 2 + 1,
    ),
    Case(
        "TreeEnsembleRegressor",
        {**NODES, "n_targets": 1, "target_treeids": [0, 0, 1], "target_nodeids": [1, 2, 0], "target_ids": [0, 0, 0],
         "target_weights": [1.0, 2.0, 3.0]},
        1,
        0,
        4 * 2,
        4 + 3,
    ),
    Case(
        "TreeEnsembleClassifier",
        {**NODES, "classlabels_int64s": [0, 1], "class_treeids": [0, 0, 1], "class_nodeids": [1, 2, 0],
         "class_ids": [0, 1, 1], "class_weights": [1.0, 2.0, 3.0]},
        2,
        0,
        4 * 2,
        4 + 3,
    ),
    Case("Scaler", {"offset": [1.0] * 5, "scale": [2.0] * 5}, 1, 0, 20 * 2),
    Case("Normalizer", {"norm": "L2"}, 1, 0, 20 * 3),
    Case("Imputer", {"imputed_value_floats": [1.0], "replaced_value_float": 0.0}),
    Case("FeatureVectorizer", {"inputdimensions": [5]}),
    Case("Binarizer", {"threshold": 0.5}),
]  # fmt: skip


def read(*nodes: onnx.NodeProto, outputs: int = 1, opset: int = 3) -> tuple[onnx.ModelProto, Graph, GraphCost]:
    names = [name for node in nodes for name in node.output][-outputs:]
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 5])],
        [onnx.ValueInfoProto(name=name) for name in names],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    found = load_onnx(model.SerializeToString(), Given(), "m")
    return model, found, cost(found)


def node(op: str, inputs: list[str], outputs: list[str], **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, inputs, outputs, domain="ai.onnx.ml", **attributes)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.op)
def test_a_classical_model_has_the_shapes_of_the_runtime_and_what_it_has_learned_as_params(case: Case) -> None:
    ort = pytest.importorskip("onnxruntime")
    made = [f"y{place}" for place in range(case.outputs)]
    model, graph, found = read(node(case.op, ["x"], made, **case.attributes), outputs=case.outputs, opset=case.opset)
    assert found.uncounted == ()
    assert found.totals.macs == case.macs
    assert found.totals.flops == 2 * case.macs + case.other_flops
    assert found.totals.params == case.params
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    real = session.run(None, {"x": np.ones((4, 5), np.float32)})
    (layer,) = graph.layers
    assert [(tensor.shape, tensor.dtype) for tensor in layer.outputs] == [(a.shape, a.dtype.name) for a in real]


def test_trees_are_counted_where_onnx_has_deprecated_their_operator() -> None:
    case = next(case for case in CASES if case.op == "TreeEnsembleRegressor")
    _, _, found = read(node(case.op, ["x"], ["y"], **case.attributes), opset=5)
    assert found.uncounted == ()
    assert (found.totals.flops, found.totals.params) == (case.other_flops, case.params)


def test_trees_in_tensors_are_counted_as_trees_in_lists() -> None:
    """One split and two leaves: what is compared with, and what the leaves weigh."""
    made = node(
        "TreeEnsemble", ["x"], ["y"], n_targets=1, tree_roots=[0], nodes_featureids=[1], nodes_truenodeids=[0],
        nodes_falsenodeids=[1], nodes_trueleafs=[1], nodes_falseleafs=[1], leaf_targetids=[0, 0],
        nodes_modes=helper.make_tensor("m", TensorProto.UINT8, [1], [0]),
        nodes_splits=helper.make_tensor("s", TensorProto.FLOAT, [1], [0.5]),
        leaf_weights=helper.make_tensor("w", TensorProto.FLOAT, [2], [1.0, 2.0]),
    )  # fmt: skip
    _, _, found = read(made, opset=5)
    assert found.uncounted == ()
    assert (found.totals.flops, found.totals.params) == (4 * 1, 1 + 2)


def test_maps_at_the_end_of_a_classifier_are_counted_as_moved() -> None:
    _, graph, found = read(
        node("LinearClassifier", ["x"], ["label", "scores"], coefficients=[0.5] * 15, **LABELS),
        node("ZipMap", ["scores"], ["maps"], classlabels_int64s=[0, 1, 2]),
    )
    assert found.uncounted == ()
    assert [layer.op for layer in graph.layers] == ["ai.onnx.ml::LinearClassifier", "ai.onnx.ml::ZipMap"]
    assert found.layers[1].cost.input_bytes == 4 * 3 * 4
    assert found.layers[1].outputs == ()


def test_an_ensemble_of_many_trees_is_counted_without_its_lists() -> None:
    count = 5000
    each = {
        "nodes_treeids": range(count), "nodes_nodeids": [0] * count, "nodes_featureids": [0] * count,
        "nodes_values": [0.0] * count, "nodes_modes": ["LEAF"] * count, "nodes_truenodeids": [0] * count,
        "nodes_falsenodeids": [0] * count, "target_treeids": range(count), "target_nodeids": [0] * count,
        "target_ids": [0] * count, "target_weights": [1.0] * count,
    }  # fmt: skip
    _, graph, found = read(node("TreeEnsembleRegressor", ["x"], ["y"], n_targets=1, **each))
    assert found.uncounted == ()
    assert found.totals.flops == 4 * count
    assert found.totals.params == 2 * count
    assert not any(isinstance(value, tuple) for value in graph.layers[0].attributes.values())


def test_a_model_that_has_learned_nothing_is_uncounted() -> None:
    _, _, found = read(node("LinearRegressor", ["x"], ["y"]))
    assert [each.reason for each in found.uncounted] == [MISFIT]
