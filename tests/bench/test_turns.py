"""Turns: engines verified before they are timed, cases and engines measured round after round, failures said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from groupcalc.bench.backends import BACKENDS
from groupcalc.bench.operands import operands
from groupcalc.bench.result import BenchResult, Case, Failure
from groupcalc.bench.turns import Effort, measure
from groupcalc.bench.worker import Prepared
from groupcalc.conv import conv
from groupcalc.errors import EngineError
from groupcalc.kernels.reference import convolve

LOOPS = 10


class FakeEngine:
    """Stands for an Engine: gives right or planned answers, and writes what it is asked into a common log."""

    def __init__(self, name: str, log: list[str], samples: Sequence[float] = (0.001,), wrong: float = 0.0) -> None:
        self.backend, self.variant, self.name = BACKENDS["torch"], name, f"torch {name}"
        self.log, self.samples, self.wrong = log, samples, wrong
        self.held: list[Case] = []
        self.note = ""
        self.dies_in_burst = self.interrupted_in_burst = 0
        self.dies_on: Case | None = None
        self.alive = False

    def prepare(self, case: Case, keep: bool = False) -> Prepared:
        self.alive = True
        self.held = [*(self.held if keep else []), case]
        self.log.append(f"prepare {self.variant}")
        if case == self.dies_on:
            raise self.dead()
        return Prepared(compile_s=0.5, kernel="k", note=self.note, number=len(self.held) - 1)

    def output(self, number: int = -1) -> Any:
        case = self.held[number]
        given = operands(case)
        y = convolve(case.conv, given.x, given.weights[0], given.biases[0])
        return (y + self.wrong).astype(given.x.dtype)

    def calibrate(self, number: int = -1) -> int:
        return LOOPS

    def burst(self, number: int = -1) -> list[float]:
        label = f"{self.variant}{number}" if len(self.held) > 1 else self.variant
        self.log.append(label)
        if self.log.count(label) == self.dies_in_burst:
            raise self.dead()
        if self.log.count(label) == self.interrupted_in_burst:
            raise KeyboardInterrupt
        return list(self.samples)

    def dead(self) -> EngineError:
        self.alive, self.held = False, []
        return EngineError("its process was killed by SIGSEGV", "", self.name)


def test_float16_has_no_turn_in_tf32() -> None:
    log: list[str] = []
    engines: list[Any] = [FakeEngine("nchw", log), FakeEngine("nchw tf32", log)]
    for dtype, variants in (("float16", ["nchw"]), ("float32", ["nchw", "nchw tf32"])):
        case = Case(name="a", conv=conv(2, 2, 1, (3, 3), dtype=dtype), threads=1)
        found = list(measure([case], engines, Effort(runs=1, min_time_s=0, warmup=0)))
        assert [outcome.variant for outcome in found if isinstance(outcome, BenchResult)] == variants


def test_tf32_is_held_against_its_own_bound(case: Case) -> None:
    # Each output sums 2 channels by 9 taps of numbers about 1 by weights about 18**-0.5.
    found = measured(case, [FakeEngine("nchw", [], wrong=1e-4), FakeEngine("nchw tf32", [], wrong=1e-4)])
    assert [type(each) for each in found] == [Failure, BenchResult]


def measured(case: Case, engines: Sequence[Any], runs: int = 3, min_time_s: float = 0.0, warmup: int = 0) -> Any:
    return list(measure([case], engines, Effort(runs=runs, min_time_s=min_time_s, warmup=warmup)))


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
    bad, good = measured(case, [FakeEngine("good", log), FakeEngine("bad", log, wrong=wrong)])
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


def test_rounds_that_warm_up_are_kept_apart(case: Case) -> None:
    [found] = measured(case, [FakeEngine("a", [], samples=[0.002, 0.001])], runs=2, warmup=1)
    assert found.timing.warmup_s == (0.002, 0.001)
    assert (found.timing.samples_s, found.timing.rounds) == ((0.002, 0.001) * 2, (2, 2))


def test_all_cases_of_a_set_take_part_in_each_round(case: Case) -> None:
    cases = [case, replace(case, conv=case.conv.dense)]
    log: list[str] = []
    found = list(measure(cases, [FakeEngine("a", log), FakeEngine("b", log)], Effort(runs=2, min_time_s=0, warmup=0)))
    assert log[4:] == ["a0", "b0", "a1", "b1", "b0", "a1", "b1", "a0"]
    assert [(each.case.conv.groups, each.engine) for each in found if isinstance(each, BenchResult)] == [
        (2, "torch a"), (2, "torch b"), (1, "torch a"), (1, "torch b"),
    ]  # fmt: skip


def test_a_case_that_kills_its_engine_leaves_it_the_others(case: Case) -> None:
    cases = [case, replace(case, conv=case.conv.dense), replace(case, name="third")]
    log: list[str] = []
    engine = FakeEngine("a", log)
    engine.dies_on = cases[1]
    failed, *found = measure(cases, [engine], Effort(runs=1, min_time_s=0, warmup=0))
    assert failed == Failure(case=cases[1], engine="torch a", reason="its process was killed by SIGSEGV")
    assert [each.case for each in found] == [cases[0], cases[2]]
    assert log == ["prepare a"] * 4 + ["a0", "a1"]  # the first one twice


def test_an_engine_that_dies_in_a_round_loses_all_of_its_cases(case: Case) -> None:
    cases = [case, replace(case, conv=case.conv.dense)]
    engine = FakeEngine("a", [])
    engine.dies_in_burst = 2
    found = list(measure(cases, [engine], Effort(runs=3, min_time_s=0, warmup=0)))
    assert [type(each) for each in found] == [Failure, Failure]


def test_ctrl_c_in_a_round_leaves_what_was_measured_and_goes_on(case: Case) -> None:
    engine = FakeEngine("a", [])
    engine.interrupted_in_burst = 3
    outcomes = measure([case], [engine], Effort(runs=9, min_time_s=0, warmup=0))
    result = next(outcomes)
    with pytest.raises(KeyboardInterrupt):
        next(outcomes)
    assert isinstance(result, BenchResult)
    assert result.timing.samples_s == (0.001, 0.001)


def test_doubtful_samples_are_warned_of(case: Case) -> None:
    [found] = measured(case, [FakeEngine("a", [], samples=[1.0, 1.5, 1.5])])
    assert found.warnings[0] == "3 rounds are too few to tell how far the median is sure: raise --runs"


def test_what_an_engine_knows_to_slow_it_down_is_a_warning(case: Case) -> None:
    engine = FakeEngine("a", [])
    engine.note = "only workqueue threads"
    [found] = measured(case, [engine], runs=5)
    assert found.warnings == ("only workqueue threads",)


def test_what_is_done_next_is_told(case: Case) -> None:
    told: list[str] = []
    list(measure([case], [FakeEngine("a", [])], Effort(runs=2, min_time_s=0, warmup=1), told.append))
    assert told == [
        "family/small at 2 groups: compiled and verified",
        *["family/small: round 1 of at least 2"] * 2,
        "family/small: round 2 of at least 2",
    ]
