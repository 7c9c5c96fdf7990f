"""The shapes of layers are those that ONNX Runtime makes, and arithmetic on shapes leaves no layer."""

from typing import NamedTuple

import numpy as np
import onnx
import pytest

from groupcalc.sources.given import parse_given
from groupcalc.sources.onnx.load import load_onnx

F, I = np.float32, np.int64  # noqa: E741
W3 = np.ones((8, 4, 3, 3), F)


class Case(NamedTuple):
    """A model with dynamic shapes, the dimensions it is run with, and the operators that are its layers."""

    text: str
    dims: str
    ops: str
    weights: dict[str, np.ndarray] | None = None
    opset: int = 17


CASES = {
    "flatten by Shape, Gather, Concat, Reshape": Case(
        """(float[N,4,H,W] x) => (y) {
        s = Shape(x)  zero = Constant<value_int=0>()  n = Gather(s, zero)  ax = Constant<value_ints=[0]>()
        n1 = Unsqueeze(n, ax)  rest = Constant<value_ints=[-1]>()  to = Concat<axis=0>(n1, rest)
        y = Reshape(x, to) }""",
        "N=2,H=5,W=6",
        "Reshape",
    ),
    "Reshape with 0 and -1": Case(
        "(float[N,4,H,W] x) => (y) { to = Constant<value_ints=[0, 0, -1]>()  y = Reshape(x, to) }",
        "N=2,H=5,W=6",
        "Reshape",
    ),
    "Reshape where 0 is a size": Case(
        "(float[N,4,0] x) => (y) { to = Constant<value_ints=[0, 7, 3]>()  y = Reshape<allowzero=1>(x, to) }",
        "N=2",
        "Reshape",
    ),
    "Resize to the size of another tensor": Case(
        """(float[N,4,H,W] x, float[N,4,P,Q] z) => (y) {
        s = Shape(z)  a = Constant<value_ints=[2]>()  b = Constant<value_ints=[4]>()  hw = Slice(s, a, b)
        t = Shape(x)  c = Constant<value_ints=[0]>()  d = Constant<value_ints=[2]>()  nc = Slice(t, c, d)
        to = Concat<axis=0>(nc, hw)  y = Resize<mode="nearest">(x, , , to) }""",
        "N=2,H=5,W=6,P=9,Q=13",
        "Resize",
    ),
    "Resize by Cast, Mul, Floor of sizes": Case(
        """(float[N,4,H,W] x) => (y) {
        hw = Shape<start=2>(x)  f = Cast<to=1>(hw)  by = Constant<value_float=1.7>()  g = Mul(f, by)  h = Floor(g)
        i = Cast<to=7>(h)  nc = Shape<end=2>(x)  to = Concat<axis=0>(nc, i)  y = Resize<mode="nearest">(x, , , to) }""",
        "N=1,H=7,W=10",
        "Resize",
    ),
    "Resize by scales that are a quotient of sizes": Case(
        """(float[N,4,H,W] x, float[N,4,P,Q] z) => (y) {
        a = Shape<start=2>(z)  b = Shape<start=2>(x)  c = Cast<to=1>(a)  d = Cast<to=1>(b)  q = Div(c, d)
        one = Constant<value_floats=[1.0, 1.0]>()  by = Concat<axis=0>(one, q)
        y = Resize<mode="nearest">(x, , by) }""",
        "N=1,H=5,W=4,P=10,Q=12",
        "Resize",
    ),
    "Resize by scales that are weights": Case(
        '(float[N,4,H,W] x) => (y) { y = Resize<mode="nearest">(x, , by) }',
        "N=1,H=5,W=4",
        "Resize",
        {"by": np.array([1, 1, 2.5, 3], F)},
    ),
    "Upsample": Case(
        """(float[N,4,H,W] x) => (y) { by = Constant<value_floats=[1.0, 1.0, 2.0, 3.0]>()
        y = Upsample<mode="nearest">(x, by) }""",
        "N=1,H=5,W=4",
        "Upsample",
        opset=9,
    ),
    "Slice to a computed end": Case(
        """(float[N,4,H,W] x) => (y) {
        h = Shape<start=2, end=3>(x)  two = Constant<value_int=2>()  e = Div(h, two)  b = Constant<value_ints=[1]>()
        ax = Constant<value_ints=[-2]>()  y = Slice(x, b, e, ax) }""",
        "N=2,H=9,W=4",
        "Slice",
    ),
    "Slice backwards and by steps": Case(
        """(float[N,4,H,W] x) => (y) {
        b = Constant<value_ints=[-1, 100]>()  e = Constant<value_ints=[-9223372036854775807, 0]>()
        ax = Constant<value_ints=[2, 3]>()  st = Constant<value_ints=[-2, -3]>()  y = Slice(x, b, e, ax, st) }""",
        "N=1,H=9,W=8",
        "Slice",
    ),
    "Range over a size": Case(
        """(float[N,T,8] x) => (y) {
        t1 = Shape<start=1, end=2>(x)  ax = Constant<value_ints=[0]>()  t = Squeeze(t1, ax)
        z = Constant<value_int=0>()  one = Constant<value_int=1>()  r = Range(z, t, one)  f = Cast<to=1>(r)
        c = Unsqueeze(f, one1)  y = Add(x, c) }""",
        "N=2,T=5",
        "Add",
        {"one1": np.array([1], I)},
    ),
    "Range over floating-point numbers": Case(
        """(float[T] x) => (y) { s = Size(x)  t = Cast<to=1>(s)  a = Constant<value_float=0.5>()
        b = Constant<value_float=0.25>()  r = Range(a, t, b)  s1 = Shape(r)  y = Expand(x0, s1) }""",
        "T=6",
        "Range",  # too many numbers to be worth knowing; the constant that is expanded stays one
        {"x0": np.ones(1, F)},
    ),
    "ConstantOfShape of a computed shape": Case(
        """(float[N,4,H] x) => (y) { s = Shape(x)  c = ConstantOfShape<value = float[1] {2.0}>(s)  y = Mul(x, c) }""",
        "N=2,H=3",
        "ConstantOfShape Mul",
    ),
    "NonZero of a constant": Case(
        """(float[N,T,8] x) => (y) {
        t = Shape<start=1, end=2>(x)  o = ConstantOfShape<value = int64[1] {1}>(t)  nz = NonZero(o)
        i = Transpose(nz)  ax = Constant<value_ints=[1]>()  j = Squeeze(i, ax)  y = Gather<axis=1>(x, j) }""",
        "N=2,T=5",
        "Gather",
    ),
    "Expand with -1 by Where and Equal": Case(
        """(float[N,1,8] x, float[B,T,1] z) => (y) {
        nt = Shape<end=2>(z)  m = Constant<value_ints=[-1]>()  s = Concat<axis=0>(nt, m)
        mul = ConstantOfShape<value = int64[1] {-1}>(three)  one = ConstantOfShape<value = int64[1] {1}>(three)
        e = Equal(s, mul)  to = Where(e, one, s)  y = Expand(x, to) }""",
        "N=1,B=3,T=5",
        "Expand",
        {"three": np.array([3], I)},
    ),
    "Tile by a computed count": Case(
        """(float[N,4] x, float[B,4] z) => (y) {
        b = Shape<end=1>(z)  n = Shape<end=1>(x)  q = Div(b, n)  one = Constant<value_ints=[1]>()
        r = Concat<axis=0>(q, one)  y = Tile(x, r) }""",
        "N=2,B=6",
        "Tile",
    ),
    "Pad up to a multiple of the window": Case(
        """(float[N,4,H,W] x) => (y) {
        hw = Shape<start=2>(x)  seven = Constant<value_int=7>()  m = Mod(hw, seven)  d = Sub(seven, m)
        p = Mod(d, seven)  z = Constant<value_ints=[0, 0, 0, 0, 0, 0]>()  pads = Concat<axis=0>(z, p)
        y = Pad(x, pads) }""",
        "N=1,H=12,W=15",
        "Pad",
    ),
    "Pad as PyTorch turns its pairs round": Case(
        """(float[N,4,H,W] x) => (y) {
        p = Constant<value_ints=[1, 2, 3, 4]>()  k = Constant<value_ints=[4]>()
        z = ConstantOfShape<value = int64[1] {0}>(k)  c = Concat<axis=0>(p, z)  two = Constant<value_ints=[-1, 2]>()
        r = Reshape(c, two)  b = Constant<value_ints=[-1]>()  e = Constant<value_ints=[-9223372036854775807]>()
        ax = Constant<value_ints=[0]>()  s = Slice(r, b, e, ax, b)  t = Transpose<perm=[1, 0]>(s)
        pads = Reshape(t, b)  y = Pad(x, pads) }""",
        "N=1,H=5,W=6",
        "Pad",
    ),
    "Split into computed parts": Case(
        """(float[N,C,H] x) => (y) {
        c = Shape<start=1, end=2>(x)  two = Constant<value_ints=[2]>()  h = Div(c, two)  r = Sub(c, h)
        s = Concat<axis=0>(h, r)  a, b = Split<axis=1>(x, s)  y = Concat<axis=2>(a, pad1)  z = Neg(b) }""",
        "N=2,C=5,H=3",
        "Split Concat Neg",
        {"pad1": np.zeros((2, 2, 1), F)},
    ),
    "Split into equal parts, the last smaller": Case(
        "(float[N,C,H] x) => (y) { a, b, c = Split<axis=1, num_outputs=3>(x)  y = Neg(c) }",
        "N=2,C=8,H=3",
        "Split Neg",
        opset=18,
    ),
    "TopK of a computed count": Case(
        """(float[N,C] x) => (y) {
        c = Shape<start=1>(x)  k = Constant<value_ints=[3]>()  m = Min(c, k)  y, i = TopK<axis=1>(x, m) }""",
        "N=2,C=9",
        "TopK",
    ),
    "OneHot of a computed depth": Case(
        """(int64[N,T] x, float[K,4] w) => (y) {
        d = Shape<end=1>(w)  v = Constant<value_floats=[0.0, 1.0]>()  h = OneHot(x, d, v)  y = MatMul(h, w) }""",
        "N=2,T=3,K=6",
        "OneHot MatMul",
    ),
    "sizes by GatherND, ScatterND, CumSum, ReduceProd": Case(
        """(float[N,4,H,W] x) => (y) {
        s = Shape(x)  i = Constant<value = int64[2,1] {2, 3}>()  hw = GatherND(s, i)  cs = CumSum(hw, zero)
        p = ReduceProd<keepdims=1, axes=[0]>(hw)  j = Constant<value = int64[1,1] {1}>()  t = ScatterND(cs, j, p)
        u = Slice(t, one, two)  m = Constant<value_ints=[4, -1]>()  to = Concat<axis=0>(u, m)  y = Reshape(x, to) }""",
        "N=2,H=3,W=5",
        "Reshape",
        {"zero": np.array(0, I), "one": np.array([1], I), "two": np.array([2], I)},
    ),
    "pixel shuffle by hand": Case(
        """(float[N,8,H,W] x) => (y) {
        n = Shape<end=1>(x)  h = Shape<start=2, end=3>(x)  w = Shape<start=3>(x)  c = Constant<value_ints=[2]>()
        r = Constant<value_ints=[2]>()  a = Concat<axis=0>(n, c, r, r, h, w)  b = Reshape(x, a)
        t = Transpose<perm=[0, 1, 4, 2, 5, 3]>(b)  h2 = Mul(h, r)  w2 = Mul(w, r)  d = Concat<axis=0>(n, c, h2, w2)
        y = Reshape(t, d) }""",
        "N=1,H=3,W=5",
        "Reshape Transpose Reshape",
    ),
    "DepthToSpace and SpaceToDepth": Case(
        "(float[N,8,H,W] x) => (y) { a = DepthToSpace<blocksize=2>(x)  y = SpaceToDepth<blocksize=2>(a) }",
        "N=1,H=3,W=5",
        "DepthToSpace SpaceToDepth",
    ),
    "Flatten and Gemm": Case(
        "(float[N,4,H,W] x) => (y) { f = Flatten(x)  y = Gemm<transB=1>(f, w, b) }",
        "N=3,H=2,W=5",
        "Flatten Gemm",
        {"w": np.ones((7, 40), F), "b": np.ones(7, F)},
    ),
    "attention with broadcasting": Case(
        """(float[N,T,8] x) => (y) {
        q = MatMul(x, w)  k = Transpose<perm=[0, 2, 1]>(q)  s = MatMul(q, k)  p = Softmax<axis=-1>(s)
        y = MatMul(p, v) }""",
        "N=2,T=5",
        "MatMul Transpose MatMul Softmax MatMul",
        {"w": np.ones((8, 6), F), "v": np.ones((1, 5, 3), F)},
    ),
    "Einsum with an ellipsis": Case(
        '(float[N,T,4,8] x) => (y) { y = Einsum<equation="...ij,jk->...ki">(x, w) }',
        "N=2,T=5",
        "Einsum",
        {"w": np.ones((8, 6), F)},
    ),
    "squeeze and excite": Case(
        """(float[N,8,H,W] x) => (y) {
        m = ReduceMean<axes=[2, 3], keepdims=1>(x)  a = Conv(m, w)  b = Sigmoid(a)  y = Mul(x, b) }""",
        "N=2,H=3,W=5",
        "ReduceMean Conv Sigmoid Mul",
        {"w": np.ones((8, 8, 1, 1), F)},
    ),
    "poolings that round up": Case(
        """(float[N,4,H,W] x) => (y) {
        a = MaxPool<kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1>(x)
        b = MaxPool<kernel_shape=[1, 1], strides=[2, 2], ceil_mode=1>(a)
        c = AveragePool<kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1>(b)
        y = GlobalAveragePool(c) }""",
        "N=2,H=23,W=24",
        "MaxPool MaxPool AveragePool GlobalAveragePool",
    ),
    "ConvTranspose to a given shape": Case(
        "(float[N,8,H,W] x) => (y) { y = ConvTranspose<strides=[2, 2], output_shape=[11, 14]>(x, w) }",
        "N=1,H=5,W=7",
        "ConvTranspose",
        {"w": W3},
    ),
    "ConvTranspose with SAME where the kernel leaves gaps": Case(
        '(float[N,8,H,W] x) => (y) { y = ConvTranspose<strides=[5, 2], auto_pad="SAME_UPPER">(x, w) }',
        "N=1,H=5,W=7",
        "ConvTranspose",
        {"w": W3},
    ),
    "an int8 weight behind DequantizeLinear, in groups": Case(
        """(float[N,8,H,W] x) => (y) { w = DequantizeLinear<axis=0>(q, s, z)
        y = Conv<group=2, pads=[1, 1, 1, 1], strides=[2, 2]>(x, w) }""",
        "N=1,H=9,W=10",
        "Conv",
        {"q": np.ones((8, 4, 3, 3), np.int8), "s": np.ones(8, F), "z": np.zeros(8, np.int8)},
    ),
    "channel shuffle": Case(
        """(float[N,8,H,W] x) => (y) {
        s = Shape(x)  g = Constant<value_ints=[2, 4]>()  n = Slice(s, zero, one)  hw = Slice(s, two, four)
        a = Concat<axis=0>(n, g, hw)  b = Reshape(x, a)  t = Transpose<perm=[0, 2, 1, 3, 4]>(b)  y = Reshape(t, s) }""",
        "N=2,H=3,W=5",
        "Reshape Transpose Reshape",
        {"zero": np.array([0], I), "one": np.array([1], I), "two": np.array([2], I), "four": np.array([4], I)},
    ),
    "a recurrent cell over a dynamic length": Case(
        "(float[T,N,4] x) => (y) { y, h, c = LSTM<hidden_size=5>(x, w, r) }",
        "T=7,N=2",
        "LSTM",
        {"w": np.ones((1, 20, 4), F), "r": np.ones((1, 20, 5), F)},
    ),
    "Size, Div and a scalar made one-dimensional": Case(
        """(float[N,4,H] x) => (y) { s = Size(x)  four = Constant<value_int=4>()  q = Div(s, four)
        to = Unsqueeze(q, ax)  m = Concat<axis=0>(to, f4)  y = Reshape(x, m) }""",
        "N=2,H=3",
        "Reshape",
        {"ax": np.array([0], I), "f4": np.array([4], I)},
    ),
    "If by a shape": Case(
        """(float[N,4,H] x) => (y) {
        h = Shape<start=2>(x)  one = Constant<value_ints=[1]>()  e = Equal(h, one)  two = Constant<value_ints=[2]>()
        y = If(e) <then_branch = t () => (float[A,B] u) { u = Squeeze(x, two) },
        else_branch = f () => (float[A,B,C] v) { v = Neg(x) }>
        }""",
        "N=2,H=1",
        "Squeeze",
    ),
}  # fmt: skip


def runtime_shapes(model: onnx.ModelProto, dims: dict[str, int]) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor of the graph, as ONNX Runtime makes it."""
    ort = pytest.importorskip("onnxruntime")
    exposed = onnx.ModelProto()
    exposed.CopyFrom(model)
    del exposed.graph.output[:]
    names = [name for node in exposed.graph.node for name in node.output if name]
    exposed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    session = ort.InferenceSession(exposed.SerializeToString(), options, providers=["CPUExecutionProvider"])
    kinds = {"tensor(float)": np.float32, "tensor(int64)": np.int64}
    feeds = {
        each.name: np.ones([dims.get(dim, dim) for dim in each.shape], kinds[each.type])
        for each in session.get_inputs()
    }
    return {name: array.shape for name, array in zip(names, session.run(None, feeds), strict=True)}


@pytest.mark.parametrize("name", CASES)
def test_each_layer_has_the_shape_that_the_runtime_makes(name, build):
    case = CASES[name]
    model = build(case.text, case.opset, **(case.weights or {}))
    given = parse_given((), [case.dims])
    graph = load_onnx(model.SerializeToString(), given, "m")
    assert graph.unresolved == ()
    assert " ".join(layer.op for layer in graph.layers) == case.ops
    real = runtime_shapes(model, dict(given.dims))
    for layer in graph.layers:
        for tensor in layer.outputs:
            assert tensor.shape == real.get(tensor.name, tensor.shape), tensor.name
