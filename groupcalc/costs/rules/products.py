"""Inner products: convolutions, matrix products, contractions."""

from __future__ import annotations

from math import prod

from groupcalc.conv import SLOTS
from groupcalc.costs.cost import Work
from groupcalc.costs.rules.registry import cost_rule, given, out, tensor
from groupcalc.graph import Layer


def _biased(layer: Layer, macs: int) -> Work:
    bias = SLOTS[layer.op].bias
    return Work(macs=macs, other_flops=out(layer) if bias >= 0 and given(layer, bias) else 0)


@cost_rule("Conv")
def conv(layer: Layer) -> Work:
    """x[n, c, *in] * w[o, c/g, *k] (+ b[o]) -> y[n, o, *out]: |y| · c/g · |k| MACs, |y| bias adds"""
    _, c_per_group, *k = tensor(layer, 1).shape
    return _biased(layer, out(layer) * c_per_group * prod(k))


@cost_rule("CausalConvWithState", buffers=(3,))
def causal_conv(layer: Layer) -> Work:
    """x[n, c, t] * w[c, 1, k] (+ b[c]) -> y[n, c, t]: |y| · k MACs, |y| bias adds, |y| for a fused activation

    Depthwise; the taps in front of x fall on the state of the step before, or on padding.
    """
    work = conv(layer)
    is_activated = layer.attributes.get("activation", "none") != "none"
    return Work(macs=work.macs, other_flops=work.other_flops + is_activated * out(layer))


@cost_rule("ConvTranspose")
def conv_transpose(layer: Layer) -> Work:
    """x[n, c, *in] * w[c, o/g, *k] (+ b[o]) -> y[n, o, *out]: |x| · o/g · |k| MACs, |y| bias adds

    Every input element is multiplied with every tap of its filters, whether or not the product is cropped.
    """
    _, o_per_group, *k = tensor(layer, 1).shape
    return _biased(layer, tensor(layer, 0).size * o_per_group * prod(k))


@cost_rule("ConvInteger", arguments=(2, 3), weights=(1,))
def conv_integer(layer: Layer) -> Work:
    """x[n, c, *in] * w[o, c/g, *k] -> y[n, o, *out]: |y| · c/g · |k| MACs"""
    return conv(layer)


@cost_rule("QLinearConv", arguments=(1, 2, 4, 5, 6, 7), weights=(3, 8))
def qlinear_conv(layer: Layer) -> Work:
    """x[n, c, *in] * w[o, c/g, *k] (+ b[o]) -> y[n, o, *out]: |y| · c/g · |k| MACs, |y| bias adds"""
    _, c_per_group, *k = tensor(layer, 3).shape
    return _biased(layer, out(layer) * c_per_group * prod(k))


@cost_rule("DeformConv")
def deform_conv(layer: Layer) -> Work:
    """x[n, c, *in] * w[o, c/g, *k] (+ b[o]) at offsets -> y[n, o, *out]: |y| · c/g · |k| MACs, |y| bias adds

    The interpolation of the taps is 2^(rank) products and as many adds for every sampled input
    value: c · |k| · |out| of them an image; one more product each where a mask is given.
    """
    n, c, *_ = tensor(layer, 0).shape
    _, c_per_group, *k = tensor(layer, 1).shape
    samples = n * c * prod(k) * prod(layer.outputs[0].shape[2:])
    work = _biased(layer, out(layer) * c_per_group * prod(k))
    each = 2 * 2 ** len(k) + given(layer, 4)
    return Work(macs=work.macs, other_flops=work.other_flops + samples * each)


@cost_rule("Gemm")
def gemm(layer: Layer) -> Work:
    """a[m, k] @ b[k, n] (+ c) -> y[m, n], either operand transposed: |y| · k MACs, |y| adds where c is given"""
    a = tensor(layer, 0)
    k = a.shape[0] if layer.attributes.get("transA", 0) else a.shape[-1]
    return Work(macs=out(layer) * k, other_flops=out(layer) if given(layer, 2) else 0)


@cost_rule("MatMul")
def matmul(layer: Layer) -> Work:
    """a[..., n, k] @ b[..., k, p] -> y[..., n, p]: |y| · k MACs"""
    *_, k = tensor(layer, 0).shape
    return Work(macs=out(layer) * k)


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


@cost_rule("AffineGrid", arguments=(1,))
def affine_grid(layer: Layer) -> Work:
    """theta[n, r, r+1] @ (place, 1)[r+1] for each place -> grid[n, *size, r]: |grid| · (r+1) MACs"""
    *_, columns = tensor(layer, 0).shape
    return Work(macs=out(layer) * columns)
