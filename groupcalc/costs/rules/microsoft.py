"""Inner products of onnxruntime (domain com.microsoft): fused, quantised, in other layouts, for experts."""

from __future__ import annotations

from math import prod

from groupcalc.costs.cost import Work
from groupcalc.costs.rules.products import conv, gemm, matmul, qlinear_conv
from groupcalc.costs.rules.registry import cost_rule, given, out, positive, tensor
from groupcalc.graph import Layer


def _activated(layer: Layer) -> int:
    """FLOPs of the activation that is fused in: one an output element."""
    return out(layer) if layer.attributes.get("activation") else 0


@cost_rule("com.microsoft::FusedConv", "com.microsoft::NhwcFusedConv", "com.microsoft.nchwc::Conv")
def fused_conv(layer: Layer) -> Work:
    """act(x * w[o, c/g, *k] (+ b[o]) (+ z)) -> y: |y| · c/g · |k| MACs; bias, z and activation one FLOP an element each

    Channels stand behind the spatial axes in NhwcFusedConv, in blocks in that of the domain com.microsoft.nchwc, which
    is filled up with channels that hold nothing: they are counted as they are computed.
    """
    work = conv(layer)
    added = out(layer) if given(layer, 3) else 0
    return Work(macs=work.macs, other_flops=work.other_flops + added + _activated(layer))


@cost_rule("com.microsoft::NhwcConv")
def nhwc_conv(layer: Layer) -> Work:
    """x[n, *in, c] * w[o, c/g, *k] (+ b[o]) -> y[n, *out, o]: |y| · c/g · |k| MACs, |y| bias adds"""
    return conv(layer)


@cost_rule("com.microsoft::QLinearConv", arguments=(1, 2, 4, 5, 6, 7), weights=(3, 8))
def qlinear_conv_either(layer: Layer) -> Work:
    """x * w[o, c/g, *k] (+ b[o]) -> y, channels second or last: |y| · c/g · |k| MACs, |y| bias adds"""
    return qlinear_conv(layer)


@cost_rule("com.microsoft::FusedMatMul", "com.microsoft::TransposeMatMul", "com.microsoft::FusedMatMulActivation")
def fused_matmul(layer: Layer) -> Work:
    """a[..., n, k] @ b[..., k, p] -> y[..., n, p], either operand transposed: |y| · k MACs, |y| for an activation

    With transBatchA the rows of a are its first axis.
    """
    a, given_ = tensor(layer, 0).shape, layer.attributes
    rows = 0 if given_.get("transBatchA", 0) else -2
    k = a[rows] if given_.get("transA", 0) and len(a) > 1 else a[-1]
    return Work(macs=out(layer) * k, other_flops=_activated(layer))


@cost_rule("com.microsoft::FusedGemm")
def fused_gemm(layer: Layer) -> Work:
    """act(a[m, k] @ b[k, n] (+ c)) -> y[m, n]: |y| · k MACs, |y| adds where c is given, |y| for the activation"""
    work = gemm(layer)
    return Work(macs=work.macs, other_flops=work.other_flops + _activated(layer))


@cost_rule("com.microsoft::GemmFastGelu")
def gemm_gelu(layer: Layer) -> Work:
    """gelu(x[..., k] @ w[k, n] (+ b[n])) -> y[..., n]: |y| · k MACs, one FLOP an element each for bias and gelu"""
    return Work(macs=matmul(layer).macs, other_flops=out(layer) * (1 + given(layer, 2)))


@cost_rule("com.microsoft::QGemm", arguments=(1, 2, 4, 5, 7, 8), weights=(3, 6))
def quantized_gemm(layer: Layer) -> Work:
    """a[m, k] @ b[k, n] (+ c) -> y[m, n]: |y| · k MACs, |y| adds where c is given"""
    work = gemm(layer)
    return Work(macs=work.macs, other_flops=out(layer) if given(layer, 6) else 0)


cost_rule("com.microsoft::MatMulInteger16", weights=(0, 1))(matmul)


@cost_rule("com.microsoft::MatMulNBits", arguments=(4,), weights=(1,), buffers=(2, 3))
def matmul_bits(layer: Layer) -> Work:
    """a[..., k] @ b[n, k]ᵀ (+ bias[n]) -> y[..., n], b of few bits: |y| · k MACs, |y| bias adds

    Unpacking b is not counted, as it is not where a DequantizeLinear stands behind a stored weight.
    """
    k = positive(layer, "K")
    return Work(macs=out(layer) * k, other_flops=out(layer) if given(layer, 5) else 0)


@cost_rule("com.microsoft::MatMulBnb4", weights=(1,), buffers=(2,))
def matmul_bnb(layer: Layer) -> Work:
    """a[..., k] @ b[n, k]ᵀ -> y[..., n], b of four bits: |y| · k MACs"""
    return Work(macs=out(layer) * positive(layer, "K"))


@cost_rule("com.microsoft::DynamicQuantizeMatMul", arguments=(2, 3), weights=(1,))
def dynamic_quantize_matmul(layer: Layer) -> Work:
    """a[..., n, k] @ b[..., k, p] (+ bias[p]) -> y[..., n, p]: |y| · k MACs

    a is quantised on the way, 4 FLOPs an element as by DynamicQuantizeLinear; y is scaled, 1, and has its bias, 1.
    """
    return Work(
        macs=matmul(layer).macs,
        other_flops=4 * tensor(layer, 0).size + out(layer) * (1 + given(layer, 4)),
    )


@cost_rule("com.microsoft::MatMulIntegerToFloat", arguments=(2, 3, 4, 5), weights=(1,))
def matmul_integer_to_float(layer: Layer) -> Work:
    """a[..., n, k] @ b[..., k, p] (+ bias[p]) -> y[..., n, p]: |y| · k MACs; scaling and bias one FLOP an element"""
    return Work(macs=matmul(layer).macs, other_flops=out(layer) * (1 + given(layer, 6)))


@cost_rule("com.microsoft::DynamicQuantizeLSTM", arguments=(4, 8, 9, 10, 11), weights=(1, 2), buffers=(5, 6))
def dynamic_quantize_lstm(layer: Layer) -> Work:
    """four gates over x[t, n, i], w[d, i, 4·h], r[d, h, 4·h]: t · n · (|W| + |R|) MACs, 3 more a unit with peepholes

    A unit takes 9 FLOPs and 4 bias adds as in LSTM; x and h are quantised on the way, 4 an element.
    """
    x, w, r = tensor(layer, 0), tensor(layer, 1), tensor(layer, 2)
    d, h, _ = r.shape
    steps = x.shape[0] * x.shape[1]
    units = steps * d * h
    return Work(
        macs=steps * (w.size + r.size) + units * (3 if given(layer, 7) else 0),
        other_flops=units * (9 + 4 * given(layer, 3) + 4) + 4 * x.size,
    )


@cost_rule("com.microsoft::MoE")
def mixture_of_experts(layer: Layer) -> Work:
    """each of the tokens x[tokens, h] through k of e experts, w1[e, f, h], w2[e, h, i] (and w3[e, i, h]):
    tokens · k · h · (f + i, and i for w3) MACs

    An expert takes a FLOP for each intermediate element, one more for a gate and for each bias; k outputs are weighed
    and added: 2 · k · |y| FLOPs. Which experts they are depends on data, how many does not.
    """
    return _experts(layer, fc1=(2, 3), fc2=(4, 5), fc3=(6, 7))


@cost_rule("com.microsoft::QMoE", weights=(2, 5, 8), buffers=(3, 6, 9, 11, 12, 13, 15, 16), arguments=(17, 18, 19, 20))
def quantized_mixture(layer: Layer) -> Work:
    """each of the tokens x[tokens, h] through k of e experts of quantised weights, as MoE"""
    return _experts(layer, fc1=(2, 4), fc2=(5, 7), fc3=(8, 10))


def _experts(layer: Layer, fc1: tuple[int, int], fc2: tuple[int, int], fc3: tuple[int, int]) -> Work:
    """Slots of the weight and the bias of each product."""
    x = tensor(layer, 0)
    hidden, tokens = x.shape[-1], prod(x.shape[:-1])
    _, fused, _ = tensor(layer, fc1[0]).shape
    is_gated = given(layer, fc3[0]) or bool(layer.attributes.get("swiglu_fusion", 0))
    inner = fused // 2 if is_gated and not given(layer, fc3[0]) else fused
    runs = tokens * int(layer.attributes.get("k", 1))
    third = inner if given(layer, fc3[0]) else 0
    biases = fused * given(layer, fc1[1]) + hidden * given(layer, fc2[1]) + third * given(layer, fc3[1])
    return Work(
        macs=runs * hidden * (fused + third + inner),
        other_flops=runs * (inner * (1 + is_gated) + biases + 2 * hidden),
    )
