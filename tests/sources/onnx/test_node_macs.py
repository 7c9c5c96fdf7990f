"""The MACs of onnx's node tests are those of the arrays that they run on, counted here without groupcalc.

Where it can be, arrays of ones are multiplied: each output is then the number of products that make it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx

from groupcalc.costs.rules import RULES
from groupcalc.costs.rules.movement import MOVES, VIEWS

Array = np.ndarray
Arrays = Sequence[Array | None]


def _ones(array: Array | None) -> Array:
    assert array is not None
    return np.ones(array.shape)


def _conv(weight: int) -> Callable[[Arrays, Arrays, Mapping[str, Any]], int]:
    """Each output element is multiplied out over one filter."""
    return lambda ins, outs, given: outs[0].size * ins[weight][0].size


def _conv_transpose(ins: Arrays, outs: Arrays, given: Mapping[str, Any]) -> int:
    """Each input element meets every tap of the filters of its channel."""
    return ins[0].size * ins[1][0].size


def _matmul(b: int) -> Callable[[Arrays, Arrays, Mapping[str, Any]], int]:
    return lambda ins, outs, given: int(np.matmul(_ones(ins[0]), _ones(ins[b])).sum())


def _gemm(ins: Arrays, outs: Arrays, given: Mapping[str, Any]) -> int:
    a, b = _ones(ins[0]), _ones(ins[1])
    a, b = a.T if given.get("transA") else a, b.T if given.get("transB") else b
    return int((a @ b).sum())


def _einsum(ins: Arrays, outs: Arrays, given: Mapping[str, Any]) -> int:
    """Every point of the space of all letters is one product; a single operand has none."""
    if len(ins) == 1:
        return 0
    terms = given["equation"].decode().split("->")[0]
    return int(np.einsum(f"{terms}->{'...' * ('...' in terms)}", *map(_ones, ins)).sum())


def _recurrent(ins: Arrays, outs: Arrays, given: Mapping[str, Any]) -> int:
    """Step by step: the gates of each direction over the inputs and over the state of the step before."""
    x, w, r = ins[0], ins[1], ins[2]
    if given.get("layout"):
        x = x.swapaxes(0, 1)
    macs = 0
    for step in x:
        for inputs, state in zip(w, r, strict=True):
            macs += (_ones(step) @ _ones(inputs).T).sum()
            macs += (np.ones((len(step), r.shape[2])) @ _ones(state).T).sum()
            if len(ins) > 7 and ins[7] is not None:  # peepholes of three gates
                macs += 3 * len(step) * r.shape[2]
    return int(macs)


def _heads(array: Array, heads: int) -> Array:
    """n, heads, length, width."""
    if array.ndim == 4:
        return array
    n, length, width = array.shape
    return array.reshape(n, length, heads, width // heads).swapaxes(1, 2)


def _attention(ins: Arrays, outs: Arrays, given: Mapping[str, Any]) -> int:
    q = _heads(ins[0], given.get("q_num_heads", 1))
    k, v = (_heads(each, given.get("kv_num_heads", 1)) for each in ins[1:3])
    if len(ins) > 5 and ins[4] is not None:
        k, v = np.concatenate([ins[4], k], axis=2), np.concatenate([ins[5], v], axis=2)
    k, v = (np.repeat(_ones(each), q.shape[1] // each.shape[1], axis=1) for each in (k, v))
    scores = _ones(q) @ k.swapaxes(2, 3)
    return int(scores.sum() + (np.ones_like(scores) @ v).sum())


def _linear_attention(ins: Arrays, outs: Arrays, given: Mapping[str, Any]) -> int:
    h, g = given["q_num_heads"], given["kv_num_heads"]
    k, v = _heads(ins[1], g), _heads(ins[2], g)
    n, _, t, d = k.shape
    e = v.shape[3]
    delta = b"delta" in given.get("update_rule", b"gated_delta")
    macs = 0
    for _ in range(n * t):
        macs += g * (np.outer(np.ones(d), np.ones(e)).size + delta * (np.ones((e, d)) @ np.ones(d)).sum())
        macs += h * (np.ones((e, d)) @ np.ones(d)).sum()
    return int(macs)


def _affine_grid(ins: Arrays, outs: Arrays, given: Mapping[str, Any]) -> int:
    """Each coordinate of the grid is a row of theta over a place and 1."""
    return outs[0].size * ins[0].shape[2]


COUNTS: Mapping[str, Callable[[Any, Any, Mapping[str, Any]], int]] = {
    "AffineGrid": _affine_grid,
    "Attention": _attention,
    "CausalConvWithState": _conv(1),
    "Conv": _conv(1),
    "ConvInteger": _conv(1),
    "ConvTranspose": _conv_transpose,
    "DeformConv": _conv(1),
    "Einsum": _einsum,
    "FlexAttention": _attention,
    "GRU": _recurrent,
    "Gemm": _gemm,
    "LSTM": _recurrent,
    "LinearAttention": _linear_attention,
    "MatMul": _matmul(1),
    "MatMulInteger": _matmul(1),
    "QLinearConv": _conv(3),
    "QLinearMatMul": _matmul(3),
    "RNN": _recurrent,
}
"""By op_type: inputs, outputs and attributes of a node."""


def arrays_of(case: Any) -> dict[str, Any]:
    """What the run read and wrote."""
    inputs, outputs = case.data_sets[0]
    graph = case.model.graph
    return dict(zip([each.name for each in (*graph.input, *graph.output)], (*inputs, *outputs), strict=False))


def test_the_macs_of_products_are_those_of_the_arrays(node_cases: list[Any]) -> None:
    wrong, seen = [], set()
    for case, _, found, *_ in node_cases:
        nodes = case.model.graph.node
        if len(nodes) != 1 or nodes[0].op_type not in COUNTS:
            continue
        node, arrays = nodes[0], arrays_of(case)
        inputs, outputs = ([arrays.get(name) for name in names] for names in (node.input, node.output))
        given = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        wanted = COUNTS[node.op_type](inputs, outputs, given)
        if found.totals.macs != wanted or found.uncounted:
            wrong.append((case.name, found.totals.macs, wanted, found.uncounted))
        seen.add(node.op_type)
    assert wrong == []
    known = {schema.name for schema in onnx.defs.get_all_schemas()}  # an older onnx has fewer
    assert seen == COUNTS.keys() & known


def test_an_operator_without_an_independent_count_has_no_macs(node_cases: list[Any]) -> None:
    """A rule with MACs that the test above does not know is seen here."""
    plain = [each for each in node_cases if len(each.case.model.graph.node) == 1]
    assert [
        each.case.name
        for each in plain
        if each.cost.totals.macs and each.case.model.graph.node[0].op_type not in COUNTS
    ] == []


def test_an_operator_has_the_macs_of_the_function_that_onnx_writes_it_as(node_cases: list[Any]) -> None:
    macs = {each.case.name: each.cost.totals.macs for each in node_cases if not each.cost.uncounted}
    pairs = [(name, name.removesuffix("_expanded")) for name in macs if name.endswith("_expanded")]
    both = [(short, macs[short], macs[long]) for long, short in pairs if macs.get(short)]
    assert len(both) > 100
    assert [pair for pair in both if pair[1] != pair[2]] == []


def test_what_moves_elements_and_no_more_has_no_flops() -> None:
    assert not any(op in COUNTS for op in (*VIEWS, *MOVES))
    assert COUNTS.keys() - RULES.keys() == {"FlexAttention"}  # of the domain ai.onnx.preview
