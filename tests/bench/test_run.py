"""The whole run: ceilings before and after, every case in its order, and what is left of it after Ctrl-C."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from groupcalc.bench import run as module
from groupcalc.bench.backends import BACKENDS
from groupcalc.bench.result import BenchResult, Case, Failure, Timing
from groupcalc.bench.run import run
from groupcalc.costs.roofline import Ceilings, Level


class World:
    """Stands for the measuring: each case takes a second on the first engine, and fails on the others."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.peaks = [1e9, 3e9]
        self.interrupt_at = ""

    def ceilings(self, threads: int) -> Ceilings:
        self.log.append("ceilings")
        levels = (Level(name="L2", working_set=1, bandwidth_bytes_per_s=1e12),)
        return Ceilings(threads=threads, peak_flops_per_s=self.peaks.pop(0), levels=levels)

    def measure(self, case: Case, engines: Sequence[Any], **rest: Any) -> list[BenchResult | Failure]:
        self.log.append(case.name)
        if case.name == self.interrupt_at:
            raise KeyboardInterrupt
        timing = Timing(samples_s=(1.0,), compile_s=0.0)
        first, *others = engines
        done = BenchResult(case=case, backend=first.backend.name, variant=first.variant, timing=timing)
        return [done, *(Failure(case=case, engine=other.name, reason="no") for other in others)]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(module, "measure_ceilings", world.ceilings)
    monkeypatch.setattr(module, "measure", world.measure)
    return world


@pytest.fixture
def cases(case: Case) -> list[Case]:
    return [replace(case, name=name) for name in "abc"]


def test_ceilings_are_measured_before_and_after_and_the_higher_ones_count(world: World, cases: list[Case]) -> None:
    told: list[str] = []
    bench = run(cases, [BACKENDS["onnxruntime"]], runs=1, min_time_s=0.0, tell=told.append)
    assert world.log == ["ceilings", "a", "b", "c", "ceilings"]
    assert told == ["1/3 a", "2/3 b", "3/3 c"]
    assert bench.ceilings is not None
    assert bench.ceilings.peak_flops_per_s == 3e9
    # 4 outputs of 2 channels each; of 3 taps on 5 pixels with padding 1, 5 + 4 + 4 are on pixels.
    for result in bench.results:
        assert result.estimate is not None
        assert result.estimate.estimate_s == pytest.approx(2 * 4 * 2 * 13 * 13 / 3e9)
    assert [result.engine for result in bench.results] == ["onnxruntime all"] * 3
    assert [failure.engine for failure in bench.failures] == ["onnxruntime extended"] * 3
    assert not bench.interrupted


def test_after_ctrl_c_there_is_what_was_measured_with_the_first_ceilings(world: World, cases: list[Case]) -> None:
    world.interrupt_at = "b"
    bench = run(cases, [BACKENDS["numba"]], runs=1, min_time_s=0.0)
    assert [result.case.name for result in bench.results] == ["a"]
    assert bench.interrupted
    assert bench.ceilings is not None
    assert bench.ceilings.peak_flops_per_s == 1e9


def test_ctrl_c_before_the_first_case_leaves_an_empty_result(
    world: World, cases: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(threads: int) -> Ceilings:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "measure_ceilings", interrupted)
    bench = run(cases, [BACKENDS["numba"]], runs=1, min_time_s=0.0)
    assert (bench.results, bench.ceilings, bench.interrupted) == ((), None, True)
