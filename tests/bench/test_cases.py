"""Which layers of a network can be timed."""

from __future__ import annotations

import pytest

from groupcalc.bench.cases import cases_of, distinct, sweep
from groupcalc.errors import InputError
from groupcalc.sources.spec import load_lines

NET = load_lines(
    ["a = Conv2d(8, 8, 3, padding=1) @ 8x8", "b = ReLU()", "c = Conv2d(8, 4, 1)", "d = ConvTranspose2d(4, 4, 2)"]
)


def test_each_convolution_is_a_case_and_the_others_are_said() -> None:
    cases, skipped = cases_of(NET.layers, threads=2, seed=7)
    assert [(case.name, case.chain, case.threads, case.seed) for case in cases] == [("a", 1, 2, 7), ("c", 1, 2, 7)]
    assert skipped == ("left out, as no convolution of the kernels: b (Relu), d (ConvTranspose)",)


def test_a_chain_needs_layers_whose_output_fits_their_input() -> None:
    cases, skipped = cases_of(NET.layers, threads=1, chain=5)
    assert [(case.name, case.chain) for case in cases] == [("a", 1), ("a", 5)]
    assert "left out, as a chain needs an output that fits its input: c" in skipped


def test_a_network_without_such_a_layer_is_refused() -> None:
    with pytest.raises(InputError, match="has no layer that can be timed"):
        cases_of(load_lines(["ReLU() @ 1x8x8x8"]).layers, threads=1)


def test_another_dtype_is_left_out() -> None:
    net = load_lines(["Conv2d(8, 8, 1, dtype=torch.float16) @ 8x8", "Conv2d(8, 8, 1) @ 8x8"])
    cases, skipped = cases_of(net.layers, threads=1)
    assert [case.name for case in cases] == ["layer2"]
    assert skipped == ("left out, as the kernels are float32, not float16: layer1",)


def test_a_gpu_takes_float16_and_no_bfloat16() -> None:
    lines = [f"Conv2d(8, 8, 1, dtype=torch.{dtype}) @ 8x8" for dtype in ("float16", "bfloat16")]
    cases, skipped = cases_of(load_lines(lines).layers, threads=1, device="cuda")
    assert [(case.name, case.conv.dtype, case.device) for case in cases] == [("layer1", "float16", "cuda")]
    assert skipped == ("left out, as the kernels are float32 and float16, not bfloat16: layer2",)


def test_a_dtype_takes_the_place_of_the_layers_own() -> None:
    net = load_lines(["Conv2d(8, 8, 1, dtype=torch.bfloat16) @ 8x8", "Conv2d(8, 8, 1) @ 8x8"])
    for dtype, device in (("float32", "cpu"), ("float16", "cuda")):
        cases, skipped = cases_of(net.layers, threads=1, device=device, dtype=dtype)
        assert ([case.conv.dtype for case in cases], skipped) == ([dtype] * 2, ())
    assert cases[0].traffic == 2 * (8 * 8 * 8 + 8 * 8 + 8 + 8 * 8 * 8)  # bytes of x, w, bias and y


def test_many_layers_left_out_for_one_reason_are_one_line() -> None:
    net = load_lines(["Conv2d(8, 8, 1) @ 8x8", *["ReLU()"] * 5])
    _, skipped = cases_of(net.layers, threads=1)
    named = "layer2 (Relu), layer3 (Relu), layer4 (Relu) and 2 more"
    assert skipped == (f"left out, as no convolution of the kernels: {named}",)


def test_equal_layers_are_one_case_with_their_number() -> None:
    net = load_lines(
        ["a = Conv2d(8, 8, 1) @ 8x8", "b = Conv2d(8, 8, 1) @ 8x8 *3", "c = Conv2d(8, 8, 1, groups=2) @ 8x8"]
    )
    cases, _ = cases_of(net.layers, threads=1)
    assert [(case.name, case.count) for case in distinct(cases)] == [("a", 1 + 3), ("c", 1)]


def test_a_sweep_has_the_baseline_and_every_count_that_divides_ascending() -> None:
    [case], _ = cases_of(load_lines(["a = Conv2d(8, 12, 1, groups=4) @ 8x8"]).layers, threads=1)
    found, skipped = sweep(case, (4, 2, 3, 2), baseline=True)
    assert [each.conv.groups for each in found] == [1, 2, 4]
    assert skipped == ["a at 3 groups is left out: groups=3 does not divide in_channels=8 (use 1, 2, 4)"]
    assert [each.conv.groups for each in sweep(case, (4, 2), baseline=False)[0]] == [2, 4]
