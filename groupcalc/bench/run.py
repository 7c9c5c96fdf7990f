"""A benchmark from its first case to its last: sets of cases, one after the other, on every engine."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from groupcalc.bench.engine import Engine
from groupcalc.bench.estimates import estimate
from groupcalc.bench.machine import machine
from groupcalc.bench.noise import unquiet
from groupcalc.bench.result import Bench, BenchResult, Case, Failure
from groupcalc.bench.turns import Effort, Outcome, Tell, measure
from groupcalc.costs.roofline import Ceilings


def run(
    sets: Sequence[Sequence[Case]],
    engines: Sequence[Engine],
    ceilings: Ceilings,
    effort: Effort,
    tell: Tell = lambda line: None,
    gpu: dict[str, Any] | None = None,
) -> Bench:
    """Measure every case on every engine. After Ctrl-C, what was measured until then.

    sets  of cases that take turns, such as one layer at several group counts; one set after the other
    tell  hears what is done next; never inside a timed region
    gpu   facts of the GPU that the cases run on; None: the CPU
    """
    facts, outcomes, interrupted = machine(), list[Outcome](), False
    warnings = () if gpu else tuple(unquiet(ceilings.threads, facts["cpus"]))
    try:
        with ExitStack() as stack:
            running = [stack.enter_context(engine) for engine in engines]
            for number, cases in enumerate(sets, 1):
                place = f"{number}/{len(sets)} " if len(sets) > 1 else ""
                for outcome in measure(cases, running, effort, partial(_tell, tell, place)):
                    outcomes.append(outcome)
    except KeyboardInterrupt:
        interrupted = True
    results = [outcome for outcome in outcomes if isinstance(outcome, BenchResult)]
    return Bench(
        results=tuple(replace(result, estimate=estimate(result.case, ceilings)) for result in results),
        failures=tuple(outcome for outcome in outcomes if isinstance(outcome, Failure)),
        machine=facts | ({"gpu": gpu} if gpu else {}),
        ceilings=ceilings,
        warnings=warnings,
        interrupted=interrupted,
    )


def _tell(tell: Tell, place: str, line: str) -> None:
    tell(place + line)
