"""Attention: queries against keys, scores against values, and recurrences that come to the same."""

from __future__ import annotations

from math import prod

from groupcalc.costs.cost import Work
from groupcalc.costs.rules.registry import cost_rule, given, positive, tensor
from groupcalc.graph import Layer

SCORE = 6
"""FLOPs a score takes: the scale, and the five of a softmax."""

ROTATION = 3
"""FLOPs an element takes that is rotated: two products and an add."""

RMS = 4
"""FLOPs an element takes in an RMS normalisation."""


@cost_rule("Attention", arguments=(6,))
def attention(layer: Layer) -> Work:
    """q[n, h, l, d] @ k[n, g, t, d]ᵀ, softmax, @ v[n, g, t, e] -> y[n, h, l, e]: (|q| + |y|) · t MACs

    The t keys are those of k and of the cache (past_key); heads may stand side by side in the last axis instead. Each
    of the n · h · l · t scores is scaled and goes through a softmax: 6 FLOPs, 1 more under a mask or window, 3 more
    under a softcap. What a mask hides is counted, as it is computed.
    """
    q, k, y = tensor(layer, 0), tensor(layer, 1), layer.outputs[0]
    *_, t, _ = k.shape
    if given(layer, 4):
        t += tensor(layer, 4).shape[-2]
    rows = q.size // q.shape[-1] if q.shape[-1] else 0
    if len(q.shape) == 3:
        rows *= int(layer.attributes["q_num_heads"])
    windows = (layer.attributes.get(f"{side}_window_size", -1) for side in ("left", "right"))
    is_causal = bool(layer.attributes.get("is_causal", 0))
    is_masked = given(layer, 3) or given(layer, 6) or is_causal or any(size >= 0 for size in windows)
    each = SCORE + is_masked + (3 if layer.attributes.get("softcap", 0) else 0)
    return Work(macs=(q.size + y.size) * t, other_flops=rows * t * each)


@cost_rule("ai.onnx.preview::FlexAttention")
def flex_attention(layer: Layer) -> Work:
    """q[n, h, l, d] @ k[n, g, t, d]ᵀ, softmax, @ v[n, g, t, e] -> y[n, h, l, e]: (|q| + |y|) · t MACs

    Each of the n · h · l · t scores is scaled and goes through a softmax: 6 FLOPs. The graphs that modify scores and
    probabilities are layers of their own.
    """
    q, k, y = tensor(layer, 0), tensor(layer, 1), layer.outputs[0]
    n, h, length, _ = q.shape
    *_, t, _ = k.shape
    return Work(macs=(q.size + y.size) * t, other_flops=n * h * length * t * SCORE)


@cost_rule("LinearAttention", "com.microsoft::LinearAttention", buffers=(3,))
def linear_attention(layer: Layer) -> Work:
    """a state s[d, e] a head of n sequences; each of t steps: s += k ⊗ v, y = q @ s: n · t · (g + h) · d · e MACs

    g heads of keys and values, h of queries. The delta rules first take what the state has for k: g · d · e MACs more
    a step, and 2 FLOPs an element of v. A gate decays the state: g · d · e FLOPs a step, and an exponential an element
    of the decay. The output is scaled: |y| FLOPs. The recurrence as it is written; working in chunks only orders it.
    """
    q, v, y = tensor(layer, 0), tensor(layer, 2), layer.outputs[0]
    n, t, _ = q.shape
    h, g = positive(layer, "q_num_heads"), positive(layer, "kv_num_heads")
    d, e = q.shape[2] // h, v.shape[2] // g
    rule = str(layer.attributes.get("update_rule", "gated_delta"))
    steps, is_delta, is_gated = n * t * d * e, "delta" in rule, "gated" in rule
    decay = tensor(layer, 4).size if is_gated else 0
    return Work(
        macs=steps * (g + h + is_delta * g),
        other_flops=y.size + 2 * is_delta * v.size + is_gated * steps * g + decay,
    )


# onnxruntime's own (1.32, domain com.microsoft)


def _attended(tokens: int, keys: int, heads: int, columns: int, each: int) -> Work:
    """So many queries against so many keys; `columns` of q and v together, over all heads, `each` FLOPs a score."""
    return Work(macs=tokens * keys * columns, other_flops=tokens * heads * keys * each)


def _extra(layer: Layer, *masks: int) -> int:
    """One FLOP a score for each mask or bias that is given, and for a causal one."""
    return sum(given(layer, place) for place in masks) + bool(layer.attributes.get("unidirectional", 0))


def _projected(layer: Layer, work: Work) -> Work:
    """The products and bias adds of the projection as well."""
    x, w = tensor(layer, 0), tensor(layer, 1)
    _, columns = w.shape
    rows = prod(x.shape[:-1])
    adds = rows * columns if given(layer, 2) else 0
    return Work(macs=work.macs + x.size * columns, other_flops=work.other_flops + adds)


def _columns(layer: Layer) -> int:
    """Columns of q and v, over all heads."""
    _, columns = tensor(layer, 1).shape
    sizes = layer.attributes.get("qkv_hidden_sizes") or (columns // 3,) * 3
    q, _, v = sizes
    return int(q) + int(v)


@cost_rule("com.microsoft::Attention", arguments=(6,))
def attention_projected(layer: Layer) -> Work:
    """x[n, l, c] @ w[c, 3·h·d] (+ b), then attention over l + past keys: n · l · (c · |columns| + t · (h·d + h·e)) MACs

    A score takes 6 FLOPs, and one more for each mask and bias; a bias of the projection one an element.
    """
    n, length, _ = tensor(layer, 0).shape
    keys = length + (tensor(layer, 4).shape[3] if given(layer, 4) else 0)
    each = SCORE + _extra(layer, 3, 5)
    return _projected(layer, _attended(n * length, keys, positive(layer, "num_heads"), _columns(layer), each))


@cost_rule("com.microsoft::QAttention", arguments=(3, 4, 6, 7), weights=(1,))
def attention_quantized(layer: Layer) -> Work:
    """x[n, l, c] @ w[c, 3·h·d] (+ b), then attention over l + past keys: n · l · (c · |columns| + t · 2·h·d) MACs"""
    n, length, _ = tensor(layer, 0).shape
    keys = length + (tensor(layer, 8).shape[3] if given(layer, 8) else 0)
    each = SCORE + _extra(layer, 5)
    return _projected(layer, _attended(n * length, keys, positive(layer, "num_heads"), _columns(layer), each))


@cost_rule("com.microsoft::PackedAttention", arguments=(3, 4))
def attention_packed(layer: Layer) -> Work:
    """x[tokens, c] @ w[c, 3·h·d] + b; scores of n sequences of l, padding included: n · l · l · (h·d + h·e) MACs"""
    n, length = tensor(layer, 3).shape
    each = SCORE + _extra(layer, 5)
    return _projected(layer, _attended(n * length, length, positive(layer, "num_heads"), _columns(layer), each))


@cost_rule("com.microsoft::PackedMultiHeadAttention", arguments=(4, 5))
def multi_head_packed(layer: Layer) -> Work:
    """q[tokens, h·d]; scores of n sequences of l, padding included: n · l · l · (h·d + h·e) MACs"""
    n, length = tensor(layer, 4).shape
    heads, q, y = positive(layer, "num_heads"), tensor(layer, 0), layer.outputs[0]
    columns = (q.shape[1] * q.shape[3] if len(q.shape) == 4 else q.shape[1]) + y.shape[1]
    work = _attended(n * length, length, heads, columns, SCORE + _extra(layer, 6))
    return Work(macs=work.macs, other_flops=work.other_flops + _biases(layer, 3))


def _biases(layer: Layer, place: int) -> int:
    """A bias add an element of q, k and v."""
    if not given(layer, place):
        return 0
    return sum(tensor(layer, slot).size for slot in (0, 1, 2) if given(layer, slot))


@cost_rule("com.microsoft::MultiHeadAttention", arguments=(8, 9))
def multi_head(layer: Layer) -> Work:
    """q[n, l, h·d] @ kᵀ, softmax, @ v -> y[n, l, h·e] over t keys, those of the cache included: n · l · t · (h·d + h·e)
    MACs

    q, k and v may be packed. A score takes 6 FLOPs, and one more for each mask and bias; a bias of the projection one
    an element of q, k and v.
    """
    q, y, heads = tensor(layer, 0), layer.outputs[0], positive(layer, "num_heads")
    n, length, width = y.shape
    if len(q.shape) == 5:
        keys, columns = q.shape[1], heads * q.shape[4]
    else:
        k, columns = tensor(layer, 1), q.shape[2]
        keys = k.shape[2] if len(k.shape) == 4 else k.shape[1]
    keys += tensor(layer, 6).shape[2] if given(layer, 6) else 0
    work = _attended(n * length, keys, heads, columns + width, SCORE + _extra(layer, 4, 5))
    return Work(macs=work.macs, other_flops=work.other_flops + _biases(layer, 3))


@cost_rule("com.microsoft::GroupQueryAttention", arguments=(5, 6, 9, 12, 13, 16), buffers=(7, 8))
def grouped_query(layer: Layer) -> Work:
    """q[n, l, h·d] @ k[n, t, g·d]ᵀ, softmax, @ v[n, t, g·d] -> y[n, l, h·d]: 2 · |y| · t MACs

    The t keys are the l new ones and as many as past_key has room for. A score takes 6 FLOPs, 1 more under the causal
    mask and under a bias, 3 more under a softcap; rotating q and k takes 3 an element, normalising them 4. What a mask
    or a window hides is counted, as a dense computation has it.
    """
    y, heads, kv = layer.outputs[0], positive(layer, "num_heads"), positive(layer, "kv_num_heads")
    n, length, width = y.shape
    keys = length + (tensor(layer, 3).shape[2] if given(layer, 3) else 0)
    each = SCORE + bool(layer.attributes.get("causal", 1)) + given(layer, 10)
    each += 3 if layer.attributes.get("softcap", 0) else 0
    work = _attended(n * length, keys, heads, 2 * width, each)
    turned = y.size + y.size * kv // heads  # q and the new keys
    around = ROTATION * bool(layer.attributes.get("do_rotary", 0)) + RMS * given(layer, 14)
    return Work(macs=work.macs, other_flops=work.other_flops + turned * around)
