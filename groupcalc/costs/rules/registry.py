"""The table of cost rules, and what a rule needs to read of a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from groupcalc.costs.cost import Work
from groupcalc.graph import Layer, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How one operator is counted.

    work       the formula; its docstring is what `groupcalc explain` prints. LookupError, TypeError or ValueError mean
               that the layer is not one of this operator: it cannot be counted
    arguments  inputs that steer the operator and are no data: neither params nor traffic
    buffers    inputs that are stored and not learned: running statistics, initial states
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


class UncountableError(ValueError):
    """What the work of a layer depends on is known only at run time; the message is the reason that is reported."""


WITHOUT: dict[str, str] = {
    "ImageDecoder": "its work depends on the image that it decodes",
    "ai.onnx.preview.training::Gradient": "the backward pass that it stands for is not written out",
    "com.microsoft::BeamSearch": "how many tokens it generates depends on data",
    "com.microsoft::EPContext": "it is compiled for one machine, and its work is not in the file",
    "com.microsoft::GreedySearch": "how many tokens it generates depends on data",
    "com.microsoft::Sampling": "how many tokens it generates depends on data",
    "com.microsoft::WhisperBeamSearch": "how many tokens it generates depends on data",
}
"""Operators that no rule can count, and why."""


def cost_rule(
    *ops: str, arguments: Iterable[int] = (), buffers: Iterable[int] = (), weights: Iterable[int] = ()
) -> Callable[[Callable[[Layer], Work]], Callable[[Layer], Work]]:
    """Register a rule for each of `ops`; a second rule for one operator is a ValueError."""

    def register(work: Callable[[Layer], Work]) -> Callable[[Layer], Work]:
        rule = Rule(work=work, arguments=frozenset(arguments), buffers=frozenset(buffers), weights=frozenset(weights))
        for op in ops:
            add_rule(op, rule)
        return work

    return register


def add_rule(op: str, rule: Rule) -> None:
    """Enter a rule; a second one for the same operator is a ValueError."""
    if op in RULES:
        raise ValueError(f"operator {op} has a rule already")
    RULES[op] = rule


def tensor(layer: Layer, index: int) -> Tensor:
    """The operand at `index`. IndexError where a file leaves it out, though the operator requires it."""
    tensor = layer.inputs[index]
    if tensor is None:
        raise IndexError(f"input {index} is left out")
    return tensor


def given(layer: Layer, index: int) -> bool:
    """The optional operand at `index` is there."""
    return index < len(layer.inputs) and layer.inputs[index] is not None


def out(layer: Layer) -> int:
    """Elements of the first output."""
    return layer.outputs[0].size if layer.outputs else 0


def positive(layer: Layer, name: str) -> int:
    """An attribute that counts something. ValueError where it is none or less."""
    value = int(layer.attributes[name])
    if value < 1:
        raise ValueError(f"{name}={value} is not a positive number")
    return value
