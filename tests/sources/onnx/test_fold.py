"""Arithmetic on shapes gives the values that the runtime gives, within bounds of time and memory."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from groupcalc.sources.given import Given
from groupcalc.sources.onnx.fold import EVALUATION, FOLDED, TOTAL_ELEMENTS
from groupcalc.sources.onnx.load import load_onnx
from groupcalc.sources.onnx.lower import Lowering

VALUES = {
    "a": np.array([3, -4, 5]),
    "b": np.array([2, 2, -7]),
    "m": np.array([[6, 5, 4], [1, 2, 3]]),
    "f": np.array([2.25, -0.5, 7.5], np.float32),
    "g": np.array([1.5, 4.0, 0.25], np.float32),
    "p": np.array([True, False, True]),
    "q": np.array([True, True, False]),
    "zero": np.array(0),
    "one": np.array(1),
    "seven": np.array(7),
    "i0": np.array([0]),
    "i1": np.array([1]),
    "i2": np.array([2]),
    "i02": np.array([0, 2]),
    "i32": np.array([3, 2]),
    "at": np.array([[0, 2], [1, 1]]),
    "small": np.array([3, 1, 2], np.int32),
}
"""The constants that the nodes below read."""

NODES = {
    "Abs": ["Abs(a)", "Abs(f)"],
    "Add": ["Add(a, b)", "Add(m, a)", "Add(a, one)"],
    "And": ["And(p, q)"],
    "ArgMax": ["ArgMax<axis=1>(m)", "ArgMax<axis=0, keepdims=0>(m)"],
    "ArgMin": ["ArgMin<axis=1>(m)", "ArgMin<axis=0, keepdims=0, select_last_index=1>(m)"],
    "Cast": ["Cast<to=7>(f)", "Cast<to=1>(a)", "Cast<to=9>(a)", "Cast<to=6>(a)"],
    "CastLike": ["CastLike(f, a)", "CastLike(a, small)"],
    "Ceil": ["Ceil(f)"],
    "Clip": ["Clip(a, zero, seven)", "Clip(a, , one)"],
    "Compress": ["Compress(a, p)", "Compress<axis=1>(m, q)"],
    "Concat": ["Concat<axis=0>(a, b, i1)", "Concat<axis=-1>(m, m)"],
    "ConstantOfShape": ["ConstantOfShape(i32)", "ConstantOfShape<value = int64[1] {-1}>(i32)"],
    "CumSum": ["CumSum(a, zero)", "CumSum<exclusive=1, reverse=1>(m, one)"],
    "Div": ["Div(a, b)", "Div(seven, i2)", "Div(f, g)"],
    "Equal": ["Equal(a, b)", "Equal(m, a)"],
    "Expand": ["Expand(i1, i32)", "Expand(a, i1)"],
    "Flatten": ["Flatten(m)", "Flatten<axis=0>(m)"],
    "Floor": ["Floor(f)"],
    "Gather": ["Gather(a, i02)", "Gather<axis=1>(m, one)", "Gather(a, zero)"],
    "GatherElements": ["GatherElements(a, i02)"],
    "GatherND": ["GatherND(m, at)"],
    "Greater": ["Greater(a, b)"],
    "GreaterOrEqual": ["GreaterOrEqual(a, b)"],
    "Identity": ["Identity(a)"],
    "Less": ["Less(a, b)"],
    "LessOrEqual": ["LessOrEqual(b, i2)"],
    "Max": ["Max(a, b)", "Max(a, m, one)"],
    "Mean": ["Mean(f, g)"],
    "Min": ["Min(a, b)", "Min(a, m, one)"],
    "Mod": ["Mod(a, b)", "Mod(b, i2)", "Mod<fmod=1>(a, b)"],
    "Mul": ["Mul(a, b)", "Mul(f, g)"],
    "Neg": ["Neg(a)"],
    "NonZero": ["NonZero(p)", "NonZero(m)"],
    "Not": ["Not(p)"],
    "OneHot": ["OneHot(i02, seven, i32)"],
    "Or": ["Or(p, q)"],
    "Pad": ["Pad(a, i32)", "Pad<mode=\"reflect\">(a, i02)", "Pad(a, i32, seven)"],
    "Pow": ["Pow(a, i2)", "Pow(g, i2)"],
    "Range": ["Range(zero, seven, one)", "Range(seven, one, zero)"][:1],
    "Reciprocal": ["Reciprocal(g)"],
    "ReduceMax": ["ReduceMax(a)", "ReduceMax<axes=[1], keepdims=0>(m)"],
    "ReduceMean": ["ReduceMean(f)", "ReduceMean<axes=[0]>(g)"],
    "ReduceMin": ["ReduceMin(a)", "ReduceMin<axes=[-1]>(m)"],
    "ReduceProd": ["ReduceProd(a)", "ReduceProd<axes=[0], keepdims=0>(m)"],
    "ReduceSum": ["ReduceSum(a)", "ReduceSum<keepdims=0>(m, i1)", "ReduceSum<noop_with_empty_axes=1>(a)"],
    "Reshape": ["Reshape(m, i32)"],
    "Round": ["Round(f)"],
    "ScatterElements": ["ScatterElements(a, i02, i32)"],
    "ScatterND": ["ScatterND(a, i1c, i2)"],
    "Sign": ["Sign(a)"],
    "Slice": ["Slice(a, i1, i2)", "Slice(m, i0, i2, i1)", "Slice(a, big, small64, i0, minus)"],
    "Split": ["Split(a, i12)"],
    "Sqrt": ["Sqrt(g)"],
    "Squeeze": ["Squeeze(i2)", "Squeeze(i1c, i1)"],
    "Sub": ["Sub(a, b)", "Sub(one, a)"],
    "Sum": ["Sum(f, g)"],
    "Tile": ["Tile(a, i2)", "Tile(m, i32)"],
    "TopK": ["TopK(a, i2)", "TopK<axis=0, largest=0>(m, i1)"],
    "Transpose": ["Transpose(m)", "Transpose<perm=[0]>(a)"],
    "Trilu": ["Trilu(m)", "Trilu<upper=0>(m, one)"],
    "Unsqueeze": ["Unsqueeze(a, i02)", "Unsqueeze(one, i0)"],
    "Where": ["Where(p, a, b)", "Where(q, one, m)"],
    "Xor": ["Xor(p, q)"],
}  # fmt: skip
VALUES |= {
    "i1c": np.array([[1]]),
    "i12": np.array([1, 2]),
    "big": np.array([100]),
    "small64": np.array([-(2**63) + 1]),
    "minus": np.array([-1]),
}
OUTPUTS = {"Split": "y, z", "TopK": "y, z"}
CALLS = [(op, call) for op, calls in NODES.items() for call in calls]


def test_every_operator_that_is_computed_has_a_row_here():
    assert NODES.keys() == FOLDED


def model_of(build, op, call):
    """A shape times nothing is added to what the node reads, so that its values come from shapes in every dtype."""
    names = {word.strip() for word in call[call.rindex("(") + 1 : -1].split(",") if word.strip()}
    weights = {name: VALUES[name] for name in sorted(names)}
    return build(f"(float[1] x) => (y) {{ {OUTPUTS.get(op, 'y')} = {call} }}", **weights)


@pytest.mark.parametrize(("op", "call"), CALLS, ids=[call for _, call in CALLS])
def test_a_computed_value_is_the_one_that_the_runtime_computes(op, call, build):
    ort = pytest.importorskip("onnxruntime")
    model = model_of(build, op, call)
    lowering = Lowering(model, Given())
    lowering.graph("m")
    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    del model.graph.output[:]
    names = OUTPUTS.get(op, "y").split(", ")
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    for name, real in zip(names, session.run(None, {"x": np.zeros(1, np.float32)}), strict=True):
        value = lowering.scope.values[name]
        found = numpy_helper.to_array(value.data)
        assert (found.dtype, found.shape) == (real.dtype, real.shape) == (value.tensor.dtype, value.tensor.shape)
        np.testing.assert_array_equal(found, real)


def test_equal_nodes_over_different_values_have_values_of_their_own(build):
    """They share one resolution, by operator, attributes and shapes; the values are never shared."""
    text = "(float[1] x) => (y) { u = Add(a, b)  v = Add(b, b)  w = Gather(a, i0)  y = Gather(a, i1) }"
    lowering = Lowering(build(text, **{name: VALUES[name] for name in ("a", "b", "i0", "i1")}), Given())
    lowering.graph("m")
    found = {name: numpy_helper.to_array(lowering.scope.values[name].data).tolist() for name in "uvwy"}
    assert found == {"u": [5, -2, -2], "v": [4, 4, -14], "w": [3], "y": [-4]}


def test_shape_takes_the_part_it_is_asked_for(build):
    cases = {"": [2, 3, 5], "start=1": [3, 5], "end=-1": [2, 3], "start=-2, end=2": [3], "start=9": [], "end=-9": []}
    for attributes, expected in cases.items():
        lowering = Lowering(build(f"(float[2,3,5] x) => (y) {{ y = Shape<{attributes or 'start=0'}>(x) }}"), Given())
        lowering.graph("m")
        assert numpy_helper.to_array(lowering.scope.values["y"].data).tolist() == expected


@pytest.mark.parametrize("node", ["Tile(one1, r)", "Expand(one1, r)", "ConstantOfShape(r)", "Pad(one1, rr)"])
def test_a_size_that_is_a_number_of_the_network_is_not_computed(node, read):
    """Its value is known, and with it a tensor of 8 GB: nothing tells the size before it is made."""
    graph = read(
        f"""(float[1] x) => (y) {{ h = Sqrt(w)  n = Mul(h, h)  r = Cast<to=7>(n)  rr = Concat<axis=0>(r, r)
        y = {node} }}""",
        w=np.array([1e9], np.float32),
        one1=np.array([1]),
    )
    assert [each.name for each in graph.unresolved] == ["y"]
    assert graph.unresolved[0].reason == "the shape of 'y' depends on data"


@pytest.mark.parametrize("node", [
    "n = Constant<value_int=100000000000>() z = Constant<value_int=0>() o = Constant<value_int=1>() y = Range(z, n, o)",
    "s = Constant<value_ints=[1000000, 1000000]>()  y = ConstantOfShape(s)",
    "s = Constant<value_ints=[1000000, 1000000]>()  o = Constant<value_ints=[1]>()  y = Expand(o, s)",
    "s = Constant<value_ints=[1000000000000]>()  o = Constant<value_ints=[1]>()  y = Tile(o, s)",
    "s = Constant<value_ints=[1000000000000, 0]>()  o = Constant<value_ints=[1]>()  y = Pad(o, s)",
    "y = Max(p, q, r)",
])  # fmt: skip
def test_what_is_too_large_to_be_worth_knowing_is_not_computed(node, build):
    def axis(place):
        return np.ones([4096 if axis == place else 1 for axis in range(3)], np.int64)

    lowering = Lowering(build(f"(float[1] x) => (y) {{ {node} }}", p=axis(0), q=axis(1), r=axis(2)), Given())
    lowering.graph("m")
    value = lowering.scope.values["y"]
    assert value.data is None
    assert value.tensor.size >= 4096**3


def test_a_file_made_of_arithmetic_takes_bounded_time(monkeypatch, build):
    """After so many nodes the values stay unknown; shapes that need them say so."""
    monkeypatch.setattr("groupcalc.sources.onnx.fold.TOTAL_ELEMENTS", 100 * EVALUATION)
    model = build("(float[1,4] x) => (y) { a0 = Constant<value_ints=[4]>() }")
    model.graph.node.extend(helper.make_node("Mul", [f"a{i}", "a0"], [f"a{i + 1}"]) for i in range(200))
    model.graph.node.append(helper.make_node("Reshape", ["x", "a200"], ["y"]))
    graph = load_onnx(model.SerializeToString(), Given(), "m")
    assert [each.name for each in graph.unresolved] == ["y"]
    assert TOTAL_ELEMENTS // EVALUATION < 50_000  # at 0.2 ms each


def test_an_element_type_without_arithmetic_is_not_computed(build):
    text = helper.make_tensor("s", TensorProto.STRING, [2], [b"a", b"b"])
    model = build("(float[1] x) => (y) { y = Identity(s) }")
    model.graph.initializer.append(text)
    lowering = Lowering(model, Given())
    lowering.graph("m")
    assert lowering.scope.values["y"].data is None
    assert lowering.scope.values["y"].tensor.stored[0].name == "s"
