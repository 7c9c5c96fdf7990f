"""The view of `explain LAYER`: formulas with numbers, the weight matrix as a picture, the numeric check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groupcalc.conv import Conv
from groupcalc.costs.cost import GraphCost, LayerCost
from groupcalc.explain.blocks import FULL, PART, ZERO, picture
from groupcalc.explain.layer import Formula, cost_of, formulas, zeros
from groupcalc.explain.operators import operator
from groupcalc.explain.proof import Proof
from groupcalc.report.document import Column, Report, Table
from groupcalc.report.views.describe import describe
from groupcalc.report.views.fields import FIELDS, heads, values
from groupcalc.report.views.lines import CONVENTION
from groupcalc.report.views.select import items_of
from groupcalc.units import show_percent, show_ratio, show_shape

FIGURE = Column(key="figure", header="figure", align="left", once=True)
GROUPS = Column(key="groups", header="G")
NUMBERS = Column(key="numbers", header="with the numbers put in", align="left")

LETTERS = "N outputs · C inputs · G groups · K taps · x input · y output, in bytes"

OUTPUTS = Column(key="outputs", header="", align="left")

KEYS = ("params", "macs", "flops", "weight_bytes", "input_bytes", "output_bytes", "arithmetic_intensity")


def convolution(row: LayerCost, conv: Conv, proof: Proof, data: Any = None) -> Report:
    """A convolution, grouped or not."""
    tables = [_formulas(row, conv)]
    if conv.groups > 1:
        tables += [_picture(conv), _check(proof)]
    return Report(tables=tuple(tables), records=lambda: _formula_table(formulas(conv)), data=data, notes=(CONVENTION,))


def other(cost: GraphCost, ops: Sequence[str], data: Any = None) -> Report:
    """A layer that is no convolution: its figures, and the rules of the operators that it comes to."""
    fields = [FIELDS[key] for key in ("name", "op", *KEYS)]
    table = Table(
        columns=heads(fields) if cost.layers else (),
        rows=values(fields, items_of(cost, cost.layers)),
        notes=tuple(f"{op}: {found.formula}" for op in dict.fromkeys(ops) if (found := operator(op))),
    )
    return Report(tables=(table,), data=data, notes=(CONVENTION,))


def _formulas(row: LayerCost, conv: Conv) -> Table:
    table = _formula_table(formulas(conv))
    x, y = (show_shape((conv.batch, *shape)) for shape in (
        (conv.in_channels, *conv.in_size), (conv.out_channels, *conv.out_size)
    ))  # fmt: skip
    return Table(
        name=describe(row),
        facts=(f"x {x}", f"y {y}", conv.dtype),
        columns=table.columns,
        rows=table.rows,
        notes=(LETTERS, _saving(conv)),
    )


def _formula_table(found: Sequence[Formula]) -> Table:
    return Table(columns=(FIGURE, GROUPS, NUMBERS), rows=tuple((f.figure, f.groups, f.numbers) for f in found))


def _saving(conv: Conv) -> str:
    """What the groups divide, and what they leave."""
    if conv.groups == 1:
        return "One group: every output sees every input. G of them would divide weights and MACs by G, nothing else."
    some, dense = cost_of(conv), cost_of(conv.dense)
    moved = [cost.weight_bytes + cost.input_bytes + cost.output_bytes for cost in (some, dense)]
    return (
        f"{conv.groups} groups divide weights and MACs by {conv.groups}, bytes by "
        f"{show_ratio(moved[1], moved[0]).removeprefix('×')}."
    )


def _picture(conv: Conv) -> Table:
    lines = picture(conv.groups, conv.out_channels, conv.in_channels)
    labels = [""] * len(lines)
    labels[0], labels[-1] = "output 0", f"output {conv.out_channels - 1}"
    none, all_of = zeros(conv)
    inputs = Column(key="inputs", header=f"input 0 to {conv.in_channels - 1}", align="left")
    return Table(
        name="The weights that the dense layer would hold",
        facts=(_legend(conv.groups, lines), f"zero {ZERO}"),
        columns=(OUTPUTS, inputs),
        rows=tuple(zip(labels, lines, strict=True)),
        notes=(
            f"Of the {all_of:,} weights of a dense filter, (C − C/G) · K = {none:,} are zero: "
            f"{show_percent(none, all_of)}.",
        ),
    )


def _legend(groups: int, lines: Sequence[str]) -> str:
    if any(FULL in line for line in lines):
        return f"stored {FULL}"
    share = "" if groups % len(lines) else f", {groups // len(lines)} groups a cell"
    return f"stored in part {PART}{share}"


def _check(proof: Proof) -> Table:
    conv = proof.conv
    size = f"{conv.in_channels}→{conv.out_channels} channels in {conv.groups} groups, {show_shape(conv.in_size)}"
    return Table(
        columns=(),
        name="Checked",
        facts=(size, "random whole numbers"),
        notes=(
            f"grouped = dense with zeros off the blocks: in {proof.equal:,} of {proof.outputs:,} outputs, exactly",
            f"grouped ≠ dense with other numbers off the blocks: in {proof.changed:,} of {proof.outputs:,}",
        ),
    )
