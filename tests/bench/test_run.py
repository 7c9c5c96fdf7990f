"""The whole run: every set of cases in its order, each result beside its estimate, and what is left after Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from groupcalc.bench import run as module
from groupcalc.bench.backends import BACKENDS
from groupcalc.bench.engine import Engine
from groupcalc.bench.result import BenchResult, Case, Failure, Timing
from groupcalc.bench.run import run
from groupcalc.bench.turns import Effort
from groupcalc.costs.roofline import Ceilings, Level

LEVELS = (Level(name="L2", working_set=1, bandwidth_bytes_per_s=1e12),)
CEILINGS = Ceilings(threads=1, peak_flops_per_s=3e9, levels=LEVELS, launch_s=1e-6)
ENGINES = [Engine(BACKENDS["onnxruntime"], variant) for variant in ("all", "extended")]


class World:
    """Stands for the measuring: each case takes a second on the first engine, and fails on the others."""

    def __init__(self) -> None:
        self.log: list[list[str]] = []
        self.interrupt_at = ""

    def measure(
        self, cases: Sequence[Case], engines: Sequence[Any], effort: Effort, tell: Any
    ) -> Iterator[BenchResult | Failure]:
        self.log.append([case.name for case in cases])
        for case in cases:
            tell(case.name)
            if case.name == self.interrupt_at:
                raise KeyboardInterrupt
            first, *others = engines
            timing = Timing(samples_s=(1.0,))
            yield BenchResult(case=case, backend=first.backend.name, variant=first.variant, timing=timing)
            for other in others:
                yield Failure(case=case, engine=other.name, reason="no")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(module, "measure", world.measure)
    return world


@pytest.fixture
def sets(case: Case) -> list[list[Case]]:
    a, b, c = (replace(case, name=name) for name in "abc")
    return [[a, b], [c]]


def test_sets_are_measured_one_after_the_other(world: World, sets: list[list[Case]]) -> None:
    told: list[str] = []
    bench = run(sets, ENGINES, CEILINGS, Effort(), told.append)
    assert world.log == [["a", "b"], ["c"]]
    assert told == ["1/2 a", "1/2 b", "2/2 c"]
    assert [result.engine for result in bench.results] == ["onnxruntime all"] * 3
    assert [failure.engine for failure in bench.failures] == ["onnxruntime extended"] * 3
    assert not bench.interrupted


def test_each_result_stands_beside_its_estimate(world: World, sets: list[list[Case]]) -> None:
    # 4 outputs of 2 channels each; of 3 taps on 5 pixels with padding 1, 5 + 4 + 4 are on pixels.
    for result in run(sets, ENGINES, CEILINGS, Effort()).results:
        assert result.estimate is not None
        assert result.estimate.estimate_s == pytest.approx(1e-6 + 2 * 4 * 2 * 13 * 13 / 3e9)


def test_after_ctrl_c_there_is_what_was_measured(world: World, sets: list[list[Case]]) -> None:
    world.interrupt_at = "b"
    bench = run(sets, ENGINES, CEILINGS, Effort())
    assert [result.case.name for result in bench.results] == ["a"]
    assert bench.interrupted
