"""One network costs the same however onnxruntime writes it: fused, in blocks, quantised, without a word on shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

from groupcalc.costs.cost import GraphCost
from groupcalc.costs.model import cost
from groupcalc.sources.given import Given
from groupcalc.sources.onnx.load import load_onnx

NET = """<ir_version: 9, opset_import: ["": 17]> net (float[1,16,20,20] x) => (float[1,10] y) {
    a = Conv<pads=[1, 1, 1, 1], group=4>(x, w1, b1)  r = Relu(a)  b = Conv<strides=[2, 2]>(r, w2)  s = Sigmoid(b)
    c = Conv<pads=[1, 1, 1, 1], group=32>(s, w3)  e = Add(s, c)  h = LeakyRelu(e)
    m = MaxPool<kernel_shape=[2, 2], strides=[2, 2]>(h)  p = AveragePool<kernel_shape=[2, 2]>(m)
    g = GlobalAveragePool(p)  f = Flatten(g)  l = Gemm<transB=1>(f, w4, b4)  y = Softmax(l) }"""

WEIGHTS = {"w1": (16, 4, 3, 3), "b1": (16,), "w2": (32, 16, 1, 1), "w3": (32, 1, 3, 3), "w4": (10, 32), "b4": (10,)}

GROUPED, POINTWISE, DEPTHWISE, CLASSES = 16 * 400 * 4 * 9, 32 * 100 * 16, 32 * 100 * 9, 10 * 32
MACS = GROUPED + POINTWISE + DEPTHWISE + CLASSES
DENSE_MACS = 4 * GROUPED + POINTWISE + 32 * DEPTHWISE + CLASSES
PARAMS = 16 * 4 * 9 + 16 + 32 * 16 + 32 * 9 + 10 * 32 + 10

BLOCK = """<ir_version: 9, opset_import: ["": 17]> block (float[2,6,16] x) => (float[2,6,16] y) {
    q0 = MatMul(x, wq)  q1 = Add(q0, bq)  k0 = MatMul(x, wk)  k1 = Add(k0, bk)  v0 = MatMul(x, wv)  v1 = Add(v0, bv)
    to = Constant<value_ints=[2, 6, 4, 4]>()  q2 = Reshape(q1, to)  k2 = Reshape(k1, to)  v2 = Reshape(v1, to)
    q = Transpose<perm=[0, 2, 1, 3]>(q2)  k = Transpose<perm=[0, 2, 3, 1]>(k2)  v = Transpose<perm=[0, 2, 1, 3]>(v2)
    s0 = MatMul(q, k)  two = Constant<value_float=2.0>()  s1 = Div(s0, two)  s = Softmax<axis=-1>(s1)
    o0 = MatMul(s, v)  o1 = Transpose<perm=[0, 2, 1, 3]>(o0)  back = Constant<value_ints=[2, 6, 16]>()
    o2 = Reshape(o1, back)  o3 = MatMul(o2, wo)  o4 = Add(o3, bo)  o5 = Add(o4, x)
    n = LayerNormalization<axis=-1>(o5, g1, h1)
    f0 = MatMul(n, w1)  f1 = Add(f0, b1)  root = Constant<value_float=1.4142135>()  f2 = Div(f1, root)  f3 = Erf(f2)
    one = Constant<value_float=1.0>()  f4 = Add(f3, one)  f5 = Mul(f1, f4)  half = Constant<value_float=0.5>()
    f6 = Mul(f5, half)  f7 = MatMul(f6, w2)  f8 = Add(f7, b2)  f9 = Add(f8, n)
    y = LayerNormalization<axis=-1>(f9, g2, h2) }"""

BLOCK_WEIGHTS = {
    **{f"w{name}": (16, 16) for name in "qkvo"}, **{f"b{name}": (16,) for name in "qkvo"},
    "w1": (16, 64), "b1": (64,), "w2": (64, 16), "b2": (16,), "g1": (16,), "h1": (16,), "g2": (16,), "h2": (16,),
}  # fmt: skip

# 12 tokens through four projections, 6 keys each for scores and values, and up and down.
BLOCK_MACS = 12 * (4 * 16 * 16 + 6 * (16 + 16) + 2 * 16 * 64)

LEVELS = ("ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL")


def written(text: str, weights: dict[str, tuple[int, ...]]) -> onnx.ModelProto:
    random = np.random.default_rng(0)
    model = parser.parse_model(text)
    arrays = {name: random.standard_normal(shape, dtype=np.float32) for name, shape in weights.items()}
    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in arrays.items())
    return model


def costed(path: Path) -> tuple[GraphCost, set[str]]:
    """The cost of a file without what it says of shapes, and the domains that it uses."""
    model = onnx.load(path)
    del model.graph.value_info[:]
    found = cost(load_onnx(model.SerializeToString(), Given(), "m"))
    assert found.uncounted == ()
    return found, {node.domain for node in model.graph.node}


def optimised(source: Path, level: str) -> Path:
    ort = pytest.importorskip("onnxruntime")
    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    options.optimized_model_filepath = str(source.with_suffix(".optimised.onnx"))
    options.log_severity_level = 4
    ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    return source.with_suffix(".optimised.onnx")


@pytest.fixture
def net(tmp_path: Path) -> Path:
    onnx.save(onnx.shape_inference.infer_shapes(written(NET, WEIGHTS)), tmp_path / "net.onnx")
    return tmp_path / "net.onnx"


def check(found: GraphCost) -> None:
    assert found.totals.macs == MACS
    assert found.totals.dense_macs == DENSE_MACS
    assert found.totals.params == PARAMS


def test_the_network_itself(net: Path) -> None:
    check(costed(net)[0])


@pytest.mark.parametrize("level", LEVELS)
def test_fusing_and_reordering_change_no_macs_and_no_params(net: Path, level: str) -> None:
    found, domains = costed(optimised(net, level))
    check(found)
    if level == "ORT_ENABLE_EXTENDED":
        assert "com.microsoft" in domains


@pytest.mark.parametrize("level", [None, *LEVELS])
@pytest.mark.parametrize("form", ["QOperator", "QDQ"])
def test_quantising_changes_no_macs_and_no_params(net: Path, form: str, level: str | None) -> None:
    pytest.importorskip("onnxruntime")
    quantization = pytest.importorskip("onnxruntime.quantization")

    class Samples(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.left = [{"x": np.linspace(-2, 2, 6400, dtype=np.float32).reshape(1, 16, 20, 20)}]

        def get_next(self) -> dict[str, np.ndarray] | None:
            return self.left.pop() if self.left else None

    target = net.with_name("quantised.onnx")
    quantization.quantize_static(
        net, target, Samples(), quant_format=getattr(quantization.QuantFormat, form), per_channel=True
    )
    check(costed(target if level is None else optimised(target, level))[0])


@pytest.mark.parametrize("level", LEVELS)
def test_fusing_a_block_of_attention_changes_no_macs(tmp_path: Path, level: str) -> None:
    source = tmp_path / "block.onnx"
    onnx.save(written(BLOCK, BLOCK_WEIGHTS), source)
    found, domains = costed(optimised(source, level))
    assert found.totals.macs == BLOCK_MACS
    assert ("com.microsoft" in domains) == (level != "ORT_ENABLE_BASIC")
    assert found.totals.params == sum(np.prod(shape) for shape in BLOCK_WEIGHTS.values())
