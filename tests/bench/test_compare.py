"""Comparisons: the best peer of each case, marginal layers of chains, geometric means of families."""

from __future__ import annotations

from math import sqrt

import pytest

from groupcalc.bench.compare import compare, families, geometric_mean
from groupcalc.bench.result import BenchResult, Case, Timing
from groupcalc.conv import conv
from groupcalc.costs.roofline import Estimate

CONV = conv(8, 8, 3, (8, 8), padding=1)


def result(
    name: str, backend: str, *samples: float, variant: str = "", chain: int = 1, bound_s: float | None = None
) -> BenchResult:
    return BenchResult(
        case=Case(name=name, conv=CONV, threads=1, chain=chain),
        backend=backend,
        variant=variant,
        timing=Timing(samples_s=samples, compile_s=0.0),
        estimate=None
        if bound_s is None
        else Estimate(compute_s=bound_s, memory_s=0.0, launch_s=0.0, memory_level="L2"),
    )


def test_the_best_peer_is_the_one_with_the_fastest_sample() -> None:
    [found] = compare(
        [
            result("a", "numba", 2.0, 3.0, 4.0, bound_s=1.0),
            result("a", "torch", 6.0, 6.0, 6.0, variant="nchw"),
            result("a", "torch", 5.0, 9.0, 9.0, variant="channels_last"),
        ],
        "numba",
    )
    assert found.peer is not None
    assert found.peer.engine == "torch channels_last"
    assert (found.ratio, found.median_ratio, found.share) == (5 / 2, 9 / 3, 1 / 2)


def test_tf32_is_no_peer_and_stands_apart() -> None:
    results = [
        result("f/a", "numba", 2.0),
        result("f/a", "torch", 6.0, variant="nchw"),
        result("f/a", "torch", 1.0, variant="nchw tf32"),
        result("f/a", "onnxruntime", 1.5, variant="tf32"),
    ]
    [found] = compare(results, "numba")
    assert found.peer is not None
    assert found.tf32 is not None
    assert (found.peer.engine, found.ratio) == ("torch nchw", 6 / 2)
    assert (found.tf32.engine, found.tf32_ratio) == ("torch nchw tf32", 1 / 2)
    for family in families([found]):
        assert (family.ratio, family.tf32_ratio) == (pytest.approx(6 / 2), pytest.approx(1 / 2))


def test_without_peers_there_is_nothing_to_divide_by() -> None:
    [found] = compare([result("a", "numba", 2.0)], "numba")
    assert (found.peer, found.ratio, found.median_ratio, found.share) == (None, None, None, None)


def test_a_case_that_the_subject_could_not_do_is_not_compared() -> None:
    assert compare([result("a", "torch", 2.0)], "numba") == []


def test_in_a_chain_the_price_of_one_more_layer_is_compared() -> None:
    [found] = compare(
        [
            result("a", "numba", 3.0, 3.5),
            result("a", "onnxruntime", 7.0, 7.0),
            result("a", "numba", 11.0, 11.5, chain=5),
            result("a", "onnxruntime", 11.0, 15.0, chain=5),
        ],
        "numba",
    )
    assert found.peer is not None
    # Numba: (11 - 3) / 4 = 2 a layer; onnxruntime: (11 - 7) / 4 = 1, medians (13 - 7) / 4 = 1.5 and (11.25 - 3.25) / 4.
    assert (found.subject.min_s, found.peer.min_s) == (2.0, 1.0)
    assert (found.ratio, found.median_ratio) == (1 / 2, 1.5 / 2)
    assert found.case.chain == 5


def test_a_chain_no_slower_than_one_layer_is_noise_and_no_figure() -> None:
    assert compare([result("a", "numba", 3.0), result("a", "numba", 3.0, chain=5)], "numba") == []


def test_layers_of_one_name_in_two_networks_are_two_cases() -> None:
    other = Case(name="a", conv=CONV.regroup(2), threads=1)
    second = BenchResult(case=other, backend="numba", variant="", timing=Timing(samples_s=(5.0,), compile_s=0.0))
    assert len(compare([result("a", "numba", 2.0), second], "numba")) == 2


def test_the_mean_of_a_ratio_and_of_its_inverse_agree() -> None:
    ratios = [0.5, 1.0, 8.0]
    mean = geometric_mean(ratios)
    assert mean == pytest.approx((0.5 * 1.0 * 8.0) ** (1 / 3))
    inverse = geometric_mean([1 / ratio for ratio in ratios])
    assert inverse is not None
    assert mean is not None
    assert mean * inverse == pytest.approx(1)
    assert geometric_mean([None, 4.0, 9.0]) == pytest.approx(sqrt(4 * 9))
    assert geometric_mean([None]) is None


def test_every_family_has_its_mean_and_its_worst_case() -> None:
    results = []
    for name, ours, theirs in (
        ("g/kxk/a", 1.0, 2.0),
        ("g/kxk/b", 1.0, 8.0),
        ("g/dw/c", 2.0, 1.0),
        ("dense/d", 1.0, 1.0),
    ):
        results += [result(name, "numba", ours), result(name, "torch", theirs)]
    found = {family.name: family for family in families(compare(results, "numba"))}
    assert list(found) == ["g", "g/kxk", "g/dw", "dense", "all"]
    assert {name: family.cases for name, family in found.items()} == {
        "g": 3,
        "g/kxk": 2,
        "g/dw": 1,
        "dense": 1,
        "all": 4,
    }
    assert found["g/kxk"].ratio == pytest.approx(sqrt(2 * 8))
    assert found["g"].ratio == pytest.approx((2 * 8 * 0.5) ** (1 / 3))
    assert found["g"].worst is not None
    assert found["g"].worst.case.name == "g/dw/c"
    assert found["g"].share is None


def test_names_without_families_make_none() -> None:
    assert families(compare([result("conv1", "numba", 1.0)], "numba")) == []
