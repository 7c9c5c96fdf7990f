"""The costs of many inputs: in this process or in several, and the errors of those that cannot be read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from groupcalc.cli.screen import note, tracked
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


def price_all(
    inputs: Sequence[str], given: Given, *, jobs: int = 1, progress: bool | None = None, verbose: bool = False
) -> Priced:
    """Cost every input; one that cannot be read stands in `failures`, and stops no other."""
    if not inputs:
        way_out = "give a .onnx file, a layer file or a layer line; --help shows examples"
        raise UsageError("there is no INPUT", way_out, "groupcalc analyze")
    targets, failures = expand(inputs)
    priced = Priced(failures=failures)
    for outcome in tracked(_outcomes(targets, given, jobs), len(targets), progress):
        if isinstance(outcome.result, GroupcalcError):
            priced.failures.append(Failure(path=outcome.target.path, error=outcome.result))
        else:
            priced.costs += outcome.result
        if verbose:
            note(f"{outcome.target.path}: read in {outcome.seconds:.2f} s")
            for line in outcome.traceback.splitlines():
                note(line)
    if priced.costs and not priced.failures:
        tensors = (tensor.name for cost in priced.costs for tensor in cost.inputs)
        check_used(given, tensors, (symbol for cost in priced.costs for symbol in cost.symbols))
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


def _outcomes(targets: Sequence[Target], given: Given, jobs: int) -> Iterator[Outcome]:
    jobs = min(jobs or os.cpu_count() or 1, len(targets), MAX_JOBS)
    if jobs <= 1:
        yield from (_outcome(target, given) for target in targets)
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
            yield from pool.map(_outcome, targets, [given] * len(targets))
        except BrokenProcessPool as error:
            raise InputError("a process was killed", "perhaps for its memory: use fewer", "--jobs") from error


def _outcome(target: Target, given: Given) -> Outcome:
    start = perf_counter()
    result: list[GraphCost] | GroupcalcError
    traceback = ""
    try:
        result = price(target, given)
    except MissingDimsError as error:
        result = error
        result.way_out = f"groupcalc analyze {_pasted(target.path)} {' '.join(error.flags)}"
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
