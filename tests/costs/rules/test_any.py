"""Whatever a file gives an operator, its rule counts it or says that it cannot: no other error, nothing below zero."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from groupcalc.costs.rules import RULES
from groupcalc.graph import Layer, Tensor

REFUSED = (ArithmeticError, LookupError, TypeError, ValueError)
"""What `costs.model` takes for "not a layer of this operator"."""

NAMES = (
    "axis", "num_heads", "kv_num_heads", "q_num_heads", "K", "N", "k", "kernel_size", "mode", "size", "equation",
    "update_rule", "reduction", "post_transform", "kernel_type", "trees", "leaves", "weights", "dft_length",
    "frame_length", "qkv_hidden_sizes", "rotary_embedding_dim", "transA", "transBatchA", "swiglu_fusion", "softcap",
    "activation", "sampling_ratio", "is_causal", "left_window_size", "do_rotary", "unidirectional",
)  # fmt: skip

sizes = st.integers(0, 7)
shapes = st.lists(sizes, max_size=5).map(tuple)
words = st.sampled_from(["", "linear", "cubic", "nesterov", "none", "sum", "RBF", "SOFTMAX", "ij,jk->ik", "...", "x"])
numbers = st.integers(-3, 9) | st.floats(width=32) | st.integers(-(2**63), 2**63)
values = numbers | words | st.lists(numbers, max_size=4).map(tuple)


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    op = draw(st.sampled_from(sorted(RULES)))

    def tensors(kind: str, most: int, optional: bool) -> tuple[Any, ...]:
        found = draw(st.lists((st.none() | shapes) if optional else shapes, max_size=most))
        return tuple(
            None if shape is None else Tensor(name=f"{kind}{place}", shape=shape) for place, shape in enumerate(found)
        )

    return Layer(
        name="n",
        op=op,
        inputs=tensors("x", 9, optional=True),
        outputs=tensors("y", 3, optional=False),
        attributes=draw(st.dictionaries(st.sampled_from(NAMES), values, max_size=6)),
    )


@settings(max_examples=1500, deadline=None)
@given(layers())
def test_a_rule_counts_or_refuses(layer: Layer) -> None:
    try:
        work = RULES[layer.op].work(layer)
    except REFUSED:
        return
    assert isinstance(work.macs, int)
    assert isinstance(work.other_flops, int)
    assert work.macs >= 0
    assert work.other_flops >= 0
