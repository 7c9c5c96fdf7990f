"""Classical models (ai.onnx.ml): linear ones, support vectors, ensembles of trees.

What they have learned are attributes in the file; a layer has them as inputs behind the operator's own.
"""

from __future__ import annotations

from math import prod

from groupcalc.costs.cost import Work
from groupcalc.costs.rules.registry import cost_rule, given, out, tensor
from groupcalc.graph import Layer, Tensor

KERNELS = {"LINEAR": 0, "POLY": 3, "RBF": 2, "SIGMOID": 3}
"""FLOPs that a kernel function takes beside its inner product."""

POST_TRANSFORMS = {"NONE": 0, "LOGISTIC": 1, "PROBIT": 1, "SOFTMAX": 5, "SOFTMAX_ZERO": 5}
"""FLOPs an element of what becomes of the scores."""


def _rows(x: Tensor) -> int:
    return prod(x.shape[:-1])


def _transformed(layer: Layer, scores: int) -> int:
    return POST_TRANSFORMS[str(layer.attributes.get("post_transform", "NONE"))] * scores


@cost_rule("ai.onnx.ml::LinearRegressor", "ai.onnx.ml::LinearClassifier", weights=(1, 2))
def linear(layer: Layer) -> Work:
    """x[n, c] @ coefficients[e, c]ᵀ (+ intercepts[e]) -> scores[n, e]: n · |coefficients| MACs, n · e adds

    A softmax of the scores takes 5 FLOPs each, a logistic or probit function 1.
    """
    x, coefficients = tensor(layer, 0), tensor(layer, 1)
    n, *_, c = _rows(x), x.shape[-1]
    scores = n * (coefficients.size // c if c else 0)
    adds = scores if given(layer, 2) else 0
    return Work(macs=n * coefficients.size, other_flops=adds + _transformed(layer, scores))


@cost_rule("ai.onnx.ml::SVMRegressor", "ai.onnx.ml::SVMClassifier", weights=(1, 2, 3))
def support_vectors(layer: Layer) -> Work:
    """x[n, c] with v[s, c] through a kernel, the s results with coefficients[e, s]: n · (|v| + |coefficients|) MACs

    A kernel takes 2 FLOPs (RBF, which also subtracts: c more) or 3 (POLY, SIGMOID) a result; rho is added once each.
    Without support vectors the coefficients meet x itself.
    """
    x, coefficients = tensor(layer, 0), tensor(layer, 2)
    n, c = _rows(x), x.shape[-1]
    v = tensor(layer, 1).size if given(layer, 1) else 0
    kernel = str(layer.attributes.get("kernel_type", "LINEAR"))
    results = n * v // c if c else 0
    apart = n * v if kernel == "RBF" else 0
    rho = n * tensor(layer, 3).size if given(layer, 3) else 0
    return Work(
        macs=n * (v + coefficients.size),
        other_flops=results * KERNELS[kernel] + apart + rho + _transformed(layer, layer.outputs[-1].size),
    )


@cost_rule("ai.onnx.ml::TreeEnsemble", weights=(1, 2))
def tree_ensemble(layer: Layer) -> Work:
    """n rows down each tree; the leaf that is reached is added: n · trees FLOPs. Comparing and choosing are none."""
    return Work(other_flops=_rows(tensor(layer, 0)) * int(layer.attributes["trees"]))


@cost_rule("ai.onnx.ml::TreeEnsembleRegressor", "ai.onnx.ml::TreeEnsembleClassifier", weights=(1, 2))
def tree_ensemble_old(layer: Layer) -> Work:
    """n rows down each tree; the weights of the leaf that is reached are added: n · trees · ⌈weights / leaves⌉ FLOPs

    Comparing and choosing are none.
    """
    trees, leaves, weights = (int(layer.attributes[name]) for name in ("trees", "leaves", "weights"))
    adds = _rows(tensor(layer, 0)) * trees * -(-weights // max(leaves, 1))
    return Work(other_flops=adds + _transformed(layer, layer.outputs[-1].size))


@cost_rule("ai.onnx.ml::Scaler")
def scaler(layer: Layer) -> Work:
    """offset and scale: 2 FLOPs an element"""
    return Work(other_flops=2 * out(layer))


@cost_rule("ai.onnx.ml::Normalizer")
def normalizer(layer: Layer) -> Work:
    """power, sum or maximum, division: 3 FLOPs an element"""
    return Work(other_flops=3 * out(layer))


@cost_rule("TfIdfVectorizer")
def tf_idf(layer: Layer) -> Work:
    """the counts of n-grams, each weighed: one FLOP an output element; finding and counting them is comparing"""
    return Work(other_flops=out(layer))
