"""What each operator computes: one short rule an operator, in the letters of its signature."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import prod

from groupcalc.conv import SLOTS
from groupcalc.costs.cost import Work
from groupcalc.graph import Layer, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How one operator is counted.

    work       the formula; its docstring is what `groupcalc explain` prints. LookupError, TypeError or ValueError mean
               that the layer is not one of this operator: it cannot be counted
    arguments  inputs that steer the operator and are no data: neither params nor traffic
    buffers    inputs that are stored statistics
    weights    inputs that are learned whatever their dtype: quantised weights and their integer biases
    view       the output is the input under another shape: no row, no traffic
    """

    work: Callable[[Layer], Work]
    arguments: frozenset[int] = frozenset()
    buffers: frozenset[int] = frozenset()
    weights: frozenset[int] = frozenset()
    view: bool = False


RULES: dict[str, Rule] = {}
"""By op_type; outside the default domain by `domain::op_type`."""


def cost_rule(
    *ops: str, arguments: Iterable[int] = (), buffers: Iterable[int] = (), weights: Iterable[int] = ()
) -> Callable[[Callable[[Layer], Work]], Callable[[Layer], Work]]:
    """Register a rule for each of `ops`; a second rule for one operator is a ValueError."""

    def register(work: Callable[[Layer], Work]) -> Callable[[Layer], Work]:
        rule = Rule(work=work, arguments=frozenset(arguments), buffers=frozenset(buffers), weights=frozenset(weights))
        for op in ops:
            _add(op, rule)
        return work

    return register


def _add(op: str, rule: Rule) -> None:
    if op in RULES:
        raise ValueError(f"operator {op} has a rule already")
    RULES[op] = rule


def _tensor(layer: Layer, index: int) -> Tensor:
    """The operand at `index`. IndexError where a file leaves it out, though the operator requires it."""
    tensor = layer.inputs[index]
    if tensor is None:
        raise IndexError(f"input {index} is left out")
    return tensor


def _given(layer: Layer, index: int) -> bool:
    return index < len(layer.inputs) and layer.inputs[index] is not None


def _out(layer: Layer) -> int:
    """Elements of the first output."""
    return layer.outputs[0].size if layer.outputs else 0


# Inner products


def _biased(layer: Layer, macs: int) -> Work:
    bias = SLOTS[layer.op].bias
    return Work(macs=macs, other_flops=_out(layer) if bias >= 0 and _given(layer, bias) else 0)


@cost_rule("Conv")
def conv(layer: Layer) -> Work:
    """x[n, c, *in] * w[o, c/g, *k] (+ b[o]) -> y[n, o, *out]: |y| · c/g · |k| MACs, |y| bias adds"""
    _, c_per_group, *k = _tensor(layer, 1).shape
    return _biased(layer, _out(layer) * c_per_group * prod(k))


@cost_rule("ConvTranspose")
def conv_transpose(layer: Layer) -> Work:
    """x[n, c, *in] * w[c, o/g, *k] (+ b[o]) -> y[n, o, *out]: |x| · o/g · |k| MACs, |y| bias adds

    Every input element is multiplied with every tap of its filters, whether or not the product is cropped.
    """
    _, o_per_group, *k = _tensor(layer, 1).shape
    return _biased(layer, _tensor(layer, 0).size * o_per_group * prod(k))


@cost_rule("ConvInteger", arguments=(2, 3), weights=(1,))
def conv_integer(layer: Layer) -> Work:
    """x[n, c, *in] * w[o, c/g, *k] -> y[n, o, *out]: |y| · c/g · |k| MACs"""
    return conv(layer)


@cost_rule("QLinearConv", arguments=(1, 2, 4, 5, 6, 7), weights=(3, 8))
def qlinear_conv(layer: Layer) -> Work:
    """x[n, c, *in] * w[o, c/g, *k] (+ b[o]) -> y[n, o, *out]: |y| · c/g · |k| MACs, |y| bias adds"""
    _, c_per_group, *k = _tensor(layer, 3).shape
    return _biased(layer, _out(layer) * c_per_group * prod(k))


@cost_rule("DeformConv")
def deform_conv(layer: Layer) -> Work:
    """x[n, c, *in] * w[o, c/g, *k] (+ b[o]) at offsets -> y[n, o, *out]: |y| · c/g · |k| MACs, |y| bias adds

    The interpolation of the taps (ONNX DeformConv-22) is 2^(rank) products and as many adds for every sampled input
    value: c · |k| · |out| of them an image; one more product each where a mask is given.
    """
    n, c, *_ = _tensor(layer, 0).shape
    _, c_per_group, *k = _tensor(layer, 1).shape
    samples = n * c * prod(k) * prod(layer.outputs[0].shape[2:])
    work = _biased(layer, _out(layer) * c_per_group * prod(k))
    each = 2 * 2 ** len(k) + _given(layer, 4)
    return Work(macs=work.macs, other_flops=work.other_flops + samples * each)


@cost_rule("Gemm")
def gemm(layer: Layer) -> Work:
    """a[m, k] @ b[k, n] (+ c) -> y[m, n], either operand transposed: |y| · k MACs, |y| adds where c is given"""
    a = _tensor(layer, 0)
    k = a.shape[0] if layer.attributes.get("transA", 0) else a.shape[-1]
    return Work(macs=_out(layer) * k, other_flops=_out(layer) if _given(layer, 2) else 0)


@cost_rule("MatMul")
def matmul(layer: Layer) -> Work:
    """a[..., n, k] @ b[..., k, p] -> y[..., n, p]: |y| · k MACs"""
    *_, k = _tensor(layer, 0).shape
    return Work(macs=_out(layer) * k)


@cost_rule("MatMulInteger", arguments=(2, 3), weights=(0, 1))
def matmul_integer(layer: Layer) -> Work:
    """a[..., n, k] @ b[..., k, p] -> y[..., n, p]: |y| · k MACs"""
    return matmul(layer)


@cost_rule("QLinearMatMul", arguments=(1, 2, 4, 5, 6, 7), weights=(0, 3))
def qlinear_matmul(layer: Layer) -> Work:
    """a[..., n, k] @ b[..., k, p] -> y[..., n, p]: |y| · k MACs"""
    return matmul(layer)


@cost_rule("Einsum")
def einsum(layer: Layer) -> Work:
    """pairs of operands from the left, each pair: the product of the sizes of all its letters in MACs

    So onnxruntime and PyTorch evaluate it: not in a better order, nor all operands in one nest of loops. A letter that
    one operand of a pair has alone, and that nothing after it needs, is summed before: one add an element. A single
    operand is only summed.
    """
    operands = [t.shape for t in layer.inputs if t is not None]
    terms, kept, sizes = _letters(str(layer.attributes["equation"]), operands)

    def points(letters: set[str]) -> int:
        return prod([sizes[letter] for letter in letters])

    left, *rest = terms
    macs = adds = 0
    for place, right in enumerate(rest):
        later = kept.union(*rest[place + 1 :])
        for alone, other in ((left, right), (right, left)):
            adds += points(alone) if alone - other - later else 0
        met = (left & (right | later)) | (right & (left | later))
        macs += points(met)
        left = met & later
    return Work(macs=macs, other_flops=adds + (points(left) if left - kept else 0))


def _letters(equation: str, shapes: list[tuple[int, ...]]) -> tuple[list[set[str]], set[str], dict[str, int]]:
    """The letters of each operand of an einsum, those of its output, and the size of each.

    The axes under an ellipsis are letters as well, numbered from the right. Without an output the equation keeps them
    and every letter that stands in it once (ONNX Einsum-12).
    """
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    terms: list[list[str]] = []
    sizes: dict[str, int] = {}
    for term, shape in zip(inputs.split(","), shapes, strict=True):
        before, dots, after = term.partition("...")
        middle = len(shape) - len(before) - len(after)
        terms.append([*before, *(f"…{middle - i}" for i in range(middle)), *after] if dots else list(term))
        for letter, size in zip(terms[-1], shape, strict=True):
            if sizes.get(letter, 1) == 1:  # an axis of 1 is broadcast
                sizes[letter] = size
    once = {letter for letter in sizes if sum(term.count(letter) for term in terms) == 1}
    kept = set(output.replace("...", "")) if arrow else once
    if not arrow or "..." in output:
        kept |= {letter for letter in sizes if letter.startswith("…")}
    return [set(term) for term in terms], kept, sizes


@cost_rule("Attention", arguments=(6,))
def attention(layer: Layer) -> Work:
    """q[n, h, l, d] @ k[n, g, t, d]ᵀ, softmax, @ v[n, g, t, e] -> y[n, h, l, e]: (|q| + |y|) · t MACs

    The t keys are those of k and of the cache (past_key); heads may stand side by side in the last axis instead. Each
    of the n · h · l · t scores is scaled and goes through a softmax: 6 FLOPs, 1 more under a mask, 3 more under a
    softcap. What a mask hides is counted, as it is computed. (ONNX Attention-24)
    """
    q, k, y = _tensor(layer, 0), _tensor(layer, 1), layer.outputs[0]
    *_, t, _ = k.shape
    if _given(layer, 4):
        t += _tensor(layer, 4).shape[-2]
    rows = q.size // q.shape[-1] if q.shape[-1] else 0
    if len(q.shape) == 3:
        rows *= int(layer.attributes["q_num_heads"])
    is_masked = _given(layer, 3) or bool(layer.attributes.get("is_causal", 0))
    each = 6 + is_masked + (3 if layer.attributes.get("softcap", 0) else 0)
    return Work(macs=(q.size + y.size) * t, other_flops=rows * t * each)


# Normalisation


@cost_rule("BatchNormalization", buffers=(3, 4))
def batch_normalization(layer: Layer) -> Work:
    """y = x · s + t: 2 FLOPs an element; s and t follow from scale, bias, mean and variance, once when loaded"""
    return Work(other_flops=2 * _out(layer))


@cost_rule("LayerNormalization", "InstanceNormalization", "GroupNormalization", "MeanVarianceNormalization")
def layer_normalization(layer: Layer) -> Work:
    """mean, difference, square, variance, product with 1/σ: 5 FLOPs an element; scale and shift 1 each where given"""
    return Work(other_flops=(5 + _given(layer, 1) + _given(layer, 2)) * _out(layer))


@cost_rule("RMSNormalization", "SimplifiedLayerNormalization")
def rms_normalization(layer: Layer) -> Work:
    """square, mean, product with 1/rms, scale: 4 FLOPs an element"""
    return Work(other_flops=4 * _out(layer))


@cost_rule("LpNormalization")
def lp_normalization(layer: Layer) -> Work:
    """power, sum, division: 3 FLOPs an element"""
    return Work(other_flops=3 * _out(layer))


@cost_rule("LRN")
def lrn(layer: Layer) -> Work:
    """y = x / (bias + α/size · Σ x²)^β: `size` squares and as many adds, product, sum, power, division an element"""
    size = int(layer.attributes["size"])
    if size < 1:
        raise ValueError(f"size={size} is not a positive number")
    return Work(other_flops=(2 * size + 4) * _out(layer))


@cost_rule("Softmax", "LogSoftmax")
def softmax(layer: Layer) -> Work:
    """maximum, difference, exponential, sum, division: 5 FLOPs an element"""
    return Work(other_flops=5 * _out(layer))


# Pooling and reductions: every element that is read is one comparison or add


@cost_rule("MaxPool", "AveragePool", "LpPool")
def pool(layer: Layer) -> Work:
    """|k| FLOPs an output element: one comparison or add a tap"""
    return Work(other_flops=_out(layer) * prod(layer.attributes["kernel_size"]))


@cost_rule("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def global_pool(layer: Layer) -> Work:
    """one FLOP an input element"""
    return Work(other_flops=_tensor(layer, 0).size)


@cost_rule(
    "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare",
    "ReduceLogSum", "ReduceLogSumExp",
    arguments=(1,),
)  # fmt: skip
def reduction(layer: Layer) -> Work:
    """one FLOP an input element"""
    return Work(other_flops=_tensor(layer, 0).size)


@cost_rule("ArgMax", "ArgMin", "CumSum", "CumProd", arguments=(1,))
def scan(layer: Layer) -> Work:
    """one FLOP an input element"""
    return Work(other_flops=_tensor(layer, 0).size)


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
    return Work(other_flops=_out(layer))


@cost_rule("Clip", arguments=(1, 2))
def clip(layer: Layer) -> Work:
    """one FLOP an output element"""
    return elementwise(layer)


@cost_rule("Sum", "Mean", "Max", "Min")
def variadic(layer: Layer) -> Work:
    """n operands: n - 1 FLOPs an output element, and the division of a mean"""
    operands = sum(tensor is not None for tensor in layer.inputs)
    return Work(other_flops=_out(layer) * (operands - 1 + (layer.op == "Mean")))


@cost_rule("QuantizeLinear", "DequantizeLinear", arguments=(1, 2), weights=(0,))
def quantize_linear(layer: Layer) -> Work:
    """scale and zero point: 2 FLOPs an element"""
    return Work(other_flops=2 * _out(layer))


@cost_rule("DynamicQuantizeLinear")
def dynamic_quantize_linear(layer: Layer) -> Work:
    """the range of x, then scale and zero point: 4 FLOPs an element"""
    return Work(other_flops=4 * _out(layer))


# Resampling


INTERPOLATION = {"nearest": 0, "linear": 2, "cubic": 4}
"""Taps an axis."""


@cost_rule("Resize", "Upsample", arguments=(1, 2, 3))
def resize(layer: Layer) -> Work:
    """nearest copies; linear weighs 2 taps an axis that is resized, cubic 4: a product and an add each"""
    x, y = _tensor(layer, 0), layer.outputs[0]
    taps = INTERPOLATION.get(str(layer.attributes.get("mode", "nearest")), 2)
    axes = sum(a != b for a, b in zip(x.shape, y.shape, strict=True))
    return Work(other_flops=2 * taps**axes * y.size if taps and axes else 0)


@cost_rule("GridSample")
def grid_sample(layer: Layer) -> Work:
    """nearest copies; linear weighs 2 taps an axis, cubic 4: a product and an add each"""
    mode = str(layer.attributes.get("mode", "linear")).removeprefix("bi")
    taps = INTERPOLATION.get(mode, 2) ** (len(layer.outputs[0].shape) - 2)
    return Work(other_flops=2 * taps * _out(layer))


@cost_rule("MaxRoiPool", arguments=(1,))
def max_roi_pool(layer: Layer) -> Work:
    """one FLOP an output element: how many elements a region covers is known only at run time"""
    return elementwise(layer)


@cost_rule("RoiAlign", arguments=(1, 2))
def roi_align(layer: Layer) -> Work:
    """4 weighed taps a sampling point: a product and an add each; sampling_ratio 0 is taken as one point"""
    points = max(1, int(layer.attributes.get("sampling_ratio", 0))) ** 2
    return Work(other_flops=8 * points * _out(layer))


# No arithmetic: these are counted, and the count is zero


def _nothing(layer: Layer) -> Work:
    """no arithmetic"""
    return Work()


VIEWS: Mapping[str, tuple[int, ...]] = {
    "Dropout": (1, 2), "Flatten": (), "Identity": (), "Reshape": (1,), "Shape": (0,), "Size": (0,), "Squeeze": (1,),
    "Unsqueeze": (1,),
}  # fmt: skip
"""The same elements under another shape, and which inputs are arguments: no row, no traffic."""

MOVES: Mapping[str, tuple[int, ...]] = {
    **dict.fromkeys(
        ("And", "Bernoulli", "BitCast", "Cast", "CastLike", "Compress", "Concat", "DepthToSpace", "Equal", "EyeLike",
         "Greater", "GreaterOrEqual", "IsInf", "IsNaN", "Less", "LessOrEqual", "NonZero", "Not", "Or", "RandomNormal",
         "RandomNormalLike", "RandomUniform", "RandomUniformLike", "ReverseSequence", "SpaceToDepth", "Transpose",
         "Unique", "Where", "Xor"), ()),
    **dict.fromkeys(
        ("CenterCropPad", "ConstantOfShape", "Expand", "Gather", "GatherElements", "GatherND", "OneHot", "Split",
         "SplitToSequence", "Tile", "TopK", "Trilu"), (1,)),
    "Col2Im": (1, 2), "Pad": (1, 2, 3), "Range": (0, 1, 2), "ScatterElements": (1,), "ScatterND": (1,), "Scatter": (1,),
    "Slice": (1, 2, 3, 4), "NonMaxSuppression": (2, 3, 4),
}  # fmt: skip
"""Elements are moved, chosen or compared, and which inputs are arguments: a row with traffic, without FLOPs."""

for _op, _arguments in VIEWS.items():
    _add(_op, Rule(work=_nothing, arguments=frozenset(_arguments), view=True))
for _op, _arguments in MOVES.items():
    _add(_op, Rule(work=_nothing, arguments=frozenset(_arguments)))
