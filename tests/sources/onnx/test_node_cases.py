"""onnx's own node tests: each is read, its shapes are those of the run, and what is not counted is on a list."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import onnx
import pytest

from groupcalc.graph import MISFIT

UNCOUNTED = Path(__file__).parents[2] / "data" / "uncounted_node_cases.txt"
"""What is not counted, a case a line: case, operators, the first reason. It may only shrink."""


def test_every_node_case_is_read_with_the_shapes_of_the_run_and_fits_its_rule(node_cases: list[Any]) -> None:
    assert len(node_cases) > 1500
    wrong = []
    for case, graph, found, _, real in node_cases:
        made = {tensor.name: tensor.shape for layer in graph.layers for tensor in layer.outputs}
        wrong += [(case.name, name) for name in real.keys() & made.keys() if real[name] != made[name]]
        wrong += [(case.name, node.name) for node in found.uncounted if node.reason == MISFIT]
    assert wrong == []


def uncounted_line(each: Any) -> str:
    counts = Counter(node.op for node in each.cost.uncounted)
    ops = ", ".join(f"{op} ×{count}" for op, count in counts.items())
    return f"{each.case.name}\t{ops}\t{each.cost.uncounted[0].reason}"


def test_what_is_not_counted_is_on_the_list_and_all_on_the_list_is_not_counted(node_cases: list[Any]) -> None:
    found = {each.case.name: uncounted_line(each) for each in node_cases if each.cost.uncounted}
    listed = {line.split("\t")[0]: line for line in UNCOUNTED.read_text(encoding="utf-8").splitlines()}
    known = {each.case.name for each in node_cases}  # another onnx has other cases
    assert sorted(found.values()) == sorted(line for name, line in listed.items() if name in known)


def answer(each: Any) -> str:
    if each.cost.uncounted:
        return "uncounted"
    if each.cost.totals.macs:
        return "MACs"
    return "other FLOPs" if each.cost.totals.flops else "no arithmetic"


def test_every_answer_is_listed(node_cases: list[Any], summarise: Any, request: pytest.FixtureRequest) -> None:
    """The list is printed below the tests; with -v, by operator."""
    by_answer: dict[str, Counter[str]] = {}
    for each in node_cases:
        first = each.case.model.graph.node[0].op_type
        name = "(functions of ONNX, expanded)" if each.case.name.endswith("_expanded") else first
        by_answer.setdefault(answer(each), Counter())[name] += 1
    lines = [f"{len(node_cases)} node cases of onnx {onnx.__version__}:"]
    for name, ops in sorted(by_answer.items()):
        lines.append(f"  {name}: {ops.total()} cases")
        if request.config.get_verbosity() > 0:
            lines.append("    " + ", ".join(f"{op} {count}" for op, count in sorted(ops.items())))
    summarise(lines)
    assert by_answer.keys() == {"uncounted", "MACs", "other FLOPs", "no arithmetic"}
