"""Every rule of ONNX's other domains on a layer whose work is written out by hand."""

from __future__ import annotations

import pytest

from groupcalc.costs.cost import Work
from tests.costs.rules.cases import Case, work

TRAINING, ML, PREVIEW = "ai.onnx.preview.training::", "ai.onnx.ml::", "ai.onnx.preview::"

CASES = [
    # 2 heads of 3 queries and 4 keys, d = 5, e = 7: the products of Attention, 6 FLOPs a score.
    Case(
        PREVIEW + "FlexAttention",
        ((1, 2, 3, 5), (1, 2, 4, 5), (1, 2, 4, 7)),
        (1, 2, 3, 7),
        2 * 3 * 4 * (5 + 7),
        2 * 3 * 4 * 6,
    ),
    # Two tensors of 6 and 4 elements and their states.
    Case(TRAINING + "Adagrad", ((), ()), (6,), 0, 9 * (6 + 4), {}, ((4,), (6,), (4,))),
    Case(TRAINING + "Adam", ((), ()), (6,), 0, 15 * (6 + 4), {}, ((4,), (6,), (4,), (6,), (4,))),
    Case(TRAINING + "Momentum", ((), ()), (6,), 0, 7 * 6, {"mode": "standard"}, ((6,),)),
    Case(TRAINING + "Momentum", ((), ()), (6,), 0, 9 * 6, {"mode": "nesterov"}, ((6,),)),
    # 4 rows of 5 features, 3 results each; what is learned stands behind x.
    Case(ML + "LinearRegressor", ((4, 5), (15,), (3,)), (4, 3), 4 * 3 * 5, 4 * 3),
    Case(ML + "LinearRegressor", ((4, 5), (15,), None), (4, 3), 4 * 3 * 5),
    Case(
        ML + "LinearClassifier",
        ((4, 5), (15,), (3,)),
        (4,),
        4 * 3 * 5,
        4 * 3 + 5 * 12,
        {"post_transform": "SOFTMAX"},
        ((4, 3),),
    ),
    # 6 support vectors: inner products of 5, then one of the 6 results; RBF subtracts, scales and exponentiates.
    Case(
        ML + "SVMRegressor",
        ((4, 5), (30,), (6,), (1,)),
        (4, 1),
        4 * (6 * 5 + 6),
        4 * (6 * 5 + 6 * 2 + 1),
        {"kernel_type": "RBF"},
    ),
    Case(ML + "SVMRegressor", ((4, 5), (30,), (6,), (1,)), (4, 1), 4 * (6 * 5 + 6), 4 * (6 * 3 + 1),
         {"kernel_type": "POLY"}),
    # Without support vectors, 3 classes.
    Case(ML + "SVMClassifier", ((4, 5), None, (15,), (3,)), (4,), 4 * 15, 4 * 3, {}, ((4, 3),)),
    # Two trees, and one leaf of each for every row.
    Case(ML + "TreeEnsemble", ((4, 5), (3,), (4,)), (4, 1), 0, 4 * 2, {"trees": 2}),
    Case(
        ML + "TreeEnsembleRegressor",
        ((4, 5), (4,), (3,)),
        (4, 1),
        0,
        4 * 2,
        {"trees": 2, "leaves": 3, "weights": 3},
    ),
    # Two weights a leaf, and a softmax over the two scores.
    Case(
        ML + "TreeEnsembleClassifier",
        ((4, 5), (4,), (6,)),
        (4,),
        0,
        4 * 2 * 2 + 5 * 8,
        {"trees": 2, "leaves": 3, "weights": 6, "post_transform": "SOFTMAX"},
        ((4, 2),),
    ),
    Case(ML + "Scaler", ((4, 5),), (4, 5), 0, 20 * 2),
    Case(ML + "Normalizer", ((4, 5),), (4, 5), 0, 20 * 3),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.op)
def test_a_rule_gives_the_work_that_is_written_out(case: Case) -> None:
    assert work(case) == Work(macs=case.macs, other_flops=case.other_flops)
