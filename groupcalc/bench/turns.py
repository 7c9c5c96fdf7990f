"""Some cases on every engine: each made ready and verified, then all timed in turn, round after round."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from groupcalc.bench.engine import Engine
from groupcalc.bench.noise import noise
from groupcalc.bench.result import BenchResult, Case, Failure, Timing, in_tf32
from groupcalc.bench.verify import Expected, expected
from groupcalc.bench.worker import Prepared
from groupcalc.errors import EngineError

Outcome = BenchResult | Failure
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long is measured.

    runs        rounds at least
    min_time_s  seconds that each engine is measured for at least, a case
    warmup      rounds before them that count for nothing
    """

    runs: int = 10
    min_time_s: float = 0.2
    warmup: int = 1


@dataclass(slots=True, kw_only=True, eq=False)
class _Entry:
    """A case on an engine while it is timed."""

    case: Case
    engine: Engine
    prepared: Prepared
    error: float
    loops: int
    warmup_s: list[float] = field(default_factory=list)
    turns: list[list[float]] = field(default_factory=list)

    @property
    def measured_s(self) -> float:
        return sum(map(sum, self.turns)) * self.loops


def measure(
    cases: Sequence[Case], engines: Sequence[Engine], effort: Effort, tell: Tell = lambda line: None
) -> Iterator[Outcome]:
    """What the engines did with the cases. After Ctrl-C, KeyboardInterrupt follows on what was measured until then.

    All of the cases take part in each round, so that what changes on the machine meanwhile hits them alike.
    tell  hears what is done next; never inside a timed region
    """
    entries: list[_Entry] = []
    interrupted = False
    try:
        for number, case in enumerate(cases):
            tell(f"{case.name} at {case.conv.groups} groups: compiled and verified")
            yield from _make_ready(case, engines, entries, keep=number > 0)
        yield from _take_turns(entries, effort, tell)
    except KeyboardInterrupt:
        interrupted = True
    yield from (_result(entry) for entry in entries if entry.turns)
    if interrupted:
        raise KeyboardInterrupt


def _make_ready(case: Case, engines: Sequence[Engine], entries: list[_Entry], keep: bool) -> Iterator[Failure]:
    """An entry for each engine that computes the case correctly, a failure for each that does not."""

    @cache
    def truth(tf32: bool) -> Expected:
        return expected(case, tf32)

    for engine in engines:
        if in_tf32(engine.variant) and case.conv.dtype != "float32":
            continue  # it would be the variant before it once more
        try:
            prepared = engine.prepare(case, keep)
            error = truth(in_tf32(engine.variant)).error(engine.output())
            loops = engine.calibrate()
        except EngineError as failed:
            yield _failure(case, engine, failed)
            if not engine.alive:
                yield from _make_ready_again(engine, entries)
        else:
            entries.append(_Entry(case=case, engine=engine, prepared=prepared, error=error, loops=loops))


def _make_ready_again(engine: Engine, entries: list[_Entry]) -> Iterator[Failure]:
    """The cases that an engine held when its process died, in a new one."""
    lost = [entry for entry in entries if entry.engine is engine]
    for entry in lost:
        try:
            entry.prepared = engine.prepare(entry.case, keep=engine.alive)
            entry.loops = engine.calibrate()
        except EngineError as failed:
            yield _failure(entry.case, engine, failed)
            entries.remove(entry)


def _take_turns(entries: list[_Entry], effort: Effort, tell: Tell) -> Iterator[Failure]:
    """Rounds until every entry has enough samples; those that fail on the way are taken out.

    Each round begins with another entry, so that none is always behind the same one.
    """
    rounds = -effort.warmup
    while entries and (rounds < effort.runs or min(entry.measured_s for entry in entries) < effort.min_time_s):
        tell(f"{entries[0].case.name}: round {max(rounds, 0) + 1} of at least {effort.runs}")
        first = rounds % len(entries)
        for entry in (*entries[first:], *entries[:first]):
            if entry not in entries:  # its engine died in this round
                continue
            try:
                turn = entry.engine.burst(entry.prepared.number)
            except EngineError as failed:
                yield from _give_up(entry, entries, failed)
                continue
            if rounds < 0:
                entry.warmup_s += turn
            else:
                entry.turns.append(turn)
        rounds += 1


def _give_up(entry: _Entry, entries: list[_Entry], failed: EngineError) -> Iterator[Failure]:
    """Take out an entry that failed, and with a process that died all the others that it held."""
    gone = [each for each in entries if each is entry or (each.engine is entry.engine and not entry.engine.alive)]
    for each in gone:
        entries.remove(each)
        yield _failure(each.case, each.engine, failed)


def _failure(case: Case, engine: Engine, failed: EngineError) -> Failure:
    return Failure(case=case, engine=engine.name, reason=failed.fact)


def _result(entry: _Entry) -> BenchResult:
    timing = Timing(
        samples_s=tuple(sample for turn in entry.turns for sample in turn),
        compile_s=entry.prepared.compile_s,
        rounds=tuple(map(len, entry.turns)),
        loops=entry.loops,
        warmup_s=tuple(entry.warmup_s),
    )
    return BenchResult(
        case=entry.case,
        backend=entry.engine.backend.name,
        variant=entry.engine.variant,
        timing=timing,
        kernel=entry.prepared.kernel,
        idle_lanes=entry.prepared.idle_lanes,
        error=entry.error,
        warnings=(*filter(None, [entry.prepared.note]), *noise(timing, cold=entry.case.cold)),
    )
