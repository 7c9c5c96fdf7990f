"""Branches, loops, scans and functions cost what they run: counted against onnx's own evaluator."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import parser
from onnx.inliner import inline_local_functions
from onnx.reference import ReferenceEvaluator
from onnx.reference.ops.op_matmul import MatMul as PlainMatMul

from groupcalc.costs.cost import GraphCost
from groupcalc.costs.model import cost
from groupcalc.errors import GroupcalcError, InputError
from groupcalc.sources.given import parse_given
from groupcalc.sources.onnx.functions import Functions
from groupcalc.sources.onnx.load import load_onnx
from groupcalc.sources.onnx.lower import EXPANDED, REPEATED, Lowering

HEAD = '<ir_version: 10, opset_import: ["": 21, "acme": 1]> '


def weight(name: str, rows: int, columns: int) -> str:
    return f"float[{rows},{columns}] {name} = {{{', '.join(['1'] * rows * columns)}}}"


def model(text: str) -> onnx.ModelProto:
    return parser.parse_model(HEAD + text)


def costed(source: str | onnx.ModelProto, *shapes: str) -> GraphCost:
    proto = model(source) if isinstance(source, str) else source
    return cost(load_onnx(proto.SerializeToString(), parse_given(shapes, []), "m"))


def rows(found: GraphCost) -> list[tuple[str, int, int]]:
    return [(row.name, row.repeat, row.cost.macs) for row in found.layers]


def run_macs(proto: onnx.ModelProto, **arrays: Any) -> int:
    """The products of all MatMul nodes that onnx's evaluator really runs."""
    counted = 0

    class MatMul(PlainMatMul):
        def _run(self, a: Any, b: Any) -> Any:
            nonlocal counted
            (y,) = super()._run(a, b)
            counted += y.size * a.shape[-1]
            return (y,)

    ReferenceEvaluator(proto, new_ops=[MatMul]).run(None, arrays)
    return counted


X = np.zeros((2, 4), np.float32)

# --- If ---------------------------------------------------------------------------------------------------------------

BRANCHES = f"""g (float[2,4] x, bool on) => (y) <{weight("w", 4, 8)}> {{
    y = If(on) <
        then_branch = t () => (u) <{weight("k", 8, 4)}> {{ a = MatMul(x, w)  u = MatMul(a, k) }},
        else_branch = e () => (v) <{weight("l", 8, 3)}, {weight("m", 3, 4)}> {{
            b = MatMul(x, w)  c = MatMul(b, l)  v = MatMul(c, m) }}>
    z = Relu(y) }}"""


def test_the_dearer_branch_runs_and_the_params_of_both_count() -> None:
    found = costed(BRANCHES)
    # then: 2·4·8 + 2·8·4; else: 2·4·8 + 2·8·3 + 2·3·4.
    then, other = 2 * 4 * 8 + 2 * 8 * 4, 2 * 4 * 8 + 2 * 8 * 3 + 2 * 3 * 4
    assert [run_macs(model(BRANCHES), x=X, on=np.array(on)) for on in (True, False)] == [then, other]
    assert found.totals.macs == max(then, other)
    assert found.totals.params == 4 * 8 + 8 * 4 + 8 * 3 + 3 * 4
    assert found.uncounted == ()
    assert rows(found) == [
        ("y/else_branch/b", 1, 2 * 4 * 8),
        ("y/else_branch/c", 1, 2 * 8 * 3),
        ("y/else_branch/v", 1, 2 * 3 * 4),
        ("y/then_branch/a", 1, 0),
        ("y/then_branch/u", 1, 0),
        ("z", 1, 0),
    ]
    assert found.warnings == (
        "y (If): which branch runs depends on data; counted is the dearer, else_branch with 136 MACs, "
        "and not then_branch with 128 MACs",
    )


def test_a_weight_of_both_branches_stands_in_the_row_of_the_one_that_runs() -> None:
    found = {row.name: row for row in costed(BRANCHES).layers}
    assert found["y/else_branch/b"].cost.params == 4 * 8
    assert found["y/else_branch/b"].cost.weight_bytes == 4 * 4 * 8
    assert (found["y/then_branch/a"].cost.params, found["y/then_branch/a"].shared) == (0, ("y/else_branch/b",))
    idle = found["y/then_branch/u"].cost
    assert (idle.params, idle.weight_bytes, idle.input_bytes, idle.output_bytes) == (8 * 4, 0, 0, 0)


def test_a_weight_that_a_branch_hands_on_is_counted_as_it_is_copied() -> None:
    found = costed(f"""g (float[2,4] x, bool on) => (y) <{weight("k", 4, 4)}, {weight("l", 4, 4)}> {{
        w = If(on) <then_branch = t () => (k) {{ }}, else_branch = e () => (l) {{ }}>
        y = MatMul(x, w) }}""")
    assert (found.totals.params, found.totals.macs) == (2 * 4 * 4, 2 * 4 * 4)


def test_branches_of_unlike_shapes_leave_what_follows_uncounted() -> None:
    found = costed(f"""g (float[2,4] x, bool on) => (z) <{weight("w", 4, 8)}> {{
        y = If(on) <then_branch = t () => (u) {{ u = MatMul(x, w) }}, else_branch = e () => (v) {{ v = Relu(x) }}>
        z = Relu(y) }}""")
    assert found.totals.macs == 2 * 4 * 8
    assert [(node.name, node.reason) for node in found.uncounted] == [
        ("z", "no shape for 'y': it is 2×8 or 2×4, as the condition of 'y' has it")
    ]


def test_the_peak_is_that_of_the_branch_that_is_counted() -> None:
    found = costed("""g (float[10] x, bool on) => (y) { y = If(on) <
        then_branch = t () => (u) { a = Relu(x)  b = Neg(x)  c = Abs(x)  d = Add(a, b)  u = Add(c, d) },
        else_branch = e () => (v) { v = Relu(x) }> }""")
    # x, a, b and c, then a, b, c and d.
    assert found.peak_activation_bytes == 4 * 10 * 4


# --- Loop and Scan ----------------------------------------------------------------------------------------------------

STEADY = f"""g (float[2,4] x) => (y, z) <int64 n = {{5}}, bool c = {{1}}, {weight("w", 4, 4)}> {{
    y, z = Loop(n, c, x) <body = b (int64 i, bool p, float[2,4] h) => (bool q, float[2,4] g, float[2,4] o) {{
        q = Identity(p)  g = MatMul(h, w)  o = Relu(g) }}> }}"""


def test_the_body_of_a_loop_runs_once_a_trip_on_the_same_weights() -> None:
    found = costed(STEADY)
    assert found.totals.macs == run_macs(model(STEADY), x=X) == 5 * 2 * 4 * 4
    assert found.totals.params == 4 * 4
    product, relu, loop = found.layers
    assert (product.repeat, product.cost.weight_bytes) == (5, 4 * 4 * 4)
    assert product.cost.input_bytes == 5 * 4 * 2 * 4
    assert relu.cost.flops == 5 * 2 * 4
    # What is stacked, a slice a trip, is written once.
    assert (loop.op, loop.outputs, loop.cost.output_bytes) == ("Loop", ((5, 2, 4),), 4 * 5 * 2 * 4)


@pytest.mark.parametrize(
    ("body", "trips"),
    [("q = Identity(p)", 3), ("q = Not(p)", 1), ("k = Constant<value_int=0>()  q = Cast<to=9>(k)", 1)],
    ids=["goes on", "stops", "stops by a number"],
)
def test_a_loop_ends_where_its_condition_says_so(body: str, trips: int) -> None:
    text = f"""g (float[2,4] x) => (y) <int64 n = {{3}}, bool c = {{1}}, {weight("w", 4, 4)}> {{
        y = Loop(n, c, x) <body = b (int64 i, bool p, float[2,4] h) => (bool q, float[2,4] g) {{
            {body}  g = MatMul(h, w) }}> }}"""
    assert costed(text).totals.macs == run_macs(model(text), x=X) == trips * 2 * 4 * 4


def test_a_loop_that_never_runs_costs_nothing_and_keeps_its_params() -> None:
    text = STEADY.replace("n = {5}", "n = {0}")
    found = costed(text)
    assert (found.totals.macs, found.totals.params, found.uncounted) == (0, 4 * 4, ())
    assert found.layers[-1].outputs == ((0, 2, 4),)


@pytest.mark.parametrize("most", ["", "n"], ids=["without a count", "by an input"])
def test_one_trip_of_a_loop_of_unknown_length_is_counted_and_said(most: str) -> None:
    text = STEADY.replace("int64 n = {5}, ", "").replace("Loop(n,", f"Loop({most},")
    found = costed(text.replace("(float[2,4] x)", "(float[2,4] x, int64 n)") if most else text)
    assert found.totals.macs == 2 * 4 * 4
    assert [(node.name, node.op) for node in found.uncounted] == [("y", "Loop")]
    assert found.uncounted[0].reason == "how often it runs is not known; one trip is in the totals"


GROWING = f"""g (float[2,4] x) => (y) <int64 n = {{4}}, bool c = {{1}}, {weight("w", 4, 4)}> {{
    y = Loop(n, c, x) <body = b (int64 i, bool p, float[N,4] h) => (bool q, float[N,4] g) {{
        q = Identity(p)  m = MatMul(h, w)  g = Concat<axis=0>(h, m) }}> }}"""


def test_a_loop_that_carries_what_grows_is_counted_trip_by_trip() -> None:
    found = costed(GROWING)
    # 2, 4, 8 and 16 rows.
    assert found.totals.macs == run_macs(model(GROWING), x=X) == (2 + 4 + 8 + 16) * 4 * 4
    assert found.totals.params == 4 * 4
    assert [row.name for row in found.layers if row.op == "MatMul"] == ["y/0/m", "y/1/m", "y/2/m", "y/3/m"]


def test_a_loop_that_grows_for_too_many_trips_is_one_trip_and_said() -> None:
    found = costed(GROWING.replace("n = {4}", "n = {1000000}"))
    assert found.totals.macs == 2 * 4 * 4
    assert [node.reason for node in found.uncounted] == [
        "what it carries changes its shape from trip to trip; one trip is in the totals"
    ]


def test_a_loop_may_slice_by_its_trip() -> None:
    text = f"""g (float[5,2,4] x, float[2,4] s) => (y) <int64 n = {{5}}, bool c = {{1}}, {weight("w", 4, 4)}> {{
        y = Loop(n, c, s) <body = b (int64 i, bool p, float[2,4] h) => (bool q, float[2,4] g) {{
            q = Identity(p)  e = Gather(x, i)  a = Add(e, h)  g = MatMul(a, w) }}> }}"""
    found = costed(text)
    assert found.totals.macs == run_macs(model(text), x=np.ones((5, 2, 4), np.float32), s=X) == 5 * 2 * 4 * 4
    assert found.uncounted == ()


def test_sequences_that_a_loop_fills_are_joined() -> None:
    text = """g (float[2,4] x) => (y) <int64 n = {3}, bool c = {1}> {
        s = SequenceEmpty()
        t = Loop(n, c, s) <body = b (int64 i, bool p, seq(float[2,4]) h) => (bool q, seq(float[2,4]) g) {
            q = Identity(p)  r = Relu(x)  g = SequenceInsert(h, r) }>
        y = ConcatFromSequence<axis=1>(t) }"""
    found = costed(text)
    assert found.uncounted == ()
    assert found.layers[-1].outputs == ((2, 3 * 4),)


SCAN = f"""g (float[2,4] s, float[7,2,4] x, float[3,7,2] t) => (y, z, v) <{weight("w", 4, 4)}> {{
    y, z, v = Scan<num_scan_inputs=2, scan_input_axes=[0, 1], scan_output_axes=[0, -1],
        body = b (float[2,4] h, float[2,4] e, float[3,2] f) => (float[2,4] g, float[2,4] o, float[3,4] p) {{
            a = Add(h, e)  g = MatMul(a, w)  o = Relu(g)  p = MatMul(f, a) }}>(s, x, t) }}"""


def test_a_scan_runs_once_a_slice() -> None:
    found = costed(SCAN)
    arrays = {"s": X, "x": np.ones((7, 2, 4), np.float32), "t": np.ones((3, 7, 2), np.float32)}
    assert found.totals.macs == 7 * (2 * 4 * 4 + 3 * 4 * 2)
    assert found.layers[-1].outputs == ((7, 2, 4), (3, 4, 7))
    text = SCAN.replace("scan_output_axes=[0, -1]", "scan_output_axes=[0, 0]").replace("[0, 1]", "[0, 0]")
    arrays["t"] = np.ones((7, 3, 2), np.float32)
    text = text.replace("float[3,7,2] t", "float[7,3,2] t")  # all that onnx's evaluator can
    assert costed(text).totals.macs == run_macs(model(text), **arrays)


def test_an_old_scan_does_so_for_every_item_of_a_batch() -> None:
    text = f"""g (float[6,2,4] s, float[6,7,2,4] x) => (y, z) <{weight("w", 4, 4)}> {{
        y, z = Scan<num_scan_inputs=1, body = b (float[2,4] h, float[2,4] e) => (float[2,4] g, float[2,4] o) {{
            a = Add(h, e)  g = MatMul(a, w)  o = Relu(g) }}>(, s, x) }}"""
    proto = model(text)
    proto.opset_import[0].version = 8
    found = costed(proto)
    assert found.totals.macs == 6 * 7 * 2 * 4 * 4
    assert found.layers[-1].outputs == ((6, 7, 2, 4),)


def test_a_scan_over_unlike_lengths_is_refused() -> None:
    with pytest.raises(InputError, match="scans inputs of different lengths: 7×2×4, 3×7×2"):
        costed(SCAN.replace("scan_input_axes=[0, 1], ", ""))


def test_a_sequence_is_mapped_tensor_by_tensor() -> None:
    found = costed(f"""g (float[5,4] x) => (y) <{weight("w", 4, 4)}, int64[2] k = {{2, 3}}> {{
        s = SplitToSequence(x, k)
        t = SequenceMap(s) <body = b (float[N,4] e) => (float[N,4] f) {{ f = MatMul(e, w) }}>
        y = ConcatFromSequence<axis=0>(t) }}""")
    assert (found.totals.macs, found.totals.params, found.uncounted) == ((2 + 3) * 4 * 4, 4 * 4, ())
    assert found.layers[-1].outputs == ((5, 4),)


# --- functions --------------------------------------------------------------------------------------------------------


def function(name: str, signature: str, body: str, attributes: str = "") -> str:
    return f'\n<domain: "acme", opset_import: ["": 21, "acme": 1]> {name} {attributes}{signature} {{ {body} }}'


DOUBLING = "<" + weight("w", 4, 4) + "> {{ y = acme.f{} (x, w) }}" + function("f0", "(a, b) => (c)", "c = MatMul(a, b)")


def doubling(levels: int) -> str:
    """A function that calls another twice, which calls another twice, …: 2^levels products."""
    text = "g (float[2,4] x) => (y) " + DOUBLING.replace("{{", "{").replace("}}", "}").replace("f{}", f"f{levels}")
    for level in range(1, levels + 1):
        inner = f"acme.f{level - 1}"
        text += function(f"f{level}", "(a, b) => (c)", f"d = {inner} (a, b)  c = {inner} (d, b)")
    return text


def test_a_call_stands_for_the_nodes_of_its_function() -> None:
    proto = model(doubling(3))
    found, plain = costed(proto), costed(inline_local_functions(proto))
    assert found.totals == plain.totals
    assert found.peak_activation_bytes == plain.peak_activation_bytes
    assert found.totals.macs == run_macs(inline_local_functions(proto), x=X) == 2**3 * 2 * 4 * 4
    assert found.totals.params == 4 * 4
    assert [row.name for row in found.layers][:2] == ["y/d/d/d/c", "y/d/d/c/c"]


def test_calls_beyond_number_are_one_row_and_exact() -> None:
    found = costed(doubling(40))
    (row,) = found.layers
    assert (row.name, row.op, row.outputs) == ("y", "acme::f40", ((2, 4),))
    assert found.totals.macs == 2**40 * 2 * 4 * 4
    assert (found.totals.params, found.totals.weight_bytes) == (4 * 4, 4 * 4 * 4)
    assert found.totals.input_bytes == 2**40 * 4 * 2 * 4
    assert found.uncounted == ()


@pytest.mark.parametrize("levels", [1, 5])
def test_a_row_of_calls_has_the_figures_of_the_nodes(levels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = costed(doubling(levels)).totals
    monkeypatch.setattr(Functions, "expanded", lambda functions, nodes: EXPANDED + 1)
    assert len(costed(doubling(levels)).layers) == 1
    assert costed(doubling(levels)).totals == whole


def test_what_a_function_leaves_uncounted_is_said_once_for_all_calls() -> None:
    text = doubling(40).replace("c = MatMul(a, b)", "m = acme.Foo(a)  c = MatMul(a, b)")
    assert [(node.op, node.reason) for node in costed(text).uncounted] == [
        ("acme::Foo", "no rule, and no shape for 'm'")
    ]


def test_a_function_takes_the_attributes_of_its_call_or_its_own() -> None:
    body = "c = Concat<axis: int = @axis>(a, a)  d = Transpose<perm: ints = @perm>(c)"
    text = (
        "g (float[2,4] x) => (y, z) { y = acme.f<axis=0>(x)  z = acme.f<axis=1, perm=[0, 1]>(x) }"
        + function("f", "(a) => (d)", body, "<axis, perm: ints = [1, 0]>")
    )  # fmt: skip
    assert [row.outputs for row in costed(text).layers if row.op == "Transpose"] == [((4, 4),), ((2, 8),)]


def test_an_attribute_that_nobody_gives_is_left_out() -> None:
    text = "g (float[2,4] x) => (y) { y = acme.f(x) }" + function(
        "f", "(a) => (d)", "d = Transpose<perm: ints = @perm>(a)", "<perm>"
    )
    assert costed(text).layers[-1].outputs == ((4, 2),)


def test_an_input_that_a_call_leaves_out_is_left_out_inside() -> None:
    body = "d = Gemm(a, b, c)"
    text = f"g (float[2,4] x) => (y, z) <{weight('w', 4, 3)}, {weight('k', 1, 3)}>" + (
        "{ y = acme.f(x, w, k)  z = acme.f(x, w) }" + function("f", "(a, b, c) => (d)", body)
    )
    biased, plain = costed(text).layers
    assert biased.cost.flops == plain.cost.flops + 2 * 3
    assert costed(text).uncounted == ()


def test_a_function_goes_before_an_operator_of_its_name_and_has_operator_sets_of_its_own() -> None:
    # Softmax-12 flattens, and Softmax-13 does not; ReduceSum-12 has its axes as an attribute.
    text = f"g (float[2,4] x) => (y) <{weight('w', 4, 4)}> {{ y = Relu(x, w) }}" + (
        '\n<domain: "", opset_import: ["": 12]> Relu (a, b) => (c) { d = MatMul(a, b)  c = ReduceSum<axes=[1]>(d) }'
    )
    found = costed(text)
    assert [(row.op, row.outputs) for row in found.layers] == [("MatMul", ((2, 4),)), ("ReduceSum", ((2, 1),))]


def test_a_constant_of_a_function_is_one_tensor_however_often_it_is_called() -> None:
    body = "w = Constant<value = float[4,4] {" + ", ".join(["1"] * 16) + "}>()  c = MatMul(a, w)"
    text = "g (float[2,4] x) => (y) { h = acme.f(x)  y = acme.f(h) }" + function("f", "(a) => (c)", body)
    found = costed(text)
    assert (found.totals.macs, found.totals.params) == (2 * 2 * 4 * 4, 4 * 4)
    assert found.layers[1].shared == ("h/c",)


def test_two_nodes_of_one_name_do_not_share_what_is_inside() -> None:
    text = f"""g (float[2,4] x, bool on) => (z) {{
        [twin] y = If(on) <then_branch = t () => (u) <{weight("w", 4, 4)}> {{ u = MatMul(x, w) }},
                           else_branch = e () => (v) {{ v = Relu(x) }}>
        [twin] z = If(on) <then_branch = t () => (u) <{weight("w", 4, 4)}> {{ u = MatMul(y, w) }},
                           else_branch = e () => (v) {{ v = Relu(y) }}> }}"""
    found = costed(text)
    assert (found.totals.params, found.totals.macs) == (2 * 4 * 4, 2 * 2 * 4 * 4)


@pytest.mark.parametrize(
    ("functions", "fact"),
    [
        (function("f", "(a) => (c)", "c = acme.f(a)"), "function 'f' calls itself"),
        (
            function("f", "(a) => (c)", "c = acme.h(a)") + function("h", "(a) => (c)", "c = acme.f(a)"),
            "calls itself",
        ),
        (function("f", "(a) => (c)", "c = Relu(a)") * 2, "two functions are named 'f'"),
        (function("f", "() => (c)", "c = Constant<value_int=1>()"), "takes 0 inputs and has 1 outputs"),
        (
            "".join(function(f"f{n}", "(a) => (c)", f"c = acme.f{n + 1}(a)") for n in range(150)),
            "call one another more than 100 deep",
        ),
    ],
    ids=["recursion", "recursion of two", "twins", "too many inputs", "too deep"],
)
def test_functions_that_cannot_be_called_are_refused(functions: str, fact: str) -> None:
    with pytest.raises(InputError, match=fact):
        costed("g (float[2,4] x) => (y) { y = acme.f(x) }" + functions)


def test_loops_within_loops_are_read_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    # Loops that carry what grows, within each other: each is read trip by trip, and that within every trip.
    body = "g = Concat<axis=0>(h, h)"
    for level in range(12):
        body = f"""g{level} = Loop(n, c, h) <body = b{level} (int64 i{level}, bool p{level}, float[N] h)
            => (bool q{level}, float[N] g) {{ q{level} = Identity(p{level})  {body} }}>  g = Identity(g{level})"""
    read = []
    lower = Lowering._lower
    monkeypatch.setattr(
        Lowering, "_lower", lambda self, node, scope: read.append(node.op_type) or lower(self, node, scope)
    )
    with pytest.raises(InputError, match=f"come to more than {REPEATED} nodes in loops"):
        costed(f"g (float[1] h) => (g) <int64 n = {{2}}, bool c = {{1}}> {{ {body} }}")
    assert len(read) <= 2 + REPEATED


# --- all of it, at random ---------------------------------------------------------------------------------------------

STEPS = st.recursive(
    st.sampled_from(["product", "f0", "f1", "relu"]).map(lambda name: [name]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: [step for part in parts for step in part]),
        st.tuples(st.just("if"), st.sampled_from(["on", "off", "unknown"]), inner, inner).map(lambda step: [step]),
        st.tuples(st.just("loop"), st.integers(0, 3), inner).map(lambda step: [step]),
        st.tuples(st.just("scan"), inner).map(lambda step: [step]),
    ),
    max_leaves=8,
)


class Program:
    """A program over one tensor of 2×4 as the text of a model; conditions that are not known are inputs."""

    def __init__(self, steps: Any) -> None:
        self.names = 0
        self.unknown: list[str] = []
        nodes, last = self.nodes(steps, "x")
        inputs = "".join(f", bool {name}" for name in self.unknown)
        constants = f"bool on = {{1}}, bool off = {{0}}, {weight('w', 4, 4)}, " + ", ".join(
            f"int64 n{count} = {{{count}}}" for count in range(4)
        )
        self.text = f"g (float[2,4] x, float[3,2,4] s{inputs}) => (y) <{constants}> {{ {nodes} y = Identity({last}) }}"
        self.text += function("f0", "(a, b) => (c)", "d = MatMul(a, b)  c = Relu(d)")
        self.text += function("f1", "(a, b) => (c)", "d = acme.f0(a, b)  e = MatMul(d, b)  c = acme.f0(e, b)")

    def name(self) -> str:
        self.names += 1
        return f"v{self.names}"

    def nodes(self, steps: Any, x: str) -> tuple[str, str]:
        text = ""
        for step in steps:
            node, x = self.node(step, x)
            text += node + "  "
        return text, x

    def node(self, step: Any, x: str) -> tuple[str, str]:
        y = self.name()
        if step == "product":
            return f"{y} = MatMul({x}, w)", y
        if step == "relu":
            return f"{y} = Relu({x})", y
        if isinstance(step, str):
            return f"{y} = acme.{step}({x}, w)", y
        kind, *rest = step
        if kind == "if":
            condition, *branches = rest
            if condition == "unknown":
                condition = self.name()
                self.unknown.append(condition)
            (then, u), (other, v) = (self.body(branch, x) for branch in branches)
            return (
                f"""{y} = If({condition}) <then_branch = t{y} () => (float[2,4] {u}) {{ {then} }},
                else_branch = e{y} () => (float[2,4] {v}) {{ {other} }}>""",
                y,
            )
        h, e, i, p, q = (self.name() for _ in range(5))
        if kind == "loop":
            count, inner = rest
            body, g = self.body(inner, h)
            return (
                f"""{y} = Loop(n{count}, on, {x}) <body = b{y} (int64 {i}, bool {p}, float[2,4] {h})
                => (bool {q}, float[2,4] {g}) {{ {q} = Identity({p})  {body} }}>""",
                y,
            )
        body, g = self.body(rest[0], h)
        return (
            f"""{y} = Scan<num_scan_inputs=1, body = b{y} (float[2,4] {h}, float[2,4] {e}) => (float[2,4] {g})
            {{ {body} }}>({x}, s)""",
            y,
        )

    def body(self, steps: Any, x: str) -> tuple[str, str]:
        """A body whose last name is its own, as onnx wants it."""
        nodes, last = self.nodes(steps, x)
        out = self.name()
        return f"{nodes} {out} = Identity({last})", out


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_programs_cost_what_they_run(steps: Any) -> None:
    program = Program(steps)
    if len(program.unknown) > 4:
        return
    proto = model(program.text)
    plain = inline_local_functions(proto)
    arrays = {"x": X, "s": np.zeros((3, 2, 4), np.float32)}
    # Every unknown condition has one If of its own, so that the dearest run takes the dearer branch of each.
    choices = [
        dict(zip(program.unknown, map(bool, bits), strict=True)) for bits in np.ndindex((2,) * len(program.unknown))
    ]
    dearest = max(run_macs(plain, **arrays, **{n: np.array(v) for n, v in choice.items()}) for choice in choices)
    found = costed(proto)
    assert found.uncounted == ()
    assert found.totals.macs == dearest


def test_an_error_inside_a_body_names_the_tensor_as_the_file_does() -> None:
    with pytest.raises(GroupcalcError, match=r"tensor 'y/\d+/y' has 2\^63 elements or more"):
        costed("""g (float[2,4] x) => (y) <int64 k = {100}, bool t = {1}> {
            y = Loop(k, t, x) <body = b (int64 i, bool c, float[N,4] a) => (bool c2, float[M,4] y) {
                c2 = Identity(c)
                y = Concat<axis=0>(a, a) }> }""")
