"""Turns: engines verified before they are timed, measured round after round, failures beside results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from groupcalc.bench.backends import BACKENDS
from groupcalc.bench.operands import operands
from groupcalc.bench.result import BenchResult, Case, Failure
from groupcalc.bench.turns import measure
from groupcalc.bench.worker import Prepared
from groupcalc.errors import EngineError
from groupcalc.kernels.reference import convolve

LOOPS = 10


class FakeEngine:
    """Stands for an Engine: gives right or planned answers, and writes what it is asked into a common log."""

    def __init__(self, name: str, log: list[str], samples: Sequence[float] = (0.001,), wrong: float = 0.0) -> None:
        self.backend, self.variant, self.name = BACKENDS["torch"], name, f"torch {name}"
        self.log, self.samples, self.wrong = log, samples, wrong
        self.case: Case | None = None
        self.dies_in_burst = 0

    def prepare(self, case: Case) -> Prepared:
        self.case = case
        self.log.append(f"prepare {self.variant}")
        return Prepared(compile_s=0.5, kernel="k")

    def output(self) -> Any:
        assert self.case is not None
        given = operands(self.case)
        y = convolve(self.case.conv, given.x, given.weights[0], given.biases[0])
        return (y + self.wrong).astype(np.float32)

    def calibrate(self) -> int:
        return LOOPS

    def burst(self) -> list[float]:
        self.log.append(self.variant)
        if self.dies_in_burst and self.log.count(self.variant) == self.dies_in_burst:
            raise EngineError("its process was killed by SIGSEGV", "", self.name)
        return list(self.samples)


def measured(case: Case, engines: Sequence[Any], runs: int = 3, min_time_s: float = 0.0) -> Any:
    return measure(case, engines, runs=runs, min_time_s=min_time_s)


def test_rounds_are_interleaved_and_each_begins_with_another_engine(case: Case) -> None:
    log: list[str] = []
    measured(case, [FakeEngine(name, log) for name in "abc"])
    assert log == [*(f"prepare {name}" for name in "abc"), *"abc", *"bca", *"cab"]


def test_rounds_go_on_until_every_engine_was_measured_long_enough(case: Case) -> None:
    log: list[str] = []
    slow, fast = FakeEngine("slow", log, samples=[0.1]), FakeEngine("fast", log, samples=[0.001, 0.001])
    measured(case, [slow, fast], runs=1, min_time_s=0.1)
    # A turn of the fast one measures 2 samples of LOOPS calls: 0.02 s.
    assert log.count("fast") == round(0.1 / (2 * LOOPS * 0.001))


def test_every_raw_sample_is_kept(case: Case) -> None:
    [found] = measured(case, [FakeEngine("a", [], samples=[0.002, 0.001])], runs=2)
    assert found.timing.samples_s == (0.002, 0.001, 0.002, 0.001)
    assert (found.timing.compile_s, found.kernel) == (0.5, "k")


def test_an_output_within_rounding_has_its_error_in_the_result(case: Case) -> None:
    [found] = measured(case, [FakeEngine("a", [])])
    assert isinstance(found, BenchResult)
    assert 0 < found.error < 1


@pytest.mark.parametrize("wrong", [0.01, np.nan])
def test_a_wrong_output_is_never_timed(case: Case, wrong: float) -> None:
    log: list[str] = []
    good, bad = measured(case, [FakeEngine("good", log), FakeEngine("bad", log, wrong=wrong)])
    assert isinstance(good, BenchResult)
    assert isinstance(bad, Failure)
    assert bad.engine == "torch bad"
    assert bad.reason.startswith("its output is wrong: off by ")
    assert "bad" not in log


def test_an_engine_that_dies_on_the_way_leaves_the_others_their_rounds(case: Case) -> None:
    log: list[str] = []
    dying = FakeEngine("dying", log)
    dying.dies_in_burst = 2
    dead, well = measured(case, [dying, FakeEngine("well", log)])
    assert dead == Failure(case=case, engine="torch dying", reason="its process was killed by SIGSEGV")
    assert len(well.timing.samples_s) == 3


def test_wide_samples_are_warned_of_and_narrow_ones_are_not(case: Case) -> None:
    wide, narrow = measured(
        case, [FakeEngine("wide", [], samples=[1.0, 1.5, 1.5]), FakeEngine("narrow", [], samples=[1.0, 1.1, 9.0])]
    )
    assert wide.warnings == ("half of the samples are 50 % or more above the fastest (run again on a quiet machine)",)
    assert narrow.warnings == ()
