"""One element at a time: normalisation, pooling, reductions, elementwise arithmetic."""

from __future__ import annotations

from math import prod

from groupcalc.costs.cost import Work
from groupcalc.costs.rules.registry import cost_rule, given, out, tensor
from groupcalc.graph import Layer

# Normalisation


@cost_rule("BatchNormalization", buffers=(3, 4))
def batch_normalization(layer: Layer) -> Work:
    """y = x · s + t: 2 FLOPs an element; s and t follow from scale, bias, mean and variance, once when loaded"""
    return Work(other_flops=2 * out(layer))


@cost_rule("LayerNormalization", "InstanceNormalization", "GroupNormalization", "MeanVarianceNormalization")
def layer_normalization(layer: Layer) -> Work:
    """mean, difference, square, variance, product with 1/σ: 5 FLOPs an element; scale and shift 1 each where given"""
    return Work(other_flops=(5 + given(layer, 1) + given(layer, 2)) * out(layer))


@cost_rule("RMSNormalization", "SimplifiedLayerNormalization")
def rms_normalization(layer: Layer) -> Work:
    """square, mean, product with 1/rms, scale: 4 FLOPs an element"""
    return Work(other_flops=4 * out(layer))


@cost_rule("LpNormalization")
def lp_normalization(layer: Layer) -> Work:
    """power, sum, division: 3 FLOPs an element"""
    return Work(other_flops=3 * out(layer))


@cost_rule("LRN")
def lrn(layer: Layer) -> Work:
    """y = x / (bias + α/size · Σ x²)^β: `size` squares and as many adds, product, sum, power, division an element"""
    size = int(layer.attributes["size"])
    if size < 1:
        raise ValueError(f"size={size} is not a positive number")
    return Work(other_flops=(2 * size + 4) * out(layer))


@cost_rule("Softmax", "LogSoftmax")
def softmax(layer: Layer) -> Work:
    """maximum, difference, exponential, sum, division: 5 FLOPs an element"""
    return Work(other_flops=5 * out(layer))


# Pooling and reductions: every element that is read is one comparison or add


@cost_rule("MaxPool", "AveragePool", "LpPool")
def pool(layer: Layer) -> Work:
    """|k| FLOPs an output element: one comparison or add a tap"""
    return Work(other_flops=out(layer) * prod(layer.attributes["kernel_size"]))


@cost_rule("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def global_pool(layer: Layer) -> Work:
    """one FLOP an input element"""
    return Work(other_flops=tensor(layer, 0).size)


@cost_rule(
    "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare",
    "ReduceLogSum", "ReduceLogSumExp",
    arguments=(1,),
)  # fmt: skip
def reduction(layer: Layer) -> Work:
    """one FLOP an input element"""
    return Work(other_flops=tensor(layer, 0).size)


@cost_rule("ArgMax", "ArgMin", "CumSum", "CumProd", arguments=(1,))
def scan(layer: Layer) -> Work:
    """one FLOP an input element"""
    return Work(other_flops=tensor(layer, 0).size)


# Elementwise


@cost_rule(
    "Abs", "Acos", "Acosh", "Add", "Asin", "Asinh", "Atan", "Atanh", "BitShift", "BitwiseAnd", "BitwiseNot",
    "BitwiseOr", "BitwiseXor", "Ceil", "Celu", "Cos", "Cosh", "Div", "Elu", "Erf", "Exp", "Floor", "Gelu",
    "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Mish", "Mod", "Mul", "Neg", "Pow", "PRelu", "Reciprocal", "Relu",
    "Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Sub", "Swish", "Tan",
    "Tanh", "ThresholdedRelu",
)  # fmt: skip
def elementwise(layer: Layer) -> Work:
    """one FLOP an output element, activation functions included"""
    return Work(other_flops=out(layer))


@cost_rule("Clip", arguments=(1, 2))
def clip(layer: Layer) -> Work:
    """one FLOP an output element"""
    return elementwise(layer)


@cost_rule("Sum", "Mean", "Max", "Min")
def variadic(layer: Layer) -> Work:
    """n operands: n - 1 FLOPs an output element, and the division of a mean"""
    operands = sum(tensor is not None for tensor in layer.inputs)
    return Work(other_flops=out(layer) * (operands - 1 + (layer.op == "Mean")))


@cost_rule("QuantizeLinear", "DequantizeLinear", arguments=(1, 2), weights=(0,))
def quantize_linear(layer: Layer) -> Work:
    """scale and zero point: 2 FLOPs an element"""
    return Work(other_flops=2 * out(layer))


@cost_rule("Multinomial")
def multinomial(layer: Layer) -> Work:
    """exponential, sum, running sum: 3 FLOPs an input element; drawing from them is comparing"""
    return Work(other_flops=3 * tensor(layer, 0).size)


@cost_rule("Det")
def determinant(layer: Layer) -> Work:
    """x[..., n, n] by elimination: n(n-1)/2 quotients, n(n-1)(2n-1)/6 products and as many differences, and the n - 1
    products of the diagonal, a matrix"""
    x = tensor(layer, 0)
    *_, n, _ = x.shape
    matrices = prod(x.shape[:-2])
    elimination = n * (n - 1) // 2 + 2 * (n * (n - 1) * (2 * n - 1) // 6)
    return Work(other_flops=matrices * (elimination + max(n - 1, 0)))


@cost_rule("DynamicQuantizeLinear")
def dynamic_quantize_linear(layer: Layer) -> Work:
    """the range of x, then scale and zero point: 4 FLOPs an element"""
    return Work(other_flops=4 * out(layer))


@cost_rule("Hardmax")
def hardmax(layer: Layer) -> Work:
    """one comparison an element"""
    return elementwise(layer)


@cost_rule("SwiGLU")
def swiglu(layer: Layer) -> Work:
    """swish(a) ⊙ b: an activation and a product, 2 FLOPs an element"""
    return Work(other_flops=2 * out(layer))


@cost_rule("RotaryEmbedding", arguments=(3,), buffers=(1, 2))
def rotary_embedding(layer: Layer) -> Work:
    """two products and an add for every element that is rotated: 2 · |cos| of each head"""
    x, cos = tensor(layer, 0), tensor(layer, 1)
    head = x.shape[-1] // (int(layer.attributes["num_heads"]) if len(x.shape) == 3 else 1)
    rotated = min(2 * cos.shape[-1], head)
    return Work(other_flops=3 * (x.size // head * rotated if head else 0))
