"""The costs of many inputs: in this process or in several, and the errors of those that cannot be read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from groupcalc.cli.screen import note, tracked
from groupcalc.config import Config
from groupcalc.costs.cost import GraphCost
from groupcalc.errors import GroupcalcError, InputError, MissingDimsError, UsageError
from groupcalc.price import price
from groupcalc.sources.given import Given, check_used
from groupcalc.sources.targets import Failure, Target, expand

MAX_JOBS = 61
"""More processes than that a pool on Windows cannot wait for."""


@dataclass(slots=True)
class Priced:
    """What became of the inputs."""

    costs: list[GraphCost] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How inputs are read.

    given    shapes and sizes from the flags, which must name what some model has
    config   those of the configuration, which may name what others have
    command  what a person typed
    alone    it takes an input and these flags alone, so that it can be suggested as a whole
    """

    given: Given = field(default_factory=Given)
    config: Config = field(default_factory=Config)
    command: str = "groupcalc analyze"
    alone: bool = False
    jobs: int = 1
    progress: bool | None = None
    verbose: bool = False


def price_all(inputs: Sequence[str], how: How) -> Priced:
    """Cost every input, or those of the configuration; one that cannot be read stands in `failures`, and stops no
    other."""
    inputs = inputs or how.config.inputs
    if not inputs:
        way_out = "give a .onnx file, a layer file or a layer line; --help shows examples"
        raise UsageError("there is no INPUT", way_out, how.command)
    targets, failures = expand(inputs)
    priced = price_targets(targets, how)
    priced.failures[:0] = failures
    if priced.costs and not priced.failures:
        tensors = (tensor.name for cost in priced.costs for tensor in cost.inputs)
        check_used(how.given, tensors, (symbol for cost in priced.costs for symbol in cost.symbols))
    return priced


def price_targets(targets: Sequence[Target], how: How) -> Priced:
    """Cost every target."""
    priced = Priced()
    for outcome in tracked(_outcomes(targets, how), len(targets), how.progress):
        if isinstance(outcome.result, GroupcalcError):
            priced.failures.append(Failure(path=outcome.target.path, error=outcome.result))
        else:
            priced.costs += outcome.result
        if how.verbose:
            note(f"{outcome.target.path}: read in {outcome.seconds:.2f} s")
            for line in outcome.traceback.splitlines():
                note(line)
    return priced


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One target's costs, or why it has none.

    traceback  where in groupcalc it failed, when that is groupcalc's own fault
    """

    target: Target
    result: list[GraphCost] | GroupcalcError
    seconds: float
    traceback: str = ""


def _outcomes(targets: Sequence[Target], how: How) -> Iterator[Outcome]:
    givens = [how.config.given_for(target.path, how.given) for target in targets]
    jobs = min(how.jobs or os.cpu_count() or 1, len(targets), MAX_JOBS)
    if jobs <= 1:
        yield from map(_outcome, targets, givens, [how.command if how.alone else ""] * len(targets))
        return
    import signal
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    # Spawned, not forked: a fork copies whatever threads and locks a library has made by then.
    # On Ctrl-C each process ends without a word; this one speaks for all.
    with ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_DFL)
    ) as pool:
        try:
            yield from pool.map(_outcome, targets, givens, [how.command if how.alone else ""] * len(targets))
        except BrokenProcessPool as error:
            raise InputError("a process was killed", "perhaps for its memory: use fewer", "--jobs") from error


def _outcome(target: Target, given: Given, command: str) -> Outcome:
    start = perf_counter()
    result: list[GraphCost] | GroupcalcError
    traceback = ""
    try:
        result = price(target, given)
    except MissingDimsError as error:
        result = error
        if command:
            result.way_out = f"{command} {_pasted(target.path)} {' '.join(error.flags)}"
    except GroupcalcError as error:
        result = error
    except MemoryError:
        result = InputError("does not fit into memory", place=target.path)
    except Exception as error:  # a fault of ours in one file does not take the answers about the others
        from traceback import format_exc

        fact, traceback = f"internal error: {type(error).__name__}: {error}", format_exc()
        result = InputError(fact, "please report it with the file; -v tells where", target.path)
    return Outcome(target=target, result=result, seconds=perf_counter() - start, traceback=traceback)


def _pasted(path: str) -> str:
    """The path as a word of a shell's command line."""
    from shlex import quote

    return quote(f"./{path}" if path.startswith("-") and path != "-" else path)
