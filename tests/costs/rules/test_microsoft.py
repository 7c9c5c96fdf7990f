"""Every rule of onnxruntime's own operators on a layer whose work is written out by hand."""

from __future__ import annotations

import pytest

from groupcalc.costs.cost import Work
from tests.costs.rules.cases import Case, work

MS, BLOCKED = "com.microsoft::", "com.microsoft.nchwc::"
HEADS = {"num_heads": 2}
K3 = {"kernel_size": (3, 3)}

CASES = [
    # 6 · 9 outputs of 8 · 9 products; a bias, what is added, an activation: one an output each.
    Case(
        MS + "FusedConv",
        ((1, 8, 5, 5), (6, 8, 3, 3), (6,), (1, 6, 3, 3)),
        (1, 6, 3, 3),
        54 * 72,
        54 * 3,
        {"activation": "Relu"},
    ),
    Case(MS + "NhwcFusedConv", ((1, 5, 5, 8), (6, 8, 3, 3), (6,)), (1, 3, 3, 6), 54 * 72, 54),
    Case(BLOCKED + "Conv", ((1, 8, 5, 5), (16, 8, 3, 3)), (1, 16, 3, 3), 144 * 72, 144, {"activation": "Relu"}),
    Case(MS + "NhwcConv", ((1, 5, 5, 8), (6, 8, 3, 3), (6,)), (1, 3, 3, 6), 54 * 72, 54),
    Case(MS + "QLinearConv", ((1, 5, 5, 8), (), (), (6, 4, 3, 3)), (1, 3, 3, 6), 54 * 36),  # two groups
    # Matrix products: 3 × 7 inner products over 5.
    Case(MS + "FusedMatMul", ((2, 5, 3), (7, 5)), (2, 3, 7), 2 * 21 * 5, 0, {"transA": 1, "transB": 1}),
    Case(MS + "FusedMatMul", ((5, 2, 3), (5, 7)), (2, 3, 7), 2 * 21 * 5, 0, {"transA": 1, "transBatchA": 1}),
    Case(MS + "TransposeMatMul", ((5, 3), (5, 7)), (3, 7), 21 * 5, 0, {"transA": 1}),
    Case(MS + "FusedMatMulActivation", ((3, 5), (5, 7)), (3, 7), 21 * 5, 21, {"activation": "Tanh"}),
    Case(MS + "FusedGemm", ((3, 5), (5, 7), (7,)), (3, 7), 21 * 5, 21 * 2, {"activation": "Relu"}),
    Case(MS + "GemmFastGelu", ((3, 5), (5, 7), (7,)), (3, 7), 21 * 5, 21 * 2),
    Case(MS + "QGemm", ((5, 3), (), (), (5, 7), (), (), (7,)), (3, 7), 21 * 5, 21, {"transA": 1}),
    Case(MS + "MatMulInteger16", ((3, 5), (5, 7)), (3, 7), 21 * 5),
    Case(MS + "MatMulNBits", ((3, 64), (7, 2, 32), (14,), None, None, (7,)), (3, 7), 21 * 64, 21, {"K": 64}),
    Case(MS + "MatMulBnb4", ((3, 64), (448,), (7,)), (3, 7), 21 * 64, 0, {"K": 64}),
    # a is quantised by 4 an element; the product is scaled, and has a bias.
    Case(MS + "DynamicQuantizeMatMul", ((3, 5), (5, 7), (), (), (7,)), (3, 7), 21 * 5, 4 * 15 + 21 * 2),
    Case(MS + "MatMulIntegerToFloat", ((3, 5), (5, 7), (), ()), (3, 7), 21 * 5, 21),
    Case(
        MS + "DynamicQuantizeLSTM",
        ((7, 2, 5), (1, 5, 12), (1, 3, 12), (1, 24), None, None, None, (1, 9)),
        (7, 1, 2, 3),
        7 * 2 * (4 * 3) * (5 + 3) + 7 * 2 * 3 * 3,
        7 * 2 * 3 * (9 + 4) + 4 * (7 * 2 * 5) + 4 * (7 * 2 * 3),
    ),
    # Attention of 2 heads of 4: 2 batches of 3 tokens, projected from 8 to 24 columns with a bias.
    Case(
        MS + "Attention",
        ((2, 3, 8), (8, 24), (24,), None, (2, 2, 2, 5, 4)),
        (2, 3, 8),
        6 * 8 * 24 + 6 * (3 + 5) * (8 + 8),
        6 * 24 + 6 * 2 * 8 * (6 + 1),
        {**HEADS, "unidirectional": 1},
    ),
    Case(
        MS + "QAttention",
        ((2, 3, 8), (8, 24), (24,), (), (), (2,), None, None, (2, 2, 2, 5, 4)),
        (2, 3, 8),
        6 * 8 * 24 + 6 * 8 * 16,
        6 * 24 + 6 * 2 * 8 * (6 + 1),
        HEADS,
    ),
    # 5 real tokens of 2 sequences of 3, which are computed whole.
    Case(
        MS + "PackedAttention",
        ((5, 8), (8, 24), (24,), (2, 3), (3,)),
        (5, 8),
        5 * 8 * 24 + 6 * 3 * 16,
        5 * 24 + 6 * 2 * 3 * 6,
        HEADS,
    ),
    Case(
        MS + "PackedMultiHeadAttention",
        ((5, 8), (5, 8), (5, 8), (24,), (2, 3), (3,)),
        (5, 8),
        6 * 3 * 16,
        6 * 2 * 3 * 6 + 3 * 5 * 8,
        HEADS,
    ),
    Case(
        MS + "MultiHeadAttention",
        ((2, 3, 8), (2, 5, 8), (2, 5, 12), (28,), (2, 5)),
        (2, 3, 12),
        6 * 5 * (8 + 12),
        6 * 2 * 5 * (6 + 1) + 2 * (3 * 8 + 5 * 8 + 5 * 12),
        HEADS,
    ),
    Case(MS + "MultiHeadAttention", ((2, 3, 2, 3, 4),), (2, 3, 8), 6 * 3 * 16, 6 * 2 * 3 * 6, HEADS),
    # 4 heads of queries, 2 of keys: 1 new token and 6 old ones, 8 columns a head; both are rotated.
    Case(
        MS + "GroupQueryAttention",
        ((2, 1, 32), (2, 1, 16), (2, 1, 16), (2, 2, 6, 8), (2, 2, 6, 8), (2,), ()),
        (2, 1, 32),
        2 * 7 * (32 + 32),
        2 * 4 * 7 * (6 + 1) + 3 * (2 * 32 + 2 * 16),
        {"num_heads": 4, "kv_num_heads": 2, "do_rotary": 1},
    ),
    Case(
        MS + "LinearAttention",
        ((1, 3, 24), (1, 3, 8), (1, 3, 10)),
        (1, 3, 30),
        3 * 4 * 5 * (2 + 6),
        90,
        {"q_num_heads": 6, "kv_num_heads": 2, "update_rule": "linear"},
    ),
    # 6 tokens of 8 through 2 of 4 experts of 16; biases, and an output that is weighed and added.
    Case(
        MS + "MoE",
        ((6, 8), (6, 4), (4, 16, 8), (4, 16), (4, 8, 16), (4, 8)),
        (6, 8),
        12 * (8 * 16 + 16 * 8),
        12 * (16 + (16 + 8) + 2 * 8),
        {"k": 2},
    ),
    # A gate beside the first product: fused 32 wide for 16, or with weights of its own.
    Case(
        MS + "QMoE",
        ((6, 8), (6, 4), (4, 32, 4), (), None, (4, 8, 8), ()),
        (6, 8),
        12 * (8 * 32 + 16 * 8),
        12 * (16 * 2 + 2 * 8),
        {"k": 2, "swiglu_fusion": 1},
    ),
    Case(
        MS + "MoE",
        ((6, 8), (6, 4), (4, 16, 8), None, (4, 8, 16), None, (4, 16, 8)),
        (6, 8),
        6 * (2 * 8 * 16 + 16 * 8),
        6 * (16 * 2 + 2 * 8),
    ),
    # Normalisation with what stands around it: 24 elements.
    Case(MS + "SkipLayerNormalization", ((3, 8), (3, 8), (8,), (8,), (8,)), (3, 8), 0, 24 * (5 + 1 + 3)),
    Case(MS + "SkipSimplifiedLayerNormalization", ((3, 8), (3, 8), (8,)), (3, 8), 0, 24 * (4 + 1)),
    Case(
        MS + "EmbedLayerNormalization",
        ((1, 3), (1, 3), (9, 8), (5, 8), (2, 8), (8,), (8,)),
        (1, 3, 8),
        0,
        24 * (5 + 2 + 2),
    ),
    Case(MS + "GroupNorm", ((1, 3, 8), (8,), (8,)), (1, 3, 8), 0, 24 * (5 + 2 + 1), {"activation": 1}),
    Case(MS + "SkipGroupNorm", ((1, 3, 8), (8,), (8,), (1, 3, 8)), (1, 3, 8), 0, 24 * (5 + 3)),
    Case(MS + "BiasGelu", ((3, 8), (8,)), (3, 8), 0, 24 * 2),
    Case(MS + "FastGelu", ((3, 8),), (3, 8), 0, 24),
    Case(MS + "BiasSplitGelu", ((3, 16), (16,)), (3, 8), 0, 48 + 24 * 2),
    Case(MS + "BiasAdd", ((3, 8), (8,), (3, 8)), (3, 8), 0, 24 * 2),
    Case(MS + "BiasSoftmax", ((3, 8), (3, 8)), (3, 8), 0, 24 * 6),
    Case(MS + "ScaledSiLU", ((3, 8), ()), (3, 8), 0, 24 * 2),
    *(Case(op, ((3, 8),), (3, 8), 0, 24 * 2) for op in ("Affine", "ImageScaler", MS + "GatherBlockQuantized")),
    Case(MS + "RotaryEmbedding", ((2, 3, 8), (1,), (9, 2), (9, 2)), (2, 3, 8), 0, 3 * 48),
    Case(
        MS + "RotaryEmbedding",
        ((2, 3, 8), (1,), (9, 1), (9, 1)),
        (2, 3, 8),
        0,
        3 * (6 * 2 * 2),  # 2 of the 4 elements of each of 2 heads
        {**HEADS, "rotary_embedding_dim": 2},
    ),
    *(Case(MS + op, ((3, 8), (), (), (8,)), (3, 8), 0, 24) for op in ("QLinearAdd", "QLinearMul")),
    *(Case(MS + op, ((3, 8),), (3, 8), 0, 24) for op in ("QLinearLeakyRelu", "QLinearSigmoid", "Gelu", "QuickGelu")),
    *(Case(op, ((3, 8),), (3, 8), 0, 24) for op in ("ParametricSoftplus", "ScaledTanh")),
    Case(MS + "QLinearSoftmax", ((3, 8),), (3, 8), 0, 24 * 5),
    *(
        Case(op, ((1, 8, 7, 5),), (1, 8, 1, 1), 0, 280)
        for op in (
            MS + "QLinearGlobalAveragePool", MS + "QLinearReduceMean", BLOCKED + "GlobalAveragePool",
            BLOCKED + "GlobalMaxPool",
        )
    ),
    *(
        Case(op, ((1, 4, 6, 6),), (1, 4, 2, 2), 0, 16 * 9, K3)
        for op in (MS + "QLinearAveragePool", MS + "NhwcMaxPool", BLOCKED + "MaxPool", BLOCKED + "AveragePool")
    ),
    *(Case(MS + op, ((3, 8), (), ()), (3, 8), 0, 24 * 2) for op in ("QuantizeLinear", "DequantizeLinear")),
    Case(BLOCKED + "Upsample", ((1, 8, 4, 4),), (1, 8, 8, 8), 0, 0, {"mode": "nearest"}),
    Case(MS + "GridSample", ((1, 2, 4, 4), (1, 3, 3, 2)), (1, 2, 3, 3), 0, 2 * 2**2 * 18, {"mode": "bilinear"}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.op)
def test_a_rule_gives_the_work_that_is_written_out(case: Case) -> None:
    assert work(case) == Work(macs=case.macs, other_flops=case.other_flops)
