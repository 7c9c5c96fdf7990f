"""Losses and optimisers, in files that hold a training step."""

from __future__ import annotations

from groupcalc.costs.cost import Work
from groupcalc.costs.rules.registry import cost_rule, given, tensor
from groupcalc.graph import Layer


def _reduced(layer: Layer) -> int:
    """FLOPs an element of what becomes of the losses: one add, and one of the weights under a mean."""
    match str(layer.attributes.get("reduction", "mean")):
        case "none":
            return 0
        case "sum":
            return 1
    return 1 + given(layer, 2)


@cost_rule("NegativeLogLikelihoodLoss", buffers=(2,))
def negative_log_likelihood(layer: Layer) -> Work:
    """-x[target] (· weight[target]): one FLOP an element of target, one more each for weight, the sum, the mean's sum
    of weights"""
    return Work(other_flops=tensor(layer, 1).size * (1 + given(layer, 2) + _reduced(layer)))


@cost_rule("SoftmaxCrossEntropyLoss", buffers=(2,))
def softmax_cross_entropy(layer: Layer) -> Work:
    """a log-softmax, 5 FLOPs a score; then as NegativeLogLikelihoodLoss an element of labels"""
    return Work(other_flops=5 * tensor(layer, 0).size + negative_log_likelihood(layer).other_flops)


def _updated(layer: Layer, states: int) -> int:
    """Elements of the tensors that an optimiser updates: the outputs are these, then so many states of each."""
    return sum(each.size for each in layer.outputs[: len(layer.outputs) // (1 + states)])


@cost_rule("ai.onnx.preview.training::Adagrad", arguments=(0, 1))
def adagrad(layer: Layer) -> Work:
    """g += λ · x; h += g²; x -= r · g / (√h + ε): 2 + 2 + 5 FLOPs an element"""
    return Work(other_flops=9 * _updated(layer, states=1))


@cost_rule("ai.onnx.preview.training::Adam", arguments=(0, 1))
def adam(layer: Layer) -> Work:
    """g += λ · x; v = α·v + (1-α)·g; h = β·h + (1-β)·g²; x = (x - r · v / (√h + ε)) · μ: 2 + 3 + 4 + 6 FLOPs an
    element"""
    return Work(other_flops=15 * _updated(layer, states=2))


@cost_rule("ai.onnx.preview.training::Momentum", arguments=(0, 1))
def momentum(layer: Layer) -> Work:
    """g += λ · x; v = α·v + β·g; x -= r · v: 2 + 3 + 2 FLOPs an element; nesterov, x -= r · (g + α·v): 2 more"""
    each = 9 if layer.attributes.get("mode") == "nesterov" else 7
    return Work(other_flops=each * _updated(layer, states=1))
