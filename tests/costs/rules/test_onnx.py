"""Every rule of the default domain on a layer whose work is written out by hand."""

from __future__ import annotations

import pytest

from groupcalc.costs.cost import Work
from groupcalc.costs.rules.movement import MOVES, VIEWS
from tests.costs.rules.cases import Case, work

K3 = {"kernel_size": (3, 3)}

CASES = [
    # 2 coordinates at 5×6 places, each an inner product with (x, y, 1).
    Case("AffineGrid", ((4, 2, 3), (4,)), (4, 5, 6, 2), 4 * 5 * 6 * 2 * 3),
    # Convolutions: each output element is c/g · |k| products; a bias is one add more.
    Case("Conv", ((2, 8, 9), (6, 8, 3)), (2, 6, 7), 2 * 6 * 7 * 8 * 3),
    Case("Conv", ((1, 8, 5, 5), (6, 8, 3, 3), (6,)), (1, 6, 3, 3), 6 * 9 * 8 * 9, 6 * 9),
    Case("Conv", ((1, 8, 5, 5), (12, 2, 3, 3)), (1, 12, 3, 3), 12 * 9 * 2 * 9),  # four groups
    Case("Conv", ((1, 4, 5, 5), (8, 1, 3, 3)), (1, 8, 3, 3), 8 * 9 * 1 * 9),  # depthwise, multiplier 2
    Case("Conv", ((1, 2, 4, 4, 4), (3, 2, 2, 2, 2)), (1, 3, 3, 3, 3), 3 * 27 * 2 * 8),
    # Transposed: each input element meets o/g · |k| taps.
    Case("ConvTranspose", ((1, 8, 4, 4), (8, 6, 3, 3), (6,)), (1, 6, 9, 9), 8 * 16 * 6 * 9, 6 * 81),
    Case("ConvTranspose", ((1, 8, 4, 4), (8, 3, 2, 2)), (1, 6, 8, 8), 8 * 16 * 3 * 4),  # two groups
    Case("ConvInteger", ((1, 8, 5, 5), (6, 8, 3, 3)), (1, 6, 3, 3), 6 * 9 * 8 * 9),
    Case(
        "QLinearConv",
        ((1, 8, 5, 5), (), (), (6, 4, 3, 3), (), (), (), (), (6,)),
        (1, 6, 3, 3),
        6 * 9 * 4 * 9,
        6 * 9,
    ),
    # 8 channels are sampled at 9 taps of 9 places: 4 products and 4 adds each, one product more for the mask.
    Case(
        "DeformConv",
        ((1, 8, 5, 5), (6, 8, 3, 3), (1, 18, 3, 3), (6,), (1, 9, 3, 3)),
        (1, 6, 3, 3),
        6 * 9 * 8 * 9,
        6 * 9 + 8 * 9 * 9 * (4 + 4 + 1),
    ),
    # Matrix products: each output element is an inner product over k.
    Case("Gemm", ((3, 5), (5, 7), (7,)), (3, 7), 3 * 7 * 5, 3 * 7),
    Case("Gemm", ((5, 3), (7, 5)), (3, 7), 3 * 7 * 5, attributes={"transA": 1, "transB": 1}),
    Case("MatMul", ((2, 4, 3, 5), (5, 7)), (2, 4, 3, 7), 2 * 4 * 3 * 7 * 5),
    Case("MatMul", ((4, 1, 3, 5), (6, 5, 7)), (4, 6, 3, 7), 4 * 6 * 3 * 7 * 5),  # both are broadcast
    Case("MatMul", ((5,), (5,)), (), 5),
    Case("MatMul", ((5,), (2, 5, 7)), (2, 7), 2 * 7 * 5),
    Case("MatMulInteger", ((3, 5), (5, 7)), (3, 7), 3 * 7 * 5),
    Case("QLinearMatMul", ((3, 5), (), (), (5, 7)), (3, 7), 3 * 7 * 5),
    Case("Einsum", ((2, 3, 5), (2, 5, 7)), (2, 3, 7), 2 * 3 * 5 * 7, attributes={"equation": "bij,bjk->bik"}),
    Case("Einsum", ((2, 3, 5), (5, 7)), (2, 3, 7), 2 * 3 * 5 * 7, attributes={"equation": "...j, jk -> ...k"}),
    # (2×3)·(3×5) first, and its product with (5×7) then.
    Case(
        "Einsum",
        ((2, 3), (3, 5), (5, 7)),
        (2, 7),
        2 * 3 * 5 + 2 * 5 * 7,
        attributes={"equation": "ab,bc,cd->ad"},
    ),
    Case("Einsum", ((4, 5),), (4,), 0, 4 * 5, attributes={"equation": "ij->i"}),
    Case("Einsum", ((4, 5),), (5, 4), 0, 0, attributes={"equation": "ij->ji"}),
    # 2 heads of 3 queries and 4 + 6 keys, d = 5, e = 7; each of the 60 scores is scaled and put through a softmax.
    Case(
        "Attention",
        ((1, 2, 3, 5), (1, 2, 4, 5), (1, 2, 4, 7), None, (1, 2, 6, 5), (1, 2, 6, 7)),
        (1, 2, 3, 7),
        2 * 3 * 10 * (5 + 7),
        2 * 3 * 10 * 6,
    ),
    # 7 steps of a batch of 2 through one direction: 5 inputs and 3 hidden units a gate.
    Case("RNN", ((7, 2, 5), (1, 3, 5), (1, 3, 3)), (7, 1, 2, 3), 7 * 2 * 3 * (5 + 3), 7 * 2 * 3 * 1),
    # Two directions, with biases: 3 gates a unit.
    Case(
        "GRU",
        ((7, 2, 5), (2, 9, 5), (2, 9, 3), (2, 18)),
        (7, 2, 2, 3),
        2 * 7 * 2 * (3 * 3) * (5 + 3),
        2 * 7 * 2 * 3 * (8 + 3),
    ),
    # Biases and peepholes: c meets the gates i, o and f, one product more each.
    Case(
        "LSTM",
        ((7, 2, 5), (1, 12, 5), (1, 12, 3), (1, 24), None, None, None, (1, 9)),
        (7, 1, 2, 3),
        7 * 2 * (4 * 3) * (5 + 3) + 7 * 2 * 3 * 3,
        7 * 2 * 3 * (9 + 4),
    ),
    # 3 channels by themselves, 4 taps each; a bias, and an activation.
    Case(
        "CausalConvWithState",
        ((2, 3, 7), (3, 1, 4), (3,), (2, 3, 3)),
        (2, 3, 7),
        2 * 3 * 7 * 4,
        2 * 3 * 7 * 2,
        {"activation": "silu"},
        ((2, 3, 3),),
    ),
    # Heads side by side: 2 heads of 3 queries against 4 keys under a mask.
    Case(
        "Attention",
        ((1, 3, 10), (1, 4, 10), (1, 4, 14), (3, 4)),
        (1, 3, 14),
        2 * 3 * 4 * (5 + 7),
        2 * 3 * 4 * (6 + 1),
        {"q_num_heads": 2, "kv_num_heads": 2},
    ),
    # 3 steps; states of 4×5 in 2 heads, read by 6 heads of queries: an update, a reading, and one before it for delta.
    Case(
        "LinearAttention",
        ((1, 3, 24), (1, 3, 8), (1, 3, 10)),
        (1, 3, 30),
        3 * 4 * 5 * (2 + 6),
        3 * 30,
        {"q_num_heads": 6, "kv_num_heads": 2, "update_rule": "linear"},
    ),
    Case(
        "LinearAttention",
        ((1, 3, 24), (1, 3, 8), (1, 3, 10), None, (1, 3, 2), (1, 3, 2)),
        (1, 3, 30),
        3 * 4 * 5 * (2 + 6 + 2),
        3 * 30 + 2 * 3 * 10 + 3 * 4 * 5 * 2 + 3 * 2,
        {"q_num_heads": 6, "kv_num_heads": 2},
    ),
    # Signals: 5 · k · log2 k a transform; half of it where one side is real.
    Case("DFT", ((2, 8, 2),), (2, 8, 2), 0, 2 * 5 * 8 * 3, {"axis": 1}),
    Case("DFT", ((2, 10, 1),), (2, 6, 2), 0, 2 * 5 * 10 * 4 // 2, {"axis": -2}),
    Case("DFT", ((2, 10, 1), ()), (2, 16, 2), 0, 2 * 5 * 16 * 4 // 2, {"axis": 1, "dft_length": 16}),
    Case("STFT", ((2, 32, 1), (), (8,)), (2, 7, 5, 2), 0, 2 * 7 * (8 + 5 * 8 * 3 // 2)),
    Case("STFT", ((2, 32, 1), (), None, ()), (2, 7, 5, 2), 0, 2 * 7 * 5 * 8 * 3 // 2, {"frame_length": 8}),
    *(Case(op, ((),), (10,), 0, 10 * 4) for op in ("HannWindow", "HammingWindow")),
    Case("BlackmanWindow", ((),), (10,), 0, 10 * 8),
    Case("MelWeightMatrix", ((),) * 5, (9, 8), 0, 9 * 8 * 2),
    # Losses over 3 × 6 targets among 5 classes.
    Case("NegativeLogLikelihoodLoss", ((3, 5, 6), (3, 6)), (3, 6), 0, 18 * 1, {"reduction": "none"}),
    Case("NegativeLogLikelihoodLoss", ((3, 5, 6), (3, 6), (5,)), (), 0, 18 * (1 + 1 + 1 + 1)),
    Case("SoftmaxCrossEntropyLoss", ((3, 5, 6), (3, 6)), (), 0, 5 * 90 + 18 * (1 + 1), {"reduction": "sum"}),
    Case("Multinomial", ((4, 5),), (4, 9), 0, 3 * 20),
    # Elimination of 3×3: 3 quotients, 4 + 1 products and differences; 2 products of the diagonal.
    Case("Det", ((2, 3, 3),), (2,), 0, 2 * (3 + 2 * (4 + 1) + 2)),
    Case("TfIdfVectorizer", ((2, 6),), (2, 7), 0, 14),
    # Normalisation: the steps of the formula, an element each.
    Case("BatchNormalization", ((1, 4, 3, 3), (4,), (4,), (4,), (4,)), (1, 4, 3, 3), 0, 36 * 2),
    *(
        Case(op, ((1, 4, 3), (3,), (3,)), (1, 4, 3), 0, 12 * 7)
        for op in ("LayerNormalization", "InstanceNormalization", "GroupNormalization")
    ),
    Case("MeanVarianceNormalization", ((1, 4, 3),), (1, 4, 3), 0, 12 * 5),
    Case("RMSNormalization", ((4, 3), (3,)), (4, 3), 0, 12 * 4),
    Case("SimplifiedLayerNormalization", ((4, 3), (3,)), (4, 3), 0, 12 * 4),
    Case("LpNormalization", ((4, 3),), (4, 3), 0, 12 * 3),
    Case("LRN", ((1, 4, 3, 3),), (1, 4, 3, 3), 0, 36 * (2 * 5 + 4), attributes={"size": 5}),
    *(Case(op, ((4, 3),), (4, 3), 0, 12 * 5) for op in ("Softmax", "LogSoftmax")),
    # Pooling and reductions: every element that is read.
    *(
        Case(op, ((1, 4, 6, 6),), (1, 4, 2, 2), 0, 16 * 9, attributes=K3)
        for op in ("MaxPool", "AveragePool", "LpPool")
    ),
    *(
        Case(op, ((1, 512, 7, 7),), (1, 512, 1, 1), 0, 512 * 49)  # MobileFaceNet's last plane: 25,088
        for op in ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
    ),
    *(
        Case(op, ((4, 5), (1,)), (4,), 0, 20)
        for op in (
            "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
            "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp",
        )
    ),
    *(Case(op, ((4, 5),), (4,), 0, 20) for op in ("ArgMax", "ArgMin", "CumSum", "CumProd")),
    Case("Hardmax", ((4, 5),), (4, 5), 0, 20),
    Case("SwiGLU", ((4, 5), (4, 5)), (4, 5), 0, 2 * 20),
    # 2 heads of 8 at 3 places; 4 of each 8 are rotated.
    Case("RotaryEmbedding", ((1, 2, 3, 8), (10, 2), (10, 2)), (1, 2, 3, 8), 0, 3 * (2 * 3 * 4)),
    Case("RotaryEmbedding", ((1, 3, 16), (10, 4), (10, 4)), (1, 3, 16), 0, 3 * (3 * 16), {"num_heads": 2}),
    # Elementwise: one an output element, after broadcasting.
    *(
        Case(op, ((4, 1), (5,)), (4, 5), 0, 20)
        for op in (
            "Add", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Div", "Mod", "Mul", "Pow", "PRelu", "Sub",
        )
    ),
    *(
        Case(op, ((4, 5),), (4, 5), 0, 20)
        for op in (
            "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot", "Ceil", "Celu", "Cos", "Cosh",
            "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Mish", "Neg",
            "Reciprocal", "Relu", "Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign",
            "Sqrt", "Swish", "Tan", "Tanh", "ThresholdedRelu", "Clip",
        )
    ),
    *(Case(op, ((4, 5),) * 3, (4, 5), 0, 20 * 2) for op in ("Sum", "Max", "Min")),
    Case("Mean", ((4, 5),) * 3, (4, 5), 0, 20 * 3),
    Case("Sum", ((4, 5),), (4, 5), 0, 0),
    *(Case(op, ((4, 5), (), ()), (4, 5), 0, 20 * 2) for op in ("QuantizeLinear", "DequantizeLinear")),
    Case("DynamicQuantizeLinear", ((4, 5),), (4, 5), 0, 20 * 4),
    # Resampling: a product and an add a tap; nearest copies.
    Case("Resize", ((1, 2, 4, 4),), (1, 2, 8, 8), 0, 0, {"mode": "nearest"}),
    Case("Resize", ((1, 2, 4, 4),), (1, 2, 8, 8), 0, 2 * 2**2 * 128, {"mode": "linear"}),
    Case("Resize", ((1, 2, 4, 4),), (1, 2, 4, 8), 0, 2 * 4**1 * 64, {"mode": "cubic"}),
    Case("Upsample", ((1, 2, 4, 4),), (1, 2, 8, 8), 0, 2 * 2**2 * 128, {"mode": "linear"}),
    Case("GridSample", ((1, 2, 4, 4), (1, 3, 3, 2)), (1, 2, 3, 3), 0, 2 * 2**2 * 18, {"mode": "bilinear"}),
    Case("RoiAlign", ((1, 2, 9, 9), (3, 4), (3,)), (3, 2, 5, 5), 0, 8 * 2**2 * 150, {"sampling_ratio": 2}),
    Case("MaxRoiPool", ((1, 2, 9, 9), (3, 5)), (3, 2, 5, 5), 0, 150),
    # No arithmetic.
    *(Case(op, ((4, 5),), (4, 5)) for op in (*VIEWS, *MOVES)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.op)
def test_a_rule_gives_the_work_that_is_written_out(case: Case) -> None:
    assert work(case) == Work(macs=case.macs, other_flops=case.other_flops)
