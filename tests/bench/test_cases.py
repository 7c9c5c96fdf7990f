"""Which layers of a network can be timed."""

from __future__ import annotations

import pytest

from groupcalc.bench.cases import cases_of
from groupcalc.errors import InputError
from groupcalc.sources.spec import load_lines

NET = load_lines(
    ["a = Conv2d(8, 8, 3, padding=1) @ 8x8", "b = ReLU()", "c = Conv2d(8, 4, 1)", "d = ConvTranspose2d(4, 4, 2)"]
)


def test_each_convolution_is_a_case_and_the_others_are_said() -> None:
    cases, skipped = cases_of(NET, threads=2, seed=7)
    assert [(case.name, case.chain, case.threads, case.seed) for case in cases] == [("a", 1, 2, 7), ("c", 1, 2, 7)]
    assert skipped == [
        "b is left out: Relu is no convolution of the kernels",
        "d is left out: ConvTranspose is no convolution of the kernels",
    ]


def test_a_chain_needs_layers_whose_output_fits_their_input() -> None:
    cases, skipped = cases_of(NET, threads=1, chain=5)
    assert [(case.name, case.chain) for case in cases] == [("a", 1), ("a", 5)]
    assert "c is left out: its output is no input of its own, as a chain needs" in skipped


def test_a_network_without_such_a_layer_is_refused() -> None:
    with pytest.raises(InputError, match="has no layer that can be timed"):
        cases_of(load_lines(["ReLU() @ 1x8x8x8"]), threads=1)


def test_another_dtype_is_left_out() -> None:
    net = load_lines(["Conv2d(8, 8, 1, dtype=torch.float16) @ 8x8", "Conv2d(8, 8, 1) @ 8x8"])
    cases, skipped = cases_of(net, threads=1)
    assert [case.name for case in cases] == ["layer2"]
    assert skipped == ["layer1 is left out: it is float16, the kernels are float32"]
