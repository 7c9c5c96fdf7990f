"""The shapes that onnxruntime's own operators make, and those that ONNX defines without inference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from groupcalc.graph import Tensor
from groupcalc.sources.onnx.infer import Inferred
from groupcalc.sources.onnx.outputs import (
    Attributes,
    Maker,
    Operands,
    classified,
    concat,
    elementwise,
    embedded,
    floats,
    fused_matmul,
    gathered,
    gathered_nd,
    gemm,
    global_pool,
    grouped_attention,
    halved,
    heads_attention,
    joined,
    lstm,
    matmul,
    ordered,
    packed_attention,
    projected,
    recurrence,
    reduced,
    reordered,
    reshaped,
    rows,
    same,
    sampled,
    scaled,
    skip,
    to_n,
    typed,
    upsampled,
    where,
)


def known_shapes(
    op: str, inputs: Sequence[Tensor | None], attributes: Attributes, outputs: Sequence[Inferred]
) -> list[Inferred]:
    """The outputs, completed or overruled by what the table knows of the operator.

    All shapes of `inputs` are known; None is left out. A node that is not one of the operator, as a file may have it,
    stays unknown.
    """
    make = SHAPES.get(op)
    if make is None:
        return list(outputs)
    try:
        found = make(Operands(inputs), attributes)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return list(outputs)
    pairs = zip_longest(outputs, found[: len(outputs)])
    is_kept = op not in OVERRULED
    return [old if new is None or (old.shape is not None and is_kept) else Inferred(*new) for old, new in pairs]


_MS = "com.microsoft::"

SHAPES: Mapping[str, Maker] = {
    # Convolutions and poolings: geometry tells the shape, only the dtype is taken from here.
    **dict.fromkeys([_MS + op for op in ("FusedConv", "NhwcConv", "NhwcFusedConv", "NhwcMaxPool")], same),
    **dict.fromkeys(["com.microsoft.nchwc::" + op for op in ("Conv", "MaxPool", "AveragePool")], same),
    _MS + "QLinearConv": typed(7),
    _MS + "QLinearAveragePool": typed(4),
    _MS + "QLinearGlobalAveragePool": global_pool,
    **dict.fromkeys(["com.microsoft.nchwc::" + op for op in ("GlobalAveragePool", "GlobalMaxPool")], global_pool),
    "com.microsoft.nchwc::ReorderInput": reordered,
    "com.microsoft.nchwc::ReorderOutput": ordered,
    "com.microsoft.nchwc::Upsample": scaled,
    # Matrix products
    **dict.fromkeys([_MS + op for op in ("FusedMatMul", "FusedMatMulActivation", "TransposeMatMul")], fused_matmul),
    **dict.fromkeys([_MS + op for op in ("MatMulNBits", "MatMulBnb4")], to_n),
    **dict.fromkeys([_MS + op for op in ("DynamicQuantizeMatMul", "MatMulIntegerToFloat")], matmul(dtype="float32")),
    _MS + "MatMulInteger16": matmul(dtype="int32"),
    _MS + "GemmFastGelu": matmul(),
    _MS + "FusedGemm": gemm(),
    _MS + "QGemm": gemm(3),
    # Attention and recurrence
    **dict.fromkeys([_MS + op for op in ("Attention", "QAttention", "PackedAttention")], projected),
    **dict.fromkeys([_MS + op for op in ("MultiHeadAttention",)], heads_attention),
    _MS + "GroupQueryAttention": grouped_attention,
    _MS + "LinearAttention": recurrence,
    _MS + "PackedMultiHeadAttention": packed_attention,
    _MS + "DynamicQuantizeLSTM": lstm,
    _MS + "MoE": same,
    _MS + "QMoE": same,
    # Normalisation, activations, elementwise
    **dict.fromkeys([_MS + op for op in ("SkipLayerNormalization", "SkipSimplifiedLayerNormalization")], skip),
    _MS + "EmbedLayerNormalization": embedded,
    _MS + "SkipGroupNorm": lambda x, given: [(x[0].dtype, x[0].shape)] * 2,
    **dict.fromkeys(
        [_MS + op for op in ("BiasAdd", "BiasGelu", "BiasSoftmax", "FastGelu", "Gelu", "GroupNorm",
                             "QLinearLeakyRelu", "QLinearSigmoid", "QLinearSoftmax", "QuickGelu", "RotaryEmbedding",
                             "ScaledSiLU", "Trilu")],
        same,
    ),
    **dict.fromkeys(
        ("Affine", "ImageScaler", "ParametricSoftplus", "ScaledTanh", "SimplifiedLayerNormalization"), same
    ),
    _MS + "BiasSplitGelu": halved,
    **dict.fromkeys([_MS + op for op in ("QLinearAdd", "QLinearMul")], elementwise(0, 3)),
    _MS + "QLinearConcat": concat,
    _MS + "QLinearReduceMean": reduced,
    _MS + "QLinearWhere": where,
    _MS + "QuantizeLinear": typed(2),
    _MS + "DequantizeLinear": floats,
    _MS + "GatherBlockQuantized": gathered,
    _MS + "GatherND": gathered_nd,
    _MS + "GridSample": sampled,
    # ONNX without inference
    "GroupNormalization": same,
    "Reshape": reshaped,
    "Upsample": upsampled,
    **dict.fromkeys(["ai.onnx.ml::" + op for op in ("Imputer",)], same),
    **dict.fromkeys(["ai.onnx.ml::" + op for op in ("Normalizer", "Scaler")], floats),
    "ai.onnx.ml::FeatureVectorizer": joined,
    "ai.onnx.ml::LinearClassifier": classified,
    "ai.onnx.ml::LinearRegressor": rows(lambda given: int(given.get("targets", 1))),
    "ai.onnx.ml::SVMRegressor": rows(lambda given: 1),
    "ai.onnx.ml::TreeEnsembleRegressor": rows(lambda given: int(given.get("n_targets", 1))),
    "ai.onnx.ml::TreeEnsembleClassifier": classified,
}  # fmt: skip
"""The outputs of an operator from its inputs and attributes (onnxruntime 1.32, contrib operators; ai.onnx.ml 5)."""

OVERRULED = frozenset({"ai.onnx.ml::LinearClassifier"})
"""Where ONNX's inference (1.23) is wrong: without intercepts it takes the classes for none."""
