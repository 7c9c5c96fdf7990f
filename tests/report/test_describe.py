"""Every operator in one phrase."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from groupcalc.report.views.describe import describe


@pytest.mark.parametrize(
    ("arguments", "phrase"),
    [
        ({}, "Conv 64→128 k3 s1"),
        ({"groups": 32}, "Conv 64→128 k3 s1 g32"),
        ({"groups": 64}, "Conv 64→128 k3 s1 dw"),
        ({"stride": 2, "dilation": 2}, "Conv 64→128 k3 s2 d2"),
        ({"kernel_size": (3, 5), "stride": (1, 2)}, "Conv 64→128 k3×5 s1×2"),
        ({"in_size": (9,)}, "Conv 64→128 k3 s1"),
        ({"in_size": (9, 9, 9), "kernel_size": (1, 3, 3)}, "Conv 64→128 k1×3×3 s1"),
        ({"transposed": True, "groups": 2}, "ConvTranspose 64→128 k3 s1 g2"),
    ],
)
def test_a_convolution_is_its_geometry(make: SimpleNamespace, arguments: dict[str, Any], phrase: str) -> None:
    arguments = {"kernel_size": 3, "in_size": (9, 9)} | arguments
    assert describe(make.row("c", make.conv(64, 128, **arguments))) == phrase


def test_the_grouping_can_be_left_out(make: SimpleNamespace) -> None:
    assert describe(make.row("c", make.conv(64, 64, 3, (9, 9), groups=64)), groups=False) == "Conv 64→64 k3 s1"


def test_repeats_are_said(make: SimpleNamespace) -> None:
    assert describe(make.row("c", make.conv(8, 8, 1, (9, 9)), repeat=3)) == "Conv 8→8 k1 s1 ×3"


def test_a_convolution_read_back_without_its_geometry_has_its_output(make: SimpleNamespace) -> None:
    row = make.row("c", make.conv(8, 16, 1, (9, 9)))
    saved = replace(row, layer=None)
    assert describe(saved) == "Conv 16×9×9"
    assert describe(replace(saved, geometry=row.conv)) == describe(row) == "Conv 8→16 k1 s1"


def test_products_and_others(make: SimpleNamespace) -> None:
    assert describe(make.plain("g", "Gemm", (1, 2048), (1, 1000))) == "Gemm 2048→1000"
    assert describe(make.plain("g", "Gemm", (2048, 1), (1, 1000))) == "Gemm 2048→1000"  # transA
    assert describe(make.plain("g", "Gemm", (8, 8), (8, 5))) == "Gemm 8→5"
    assert describe(make.plain("m", "MatMul", (1, 197, 768), (1, 197, 3072))) == "MatMul 768→3072"
    two = replace(make.plain("m", "MatMul", (1, 12, 4, 8), (1, 12, 4, 6)), inputs=((1, 12, 4, 8), (1, 12, 8, 6)))
    assert describe(two) == "MatMul 12×4×8 · 12×8×6"
    assert describe(make.plain("r", "Relu", (1, 64, 56, 56))) == "Relu 64×56×56"
    assert describe(make.plain("r", "Relu", (8, 64))) == "Relu 8×64"
    assert describe(make.plain("r", "ReduceMean", (8, 64), ())) == "ReduceMean"
