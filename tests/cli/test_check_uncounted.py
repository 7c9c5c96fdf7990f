"""onnx's own node tests under `macs <= 10`: what does more never passes, counted or not, by itself or in a function."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import helper

Arrays = dict[str, Any]


def recurrent(node: Any, arrays: Arrays) -> int:
    """Each step multiplies the input by W and the state by R: w[directions, gates · hidden, input]."""
    x, w, r = (arrays[name].shape for name in node.input[:3])
    return x[0] * x[1] * w[0] * w[1] * (w[2] + r[2])


def einsum(node: Any, arrays: Arrays) -> int:
    """A product of two operands is a multiply-add for every combination of its indices."""
    if len(node.input) < 2:
        return 0
    terms = re.sub(r"\s", "", node.attribute[0].s.decode()).partition("->")[0].split(",")
    extents: dict[str, int] = {}
    for term, name in zip(terms, node.input, strict=True):
        shape = arrays[name].shape
        letters = term.replace("...", "")
        spread = len(shape) - len(letters)
        at = term.find("...")
        axes = list(term) if at < 0 else [*term[:at], *(f"...{i}" for i in range(spread)), *term[at + 3 :]]
        for axis, size in zip(axes, shape, strict=True):
            extents[axis] = max(size, extents.get(axis, 1))
    return prod(extents.values())


def deformed(node: Any, arrays: Arrays) -> int:
    """A tap of the kernel for every element of the output."""
    w = arrays[node.input[1]].shape
    return int(arrays[node.output[0]].size * prod(w[1:]))


def attention(node: Any, arrays: Arrays) -> int:
    """The scores alone: every query by every key, over all heads; the past adds to it."""
    q, k = arrays[node.input[0]].shape, arrays[node.input[1]].shape
    return prod(q) * k[-2]


TRUE_MACS: dict[str, Callable[[Any, Arrays], int]] = {
    "LSTM": recurrent, "GRU": recurrent, "RNN": recurrent, "Einsum": einsum, "DeformConv": deformed,
    "Attention": attention,
}  # fmt: skip


@pytest.fixture(scope="module")
def cases() -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # making the cases overflows on purpose
        from onnx.backend.test.case.node import collect_testcases

        return {case.name: case for case in collect_testcases(None)}


def heavy(cases: dict[str, Any]) -> dict[str, Any]:
    """The models of more than ten MACs, and those that spell one of them out in smaller operators."""
    found = {}
    for name, case in cases.items():
        [node, *_] = case.model.graph.node
        if node.op_type in TRUE_MACS:
            inputs, outputs = case.data_sets[0]
            infos = (*case.model.graph.input, *case.model.graph.output)
            arrays = dict(zip((info.name for info in infos), (*inputs, *outputs), strict=True))
            if TRUE_MACS[node.op_type](node, arrays) > 10:
                found[name] = case.model
                if f"{name}_expanded" in cases:
                    found[f"{name}_expanded"] = cases[f"{name}_expanded"].model
    return found


def in_a_function(model: Any) -> Any:
    """The same model, its nodes in a local function that is called once."""
    inputs, outputs = ([info.name for info in infos] for infos in (model.graph.input, model.graph.output))
    imports = list(model.opset_import)
    body = helper.make_function("local", "Body", inputs, outputs, list(model.graph.node), imports)
    call = helper.make_node("Body", inputs, outputs, name="call", domain="local")
    graph = helper.make_graph([call], "g", list(model.graph.input), list(model.graph.output))
    return helper.make_model(
        graph, functions=[body], opset_imports=[*imports, helper.make_opsetid("local", 1)], ir_version=10
    )


def passing(models: dict[str, Any], groupcalc: Callable[..., Any], budget: str = "macs <= 10") -> list[str]:
    """Those that a budget exits 0 for."""
    found = []
    for name, model in models.items():
        Path("case.onnx").write_bytes(onnx.ModelProto.SerializeToString(model))
        if groupcalc("check", "case.onnx", "--budget", budget).code == 0:
            found.append(name)
    return found


def test_no_node_test_of_more_than_ten_macs_keeps_to_ten(cases: dict[str, Any], groupcalc: Callable[..., Any]) -> None:
    models = heavy(cases)
    assert len(models) > 150
    assert {model.graph.node[0].op_type for model in models.values()} > TRUE_MACS.keys()
    assert passing(models, groupcalc) == []
    assert len(passing(models, groupcalc, "macs <= 1e9")) > 100  # what is refused is the figure, not the file


def test_nor_does_it_inside_a_local_function(cases: dict[str, Any], groupcalc: Callable[..., Any]) -> None:
    models = {name: in_a_function(model) for name, model in heavy(cases).items() if not name.endswith("_expanded")}
    assert len(models) > 80
    assert passing(models, groupcalc) == []


def test_a_loop_of_unknown_length_never_passes(cases: dict[str, Any], groupcalc: Callable[..., Any]) -> None:
    models = {
        name: case.model
        for name, case in cases.items()
        if any(node.op_type == "Loop" for node in case.model.graph.node)
    }
    assert len(models) >= 10
    assert passing(models, groupcalc) == []


def test_a_loop_of_unknown_length_passes_where_a_budget_allows_it(
    cases: dict[str, Any], groupcalc: Callable[..., Any]
) -> None:
    Path("case.onnx").write_bytes(cases["test_loop11"].model.SerializeToString())
    allowing = ("--budget", "uncounted <= 3")
    assert groupcalc("check", "case.onnx", "--budget", "macs <= 10", *allowing).code == 0
    assert groupcalc("check", "case.onnx", "--budget", "macs <= 10").code == 2
