"""A benchmark from its first case to its last: ceilings, then every case on every engine, then ceilings again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from groupcalc.bench.backends import Backend
from groupcalc.bench.ceilings import higher, measure_ceilings, with_estimate
from groupcalc.bench.engine import Engine
from groupcalc.bench.machine import machine
from groupcalc.bench.result import Bench, BenchResult, Case, Failure
from groupcalc.bench.turns import Outcome, measure


def run(
    cases: Sequence[Case],
    backends: Sequence[Backend],
    *,
    runs: int,
    min_time_s: float,
    tell: Callable[[str], None] = lambda line: None,
) -> Bench:
    """Measure every case on every variant of every backend. After Ctrl-C, what was measured until then.

    runs        rounds at least, in each of which every engine has its turn
    min_time_s  seconds that each engine is measured for at least, a case
    tell        hears of each case when it is done; never inside a timed region
    """
    outcomes: list[Outcome] = []
    ceilings, interrupted = None, False
    try:
        ceilings = measure_ceilings(cases[0].threads)
        with ExitStack() as stack:
            engines = [stack.enter_context(Engine(backend, name)) for backend in backends for name in backend.variants]
            for number, case in enumerate(cases, 1):
                outcomes += measure(case, engines, runs=runs, min_time_s=min_time_s)
                tell(f"{number}/{len(cases)} {case.name}")
        ceilings = higher(ceilings, measure_ceilings(cases[0].threads))
    except KeyboardInterrupt:
        interrupted = True
    results = [outcome for outcome in outcomes if isinstance(outcome, BenchResult)]
    return Bench(
        results=tuple(with_estimate(result, ceilings) for result in results) if ceilings else tuple(results),
        failures=tuple(outcome for outcome in outcomes if isinstance(outcome, Failure)),
        machine=machine(),
        ceilings=ceilings,
        interrupted=interrupted,
    )
