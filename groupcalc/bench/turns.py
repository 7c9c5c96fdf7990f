"""One case on every engine: each made ready and verified, then all timed in turn, round after round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from groupcalc.bench.engine import Engine
from groupcalc.bench.result import BenchResult, Case, Failure, Timing
from groupcalc.bench.verify import expected
from groupcalc.bench.worker import Prepared
from groupcalc.errors import EngineError

WIDE = 1.25
"""A median this far above the fastest sample is worth a warning."""

Outcome = BenchResult | Failure


@dataclass(slots=True, kw_only=True)
class _Entry:
    """An engine while a case is timed on it."""

    engine: Engine
    prepared: Prepared
    error: float
    loops: int
    samples_s: list[float] = field(default_factory=list)

    @property
    def measured_s(self) -> float:
        return sum(self.samples_s) * self.loops


def measure(case: Case, engines: Sequence[Engine], *, runs: int, min_time_s: float) -> list[Outcome]:
    """What each engine did with a case, in the order of the engines.

    runs        rounds at least
    min_time_s  seconds that each engine is measured for at least
    """
    outcomes: dict[str, Outcome] = {}
    entries = []
    truth = expected(case)
    for engine in engines:
        try:
            prepared = engine.prepare(case)
            error = truth.error(engine.output())
            entries.append(_Entry(engine=engine, prepared=prepared, error=error, loops=engine.calibrate()))
        except EngineError as failed:
            outcomes[engine.name] = _failure(case, engine, failed)
    for entry, reason in _take_turns(entries, runs, min_time_s):
        outcomes[entry.engine.name] = _failure(case, entry.engine, reason)
        entries.remove(entry)
    for entry in entries:
        outcomes[entry.engine.name] = _result(case, entry)
    return [outcomes[engine.name] for engine in engines]


def _take_turns(entries: Sequence[_Entry], runs: int, min_time_s: float) -> Iterator[tuple[_Entry, EngineError]]:
    """Rounds until every engine has enough samples; those that fail on the way are given up.

    Each round begins with another engine, so that none is always behind the same one.
    """
    alive, rounds = list(entries), 0
    while alive and (rounds < runs or min(entry.measured_s for entry in alive) < min_time_s):
        first = rounds % len(alive)
        for entry in (*alive[first:], *alive[:first]):
            try:
                entry.samples_s += entry.engine.burst()
            except EngineError as failed:
                alive.remove(entry)
                yield entry, failed
        rounds += 1


def _failure(case: Case, engine: Engine, failed: EngineError) -> Failure:
    return Failure(case=case, engine=engine.name, reason=failed.fact)


def _result(case: Case, entry: _Entry) -> BenchResult:
    timing = Timing(samples_s=tuple(entry.samples_s), compile_s=entry.prepared.compile_s)
    backend, variant = entry.engine.backend.name, entry.engine.variant
    return BenchResult(
        case=case,
        backend=backend,
        variant=variant,
        timing=timing,
        kernel=entry.prepared.kernel,
        error=entry.error,
        warnings=tuple(_warnings(timing)),
    )


def _warnings(timing: Timing) -> Iterator[str]:
    spread = timing.median_s / timing.min_s
    if spread > WIDE:
        percent = round(100 * (spread - 1))
        yield f"half of the samples are {percent} % or more above the fastest (run again on a quiet machine)"
