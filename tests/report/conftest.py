"""Hand-made costs for the tests of the report; figures follow from the geometry by the formulas spelled out here."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from types import SimpleNamespace

import pytest

from groupcalc.conv import Conv, conv
from groupcalc.costs.cost import Cost, GraphCost, LayerCost
from groupcalc.graph import Tensor, Uncounted
from groupcalc.whatif import Skipped, WhatIf

HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "\x9b2J",
    "[bold]markup[/bold]",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a|b\\|c`d`*e*_f_",
    "[link](https://example.com) www.example.com @user #12",
    "=HYPERLINK(0)",
    "+1",
    "-1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "two\nlines",
    "\u202egnp.exe",
    "lone \ud800 surrogate",
    "::warning::x",
    "",
)
"""Names that some reader of some format would obey."""


def row_of(name: str, layer: Conv, repeat: int = 1) -> LayerCost:
    """MACs = outputs · taps · in_channels/G; weights and bias are params; float32."""
    made = layer.layer(name, repeat=repeat)
    x, y = made.inputs[0], made.outputs[0]
    assert x is not None
    bias = layer.out_channels if layer.bias else 0
    weights, dense = prod(layer.weight_shape), prod(layer.dense.weight_shape)
    macs = y.size * weights // layer.out_channels
    cost = Cost(
        params=weights + bias,
        macs=macs,
        flops=2 * macs + (y.size if layer.bias else 0),
        weight_bytes=4 * (weights + bias),
        input_bytes=x.nbytes,
        output_bytes=y.nbytes,
        dense_macs=macs * layer.groups,
        dense_params=dense + bias,
    )
    return LayerCost(
        name=name, op=made.op, groups=layer.groups, inputs=(x.shape,), outputs=(y.shape,), cost=cost * repeat,
        repeat=repeat, layer=made,
    )  # fmt: skip


def plain_row(name: str, op: str, shape: tuple[int, ...], out: tuple[int, ...] | None = None, **cost: int) -> LayerCost:
    """A row of an operator without groups, as it comes back from a saved result."""
    out = shape if out is None else out
    figures = Cost(input_bytes=4 * prod(shape), output_bytes=4 * prod(out), **cost)
    return LayerCost(name=name, op=op, groups=1, inputs=(shape,), outputs=(out,), cost=figures)


def model_of(
    *rows: LayerCost,
    path: str = "model.onnx",
    uncounted: tuple[Uncounted, ...] = (),
    warnings: tuple[str, ...] = (),
) -> GraphCost:
    """A model of these rows; its input is that of the first."""
    shape = rows[0].inputs[0] if rows else (1,)
    return GraphCost(
        name=path,
        path=path,
        inputs=(Tensor(name="x", shape=shape),),
        layers=rows,
        totals=Cost.total(row.cost for row in rows),
        peak_activation_bytes=max((row.cost.input_bytes + row.cost.output_bytes for row in rows), default=0),
        uncounted=uncounted,
        warnings=warnings,
    )


def block(prefix: str, channels: int, width: int, size: int) -> list[LayerCost]:
    """A ResNeXt bottleneck: reduce, 32 groups of 3×3, expand, each convolution with a Relu behind it."""
    rows = [
        row_of(f"{prefix}/conv1/Conv", conv(channels, width, 1, (size, size))),
        row_of(f"{prefix}/conv2/Conv", conv(width, width, 3, (size, size), padding=1, groups=32)),
        row_of(f"{prefix}/conv3/Conv", conv(width, 2 * width, 1, (size, size))),
    ]
    elements = 2 * width * size * size
    return [*rows, plain_row(f"{prefix}/relu/Relu", "Relu", (1, 2 * width, size, size), flops=elements)]


def resnext(path: str = "nets/resnext.onnx") -> GraphCost:
    """A small ResNeXt: a stem, three bottlenecks, a classifier."""
    stem = conv(3, 64, 7, (224, 224), stride=2, padding=3, bias=False)
    head = plain_row(
        "/fc/Gemm", "Gemm", (1, 1024), (1, 1000), params=1_025_000, macs=1_024_000, flops=2_049_000,
        weight_bytes=4_100_000, dense_macs=1_024_000, dense_params=1_025_000,
    )  # fmt: skip
    return model_of(
        row_of("/conv1/Conv", stem),
        *block("/layer1/layer1.0", 64, 128, 56),
        *block("/layer2/layer2.0", 256, 256, 28),
        *block("/layer3/layer3.0", 512, 512, 14),
        head,
        path=path,
    )


def at_groups(cost: GraphCost, groups: int) -> WhatIf:
    """The what-if of a model: every convolution that divides, regrouped."""
    rows: list[LayerCost] = []
    regrouped: list[LayerCost] = []
    skipped: list[Skipped] = []
    for row in cost.layers:
        geometry = Conv.of(row.layer) if row.layer else None
        if geometry is None:
            rows.append(row)
        elif geometry.in_channels % groups or geometry.out_channels % groups:
            rows.append(row)
            skipped.append(Skipped(name=row.name, reason=f"groups={groups} does not divide {geometry.in_channels}"))
        else:
            rows.append(row_of(row.name, geometry.regroup(groups), row.repeat))
            regrouped.append(rows[-1])
    return WhatIf(
        model=cost.path,
        groups=groups,
        totals=Cost.total(row.cost for row in rows),
        peak_activation_bytes=cost.peak_activation_bytes,
        layers=tuple(regrouped),
        skipped=tuple(skipped),
    )


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """The makers of this file; pytest imports tests without a package, so they come as a fixture."""
    return SimpleNamespace(
        row=row_of, plain=plain_row, model=model_of, resnext=resnext, at_groups=at_groups, conv=conv, hostile=HOSTILE
    )


@pytest.fixture(params=HOSTILE, ids=ascii)
def hostile(request: pytest.FixtureRequest) -> str:
    """One name at a time."""
    return str(request.param)


@pytest.fixture
def hostile_model(hostile: str) -> GraphCost:
    """A model in which everything that a file names bears the hostile name."""
    row = replace(row_of(hostile, conv(64, 64, 3, (8, 8), groups=4)), shared=(hostile,))
    other = plain_row("second", f"acme::{hostile}", (1, 8))
    node = Uncounted(name=hostile, op=hostile, reason=f"no rule for {hostile}")
    return model_of(row, other, path=f"{hostile}.onnx", uncounted=(node,), warnings=(hostile,))
