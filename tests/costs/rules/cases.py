"""A row of the tables of rules: a layer by its shapes, and its work written as products."""

from __future__ import annotations

from typing import Any, NamedTuple

from groupcalc.costs.cost import Work
from groupcalc.costs.rules import RULES
from groupcalc.graph import Layer, Tensor

Shape = tuple[int, ...]


class Case(NamedTuple):
    """A layer and its work; `others` are the outputs beside the first."""

    op: str
    inputs: tuple[Shape | None, ...]
    output: Shape
    macs: int = 0
    other_flops: int = 0
    attributes: dict[str, Any] = {}  # noqa: RUF012 - a NamedTuple's default, never written to
    others: tuple[Shape, ...] = ()


def work(case: Case) -> Work:
    """What the rule of the operator says of it."""
    inputs = tuple(
        None if shape is None else Tensor(name=f"x{place}", shape=shape) for place, shape in enumerate(case.inputs)
    )
    outputs = tuple(Tensor(name=f"y{place}", shape=shape) for place, shape in enumerate((case.output, *case.others)))
    return RULES[case.op].work(Layer(name="n", op=case.op, inputs=inputs, outputs=outputs, attributes=case.attributes))
