"""One element at a time in onnxruntime (domain com.microsoft): normalisation with what stands around it, quantised
forms, activations."""

from __future__ import annotations

from groupcalc.costs.cost import Work
from groupcalc.costs.rules.pointwise import elementwise, global_pool, pool, quantize_linear
from groupcalc.costs.rules.registry import cost_rule, given, out, tensor
from groupcalc.graph import Layer

NORM = 5
"""mean, difference, square, variance, product with 1/σ; scale and shift come on top."""


@cost_rule("com.microsoft::SkipLayerNormalization")
def skip_layer_normalization(layer: Layer) -> Work:
    """a layer normalisation of x + skip (+ bias): 5 FLOPs an element, scale, shift, skip and bias 1 each where given"""
    around = 1 + sum(given(layer, place) for place in (2, 3, 4))
    return Work(other_flops=(NORM + around) * out(layer))


@cost_rule("com.microsoft::SkipSimplifiedLayerNormalization")
def skip_rms_normalization(layer: Layer) -> Work:
    """an RMS normalisation of x + skip (+ bias): 4 FLOPs an element, skip and bias 1 each"""
    return Work(other_flops=(4 + 1 + given(layer, 3)) * out(layer))


@cost_rule("com.microsoft::EmbedLayerNormalization", arguments=(7, 8))
def embed_layer_normalization(layer: Layer) -> Work:
    """the rows of two or three tables added and normalised: 5 FLOPs an element, scale, shift and each sum 1"""
    return Work(other_flops=(NORM + 2 + 1 + given(layer, 4)) * out(layer))


@cost_rule("com.microsoft::GroupNorm")
def group_norm(layer: Layer) -> Work:
    """5 FLOPs an element, scale and shift 1 each, a fused activation 1"""
    return Work(other_flops=(NORM + 2 + bool(layer.attributes.get("activation", 0))) * out(layer))


@cost_rule("com.microsoft::SkipGroupNorm")
def skip_group_norm(layer: Layer) -> Work:
    """a group normalisation of x + skip (+ bias): 5 FLOPs an element, scale, shift, skip, bias and activation 1 each"""
    around = 3 + given(layer, 4) + bool(layer.attributes.get("activation", 0))
    return Work(other_flops=(NORM + around) * out(layer))


@cost_rule("com.microsoft::BiasGelu", "com.microsoft::FastGelu")
def bias_gelu(layer: Layer) -> Work:
    """gelu(x + b): one FLOP an element, and one for a bias"""
    return Work(other_flops=(1 + given(layer, 1)) * out(layer))


@cost_rule("com.microsoft::BiasSplitGelu")
def bias_split_gelu(layer: Layer) -> Work:
    """x + b, half of it times the gelu of the other half: |x| + 2 · |y| FLOPs"""
    return Work(other_flops=tensor(layer, 0).size + 2 * out(layer))


@cost_rule("com.microsoft::BiasAdd")
def bias_add(layer: Layer) -> Work:
    """x + bias + skip: 2 FLOPs an element"""
    return Work(other_flops=2 * out(layer))


@cost_rule("com.microsoft::BiasSoftmax")
def bias_softmax(layer: Layer) -> Work:
    """a bias add, then maximum, difference, exponential, sum, division: 6 FLOPs an element"""
    return Work(other_flops=6 * out(layer))


@cost_rule("com.microsoft::ScaledSiLU")
def scaled_silu(layer: Layer) -> Work:
    """an activation, and a product where a scale is given: 1 FLOP an element each"""
    return Work(other_flops=(1 + given(layer, 1)) * out(layer))


@cost_rule("Affine", "ImageScaler")
def scale_and_shift(layer: Layer) -> Work:
    """scale and offset: 2 FLOPs an element"""
    return Work(other_flops=2 * out(layer))


@cost_rule("com.microsoft::GatherBlockQuantized", arguments=(1,), weights=(0,), buffers=(2, 3))
def gather_quantized(layer: Layer) -> Work:
    """rows of a quantised table: scale and zero point, 2 FLOPs an element"""
    return Work(other_flops=2 * out(layer))


@cost_rule("com.microsoft::RotaryEmbedding", arguments=(1,), buffers=(2, 3))
def rotary_embedding(layer: Layer) -> Work:
    """two products and an add for every element that is rotated: all, or rotary_embedding_dim of each head"""
    x = tensor(layer, 0)
    part = int(layer.attributes.get("rotary_embedding_dim", 0))
    if part < 1:
        return Work(other_flops=3 * x.size)
    head = x.shape[-1] if len(x.shape) == 4 else x.shape[-1] // int(layer.attributes["num_heads"])
    return Work(other_flops=3 * (x.size // head * min(part, head)))


@cost_rule("com.microsoft::QLinearAdd", "com.microsoft::QLinearMul", arguments=(1, 2, 4, 5, 6, 7), weights=(0, 3))
def qlinear_elementwise(layer: Layer) -> Work:
    """one FLOP an output element"""
    return Work(other_flops=out(layer))


@cost_rule("com.microsoft::QLinearLeakyRelu", "com.microsoft::QLinearSigmoid", arguments=(1, 2, 3, 4))
def qlinear_activation(layer: Layer) -> Work:
    """one FLOP an output element"""
    return Work(other_flops=out(layer))


@cost_rule("com.microsoft::QLinearSoftmax", arguments=(1, 2, 3, 4))
def qlinear_softmax(layer: Layer) -> Work:
    """maximum, difference, exponential, sum, division: 5 FLOPs an element"""
    return Work(other_flops=5 * out(layer))


@cost_rule("com.microsoft::QLinearGlobalAveragePool", "com.microsoft::QLinearReduceMean", arguments=(1, 2, 3, 4))
def qlinear_reduction(layer: Layer) -> Work:
    """one FLOP an input element"""
    return Work(other_flops=tensor(layer, 0).size)


@cost_rule("com.microsoft::QLinearAveragePool", arguments=(1, 2, 3, 4))
def qlinear_pool(layer: Layer) -> Work:
    """|k| FLOPs an output element: one add a tap"""
    return pool(layer)


for _rule, *_ops in (
    (elementwise, "com.microsoft::Gelu", "com.microsoft::QuickGelu", "ParametricSoftplus", "ScaledTanh"),
    (pool, "com.microsoft::NhwcMaxPool", "com.microsoft.nchwc::MaxPool", "com.microsoft.nchwc::AveragePool"),
    (global_pool, "com.microsoft.nchwc::GlobalAveragePool", "com.microsoft.nchwc::GlobalMaxPool"),
):
    cost_rule(*_ops)(_rule)
cost_rule("com.microsoft::QuantizeLinear", "com.microsoft::DequantizeLinear", arguments=(1, 2), weights=(0,))(
    quantize_linear
)
