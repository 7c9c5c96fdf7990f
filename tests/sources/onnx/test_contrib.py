"""onnxruntime's own operators: shapes and dtypes are those that it makes, MACs those of the arrays it ran on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from groupcalc.costs.model import cost
from groupcalc.graph import Tensor
from groupcalc.sources.given import Given
from groupcalc.sources.onnx.contrib import SHAPES, known_shapes
from groupcalc.sources.onnx.infer import Inferred
from groupcalc.sources.onnx.load import load_onnx
from groupcalc.whatif import whatif

MS = "com.microsoft"
F, I8, U8, I32, I64 = np.float32, np.int8, np.uint8, np.int32, np.int64
RANDOM = np.random.default_rng(0)


def f(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape, dtype=F)


def u8(*shape: int) -> np.ndarray:
    return RANDOM.integers(0, 9, shape, dtype=U8)


def i8(*shape: int) -> np.ndarray:
    return RANDOM.integers(-9, 9, shape, dtype=I8)


S, Z, ZI = np.array(0.5, F), np.array(3, U8), np.array(0, I8)
"""A scale, and zero points of either dtype."""


class Case(NamedTuple):
    """A node, and its MACs from the arrays: written as products."""

    op: str
    inputs: tuple[np.ndarray | None, ...]
    macs: int = 0
    attributes: dict[str, Any] = {}  # noqa: RUF012 - a NamedTuple's default, never written to
    outputs: int = 1
    domain: str = MS


CONV = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2]}

CASES = [
    # Each output element is c/g · 9 products: 6 channels of 4×3 places, 8 inputs in two groups.
    Case("FusedConv", (f(1, 8, 7, 5), f(6, 4, 3, 3), f(6)), 6 * 12 * 4 * 9, {**CONV, "group": 2, "activation": "Relu"}),
    Case("FusedConv", (f(1, 8, 7, 5), f(6, 8, 3, 3), f(6), f(1, 6, 4, 3)), 6 * 12 * 8 * 9, CONV),
    Case("NhwcFusedConv", (f(1, 7, 5, 8).astype(np.float16), f(6, 4, 3, 3).astype(np.float16)), 6 * 12 * 4 * 9,
         {**CONV, "group": 2}),
    Case(
        "QLinearConv",
        (u8(1, 7, 5, 8), S, Z, i8(6, 4, 3, 3), S, ZI, S, Z, np.zeros(6, I32)),
        6 * 12 * 4 * 9,
        {**CONV, "group": 2, "channels_last": 1},
    ),
    Case("QLinearConv", (u8(1, 8, 7, 5), S, Z, i8(6, 8, 3, 3), S, ZI, S, Z), 6 * 12 * 8 * 9, CONV),
    Case("NhwcMaxPool", (u8(1, 7, 5, 8),), 0, CONV),
    Case("QLinearAveragePool", (u8(1, 8, 7, 5), S, Z, S, Z), 0, CONV),
    Case("QLinearAveragePool", (u8(1, 7, 5, 8), S, Z, S, Z), 0, {**CONV, "channels_last": 1}),
    Case("QLinearGlobalAveragePool", (u8(2, 8, 7, 5), S, Z, S, Z)),
    Case("QLinearGlobalAveragePool", (u8(2, 7, 5, 8), S, Z, S, Z), 0, {"channels_last": 1}),
    # Each output element is an inner product over k = 5.
    Case("FusedMatMul", (f(2, 3, 5), f(2, 5, 7)), 2 * 3 * 7 * 5, {"alpha": 0.5}),
    Case("FusedMatMul", (f(2, 5, 3), f(7, 5)), 2 * 3 * 7 * 5, {"transA": 1, "transB": 1}),
    Case("FusedMatMul", (f(3, 2, 5), f(2, 5, 7)), 2 * 3 * 7 * 5, {"transBatchA": 1}),
    Case("FusedMatMul", (f(5, 2, 3), f(7, 2, 5)), 2 * 3 * 7 * 5,
         {"transBatchA": 1, "transA": 1, "transBatchB": 1, "transB": 1}),
    Case("TransposeMatMul", (f(4, 5, 3), f(4, 5, 7)), 4 * 3 * 7 * 5, {"transA": 1}),
    Case("FusedGemm", (f(3, 5), f(7, 5), f(7)), 3 * 7 * 5, {"transB": 1, "activation": "Relu"}),
    Case("QGemm", (u8(3, 5), S, Z, i8(7, 5), S, ZI, np.zeros(7, I32), S, Z), 3 * 7 * 5, {"transB": 1}),
    Case("QGemm", (u8(3, 5), S, Z, i8(5, 7), S, ZI), 3 * 7 * 5),
    Case("MatMulNBits", (f(2, 3, 64), u8(7, 2, 16), f(14), u8(7)), 2 * 3 * 7 * 64,
         {"K": 64, "N": 7, "bits": 4, "block_size": 32}),
    Case("MatMulBnb4", (f(2, 3, 64), u8(224), f(7)), 2 * 3 * 7 * 64,
         {"K": 64, "N": 7, "quant_type": 1, "block_size": 64}),
    Case("MatMulInteger16", (i8(3, 5).astype(np.int16), i8(5, 7).astype(np.int16)), 3 * 7 * 5),
    Case("DynamicQuantizeMatMul", (f(2, 3, 5), i8(5, 7), f(1), i8(1), f(7)), 2 * 3 * 7 * 5),
    Case("MatMulIntegerToFloat", (u8(2, 3, 5), i8(5, 7), S, S, Z, ZI, f(7)), 2 * 3 * 7 * 5),
    # 3 queries of 8 columns project to 24, then meet the 3 keys: 8 products for a score, 8 for what it weighs.
    Case("Attention", (f(2, 3, 8), f(8, 24), f(24)), 2 * 3 * (8 * 24) + 2 * 3 * 3 * (8 + 8), {"num_heads": 2}),
    # With 4 past keys; and values half as wide.
    Case("Attention", (f(2, 3, 8), f(8, 24), f(24), None, f(2, 2, 2, 4, 4)), 2 * 3 * (8 * 24) + 2 * 3 * 7 * (8 + 8),
         {"num_heads": 2, "unidirectional": 1}, 2),
    Case("Attention", (f(2, 3, 8), f(8, 20), f(20)), 2 * 3 * (8 * 20) + 2 * 3 * 3 * (8 + 4),
         {"num_heads": 2, "qkv_hidden_sizes": [8, 8, 4]}),
    Case("QAttention", (u8(2, 3, 8), i8(8, 24), f(24), S, S, None, Z, ZI), 2 * 3 * (8 * 24) + 2 * 3 * 3 * (8 + 8),
         {"num_heads": 2}),
    Case("MultiHeadAttention", (f(2, 3, 8), f(2, 5, 8), f(2, 5, 12)), 2 * 3 * 5 * (8 + 12), {"num_heads": 2}),
    Case("MultiHeadAttention", (f(2, 3, 8), f(2, 5, 8), f(2, 5, 8), f(24)), 2 * 3 * 5 * (8 + 8), {"num_heads": 2}),
    Case("MultiHeadAttention", (f(2, 3, 8), f(2, 3, 8), f(2, 3, 8), None, None, None, f(2, 2, 4, 4), f(2, 2, 4, 4)),
         2 * 3 * 7 * (8 + 8), {"num_heads": 2}, 3),
    Case("MultiHeadAttention", (f(2, 3, 8), f(2, 2, 5, 4), f(2, 2, 5, 4)), 2 * 3 * 5 * (8 + 8), {"num_heads": 2}),
    # 4 heads of queries and 2 of keys and values, 8 wide; 6 past keys and 1 new one.
    Case("GroupQueryAttention",
         (f(2, 1, 32), f(2, 1, 16), f(2, 1, 16), f(2, 2, 6, 8), f(2, 2, 6, 8), np.full(2, 6, I32), np.array(7, I32)),
         2 * 1 * 7 * (32 + 32), {"num_heads": 4, "kv_num_heads": 2}, 3),
    Case("GroupQueryAttention",
         (f(2, 5, 64), None, None, None, None, np.full(2, 4, I32), np.array(5, I32)),
         2 * 5 * 5 * (32 + 32), {"num_heads": 4, "kv_num_heads": 2}, 3),
    # 7 steps of a batch of 2: 4 gates of 3 units over 5 inputs and 3 of its own.
    Case("DynamicQuantizeLSTM",
         (f(7, 2, 5), i8(1, 5, 12), i8(1, 3, 12), f(1, 24), None, None, None, None, f(1), i8(1), f(1), i8(1)),
         7 * 2 * 12 * (5 + 3), {"hidden_size": 3}, 3),
    # 6 tokens through 2 of 4 experts: 8 columns to 16 and back.
    Case("MoE", (f(6, 8), f(6, 4), f(4, 16, 8), None, f(4, 8, 16)), 6 * 2 * (8 * 16 + 16 * 8),
         {"k": 2, "activation_type": "relu"}),
    Case("SkipLayerNormalization", (f(2, 3, 8), f(2, 3, 8), f(8), f(8), f(8)), outputs=1),
    Case("SkipSimplifiedLayerNormalization", (f(2, 3, 8), f(2, 3, 8), f(8))),
    Case("EmbedLayerNormalization",
         (np.ones((2, 3), I32), np.zeros((2, 3), I32), f(9, 8), f(5, 8), f(2, 8), f(8), f(8)), outputs=2),
    Case("SimplifiedLayerNormalization", (f(2, 3, 8), f(8)), 0, {"axis": -1}, 1, ""),
    Case("BiasGelu", (f(2, 3, 8), f(8))),
    Case("FastGelu", (f(2, 3, 8), f(8))),
    Case("Gelu", (f(2, 3, 8),)),
    Case("QuickGelu", (f(2, 3, 8),)),
    Case("RotaryEmbedding", (f(2, 3, 8), np.array([0], I64), f(9, 2), f(9, 2)), 0,
         {"num_heads": 2, "rotary_embedding_dim": 4}),
    Case("QLinearAdd", (u8(2, 3, 8), S, Z, u8(3, 1), S, Z, S, Z)),
    Case("QLinearMul", (u8(2, 3, 8), S, Z, u8(8), S, Z, S, Z)),
    Case("QLinearSigmoid", (u8(2, 3, 8), S, Z, S, Z)),
    Case("QLinearLeakyRelu", (u8(2, 3, 8), S, Z, S, Z), 0, {"alpha": 0.1}),
    Case("QLinearSoftmax", (u8(2, 3, 8), S, Z, S, Z), 0, {"axis": -1, "opset": 13}),
    Case("QLinearReduceMean", (u8(2, 3, 8), S, Z, S, Z), 0, {"axes": [1], "keepdims": 0}),
    Case("QLinearConcat", (S, Z, u8(2, 3, 8), S, Z, u8(2, 5, 8), S, Z), 0, {"axis": 1}),
    Case("QLinearWhere", (np.ones((2, 1, 8), bool), u8(2, 3, 8), S, Z, u8(3, 1), S, Z, S, Z)),
    Case("QuantizeLinear", (f(2, 3, 8), S, Z)),
    Case("DequantizeLinear", (u8(2, 3, 8), S, Z)),
    Case("GatherND", (f(4, 5, 6), np.zeros((2, 3, 2), I64))),
    Case("GridSample", (f(1, 2, 4, 4), f(1, 3, 5, 2))),
    # 3 steps of a state of 4×5 in 2 heads, written once and read for each of 6 heads of queries.
    Case("LinearAttention", (f(1, 3, 24), f(1, 3, 8), f(1, 3, 10)), 3 * 4 * 5 * (2 + 6),
         {"q_num_heads": 6, "kv_num_heads": 2, "update_rule": "linear"}, 2),
    Case("GatherBlockQuantized", (u8(9, 32), np.zeros((2, 3), I64), f(9, 2)), 0,
         {"bits": 4, "block_size": 32, "quantize_axis": 1, "gather_axis": 0}),
]  # fmt: skip


def model_of(case: Case) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """One node; what is not quantised and no argument comes from outside, and no shape but the inputs' is in it."""
    names = [f"i{place}" if array is not None else "" for place, array in enumerate(case.inputs)]
    made = [f"y{place}" for place in range(case.outputs)]
    node = helper.make_node(case.op, names, made, name="n", domain=case.domain, **case.attributes)
    feeds = {name: array for name, array in zip(names, case.inputs, strict=True) if array is not None}
    inside = {
        name for name, array in feeds.items() if array.ndim < 2 or (name == "i1" and case.op.startswith("MatMul"))
    }
    graph = helper.make_graph(
        [node],
        "g",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array in feeds.items()
            if name not in inside
        ],
        [onnx.ValueInfoProto(name=name) for name in made],
        [onnx.numpy_helper.from_array(feeds[name], name) for name in sorted(inside)],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(MS, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return model, {name: array for name, array in feeds.items() if name not in inside}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.op)
def test_the_runtime_makes_the_shapes_that_the_table_says(case: Case) -> None:
    ort = pytest.importorskip("onnxruntime")
    model, feeds = model_of(case)
    graph = load_onnx(model.SerializeToString(), Given(), "m")
    found = cost(graph)
    assert found.uncounted == ()
    assert found.totals.macs == case.macs
    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        if "NOT_IMPLEMENTED" not in str(error):
            raise
        pytest.skip("not in this build of onnxruntime")
    real = [array for array in session.run(None, feeds) if array is not None]
    made = [(tensor.shape, tensor.dtype) for layer in graph.layers for tensor in layer.outputs]
    assert made == [(array.shape, array.dtype.name) for array in real]


def test_a_packed_weight_counts_the_elements_that_it_stands_for() -> None:
    case = next(case for case in CASES if case.op == "MatMulNBits")
    found = cost(load_onnx(model_of(case)[0].SerializeToString(), Given(), "m"))
    assert found.totals.params == 7 * 64  # n · k, four bits each
    assert found.totals.weight_bytes == 7 * 32 + 14 * 4 + 7  # and a scale and a zero point a block of 32


def test_a_packed_table_does_so_too() -> None:
    case = next(case for case in CASES if case.op == "GatherBlockQuantized")
    model, feeds = model_of(case)
    model.graph.initializer.append(onnx.numpy_helper.from_array(feeds["i0"], "i0"))
    assert cost(load_onnx(model.SerializeToString(), Given(), "m")).totals.params == 9 * 64


@pytest.mark.parametrize("case", [case for case in CASES if case.attributes.get("group")], ids=lambda case: case.op)
def test_a_convolution_is_grouped_and_regrouped_as_one_of_onnx_is(case: Case) -> None:
    model, feeds = model_of(case)
    weight = "i3" if case.op == "QLinearConv" else "i1"
    model.graph.initializer.append(onnx.numpy_helper.from_array(feeds[weight], weight))
    found = cost(load_onnx(model.SerializeToString(), Given(), "m"))
    (row,) = found.layers
    assert row.groups == 2
    assert row.cost.dense_macs == 2 * row.cost.macs
    for each in whatif(found, [1, 2]):
        assert each.totals.macs * each.groups == row.cost.dense_macs


@pytest.mark.parametrize(
    ("op", "inputs", "attributes"),
    [
        ("MatMulNBits", (f(2, 64), u8(7, 2, 16), f(14)), {"K": -64, "N": -7}),
        ("MatMulNBits", (f(2, 64), u8(7, 2, 16), f(14)), {"K": float("inf"), "N": float("nan")}),
        ("MultiHeadAttention", (f(2, 3, 8),), {"num_heads": 0}),
        ("QLinearConcat", (S, Z), {"axis": 1}),
        ("GroupQueryAttention", (f(2, 3, 8),) * 3, {"num_heads": 0, "kv_num_heads": 0}),
        ("FusedMatMul", (f(2, 3), f(4, 5)), {}),
        ("QLinearAdd", (u8(2, 3), S, Z, u8(4, 5)), {}),
        ("RotaryEmbedding", (f(2, 3, 8), f(1), f(9, 2), f(9, 2)), {"num_heads": 0, "rotary_embedding_dim": 4}),
    ],
)
def test_a_node_that_is_not_one_of_its_operator_is_uncounted(
    op: str, inputs: tuple[np.ndarray, ...], attributes: dict[str, Any]
) -> None:
    model, _ = model_of(Case(op, inputs, 0, attributes))
    try:
        (node,) = cost(load_onnx(model.SerializeToString(), Given(), "m")).uncounted
    except ValueError as error:  # a negative size is refused
        assert "negative" in str(error)  # noqa: PT017 - either answer is right
    else:
        assert node.op == f"{MS}::{op}"


sizes = st.lists(st.integers(0, 7), max_size=5).map(tuple)
numbers = st.integers(-3, 9) | st.floats(width=32) | st.integers(-(2**63), 2**63)
given_ = st.dictionaries(
    st.sampled_from(
        ["N", "axis", "axes", "bits", "channels", "channels_last", "classlabels_ints", "gather_axis", "keepdims",
         "kv_num_heads", "n_targets", "num_heads", "q_num_heads", "qkv_hidden_sizes", "scales", "targets", "transA",
         "transB", "transBatchA"]
    ),
    numbers | st.just("x") | st.lists(numbers, max_size=4).map(tuple),
    max_size=6,
)  # fmt: skip


@settings(max_examples=1000, deadline=None)
@given(st.sampled_from(sorted(SHAPES)), st.lists(st.none() | sizes, max_size=9), given_, st.integers(1, 4))
def test_whatever_a_file_gives_an_operator_its_shape_is_found_or_not_known(
    op: str, shapes: list[tuple[int, ...] | None], attributes: dict[str, Any], outputs: int
) -> None:
    inputs = [None if shape is None else Tensor(name="x", shape=shape, dtype="uint8") for shape in shapes]
    for made in known_shapes(op, inputs, attributes, [Inferred()] * outputs):
        assert made.shape is None or all(isinstance(size, int) for size in made.shape)
        assert (made.shape is None) == (made.dtype == "")
