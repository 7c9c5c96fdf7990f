"""Recurrent cells: every step multiplies with all weights of every direction."""

from __future__ import annotations

from groupcalc.costs.cost import Work
from groupcalc.costs.rules.registry import cost_rule, given, tensor
from groupcalc.graph import Layer


def _cell(layer: Layer, gates: int, each: int, peepholes: int = 0) -> Work:
    """x[t, n, i] with w[d, gates·h, i] and r[d, gates·h, h]; `each` FLOPs a hidden unit, and a bias add a gate."""
    x, w, r = tensor(layer, 0), tensor(layer, 1), tensor(layer, 2)
    d, _, h = r.shape
    steps = x.shape[0] * x.shape[1]  # t · n, in either layout
    units = steps * d * h
    return Work(
        macs=steps * (w.size + r.size) + units * peepholes,
        other_flops=units * (each + (gates if given(layer, 3) else 0)),
    )


@cost_rule("RNN", arguments=(4,), buffers=(5,))
def rnn(layer: Layer) -> Work:
    """h' = f(x·W + h·R + b): t · n · (|W| + |R|) MACs; one activation, and one add where b is given, a unit

    W and R hold one matrix a direction, so that the sum over directions is in their sizes.
    """
    return _cell(layer, gates=1, each=1)


@cost_rule("GRU", arguments=(4,), buffers=(5,))
def gru(layer: Layer) -> Work:
    """three gates: t · n · (|W| + |R|) MACs; a unit takes 3 activations, r ⊙ h and (1 - z) ⊙ g + z ⊙ h, 8 FLOPs in
    all, and 3 adds where b is given"""
    return _cell(layer, gates=3, each=3 + 1 + 4)


@cost_rule("LSTM", arguments=(4,), buffers=(5, 6))
def lstm(layer: Layer) -> Work:
    """four gates: t · n · (|W| + |R|) MACs, 3 more a unit with peepholes; a unit takes 5 activations, f ⊙ c + i ⊙ g and
    the product with o, 9 FLOPs in all, and 4 adds where b is given"""
    return _cell(layer, gates=4, each=5 + 3 + 1, peepholes=3 if given(layer, 7) else 0)
