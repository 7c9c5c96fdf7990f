"""The costs of many inputs: in this process or in several, and the errors of those that cannot be read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from groupcalc.cli.screen import note, tracked
from groupcalc.costs.cost import GraphCost
from groupcalc.errors import GroupcalcError, MissingDimsError, UsageError
from groupcalc.price import price
from groupcalc.sources.given import Given, check_used
from groupcalc.sources.targets import Failure, Target, expand


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
        raise UsageError("no INPUT is given", "name a .onnx file, a layer file or a layer line; --help tells more")
    targets, failures = expand(inputs)
    priced = Priced(failures=failures)
    for outcome in tracked(_outcomes(targets, given, jobs), len(targets), progress):
        if isinstance(outcome.result, GroupcalcError):
            priced.failures.append(Failure(path=outcome.target.path, error=outcome.result))
        else:
            priced.costs += outcome.result
        if verbose:
            note(f"{outcome.target.path}: read in {outcome.seconds:.2f} s")
    if priced.costs and not priced.failures:
        tensors = (tensor.name for cost in priced.costs for tensor in cost.inputs)
        check_used(given, tensors, (symbol for cost in priced.costs for symbol in cost.symbols))
    return priced


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One target's costs, or why it has none."""

    target: Target
    result: list[GraphCost] | GroupcalcError
    seconds: float


def _outcomes(targets: Sequence[Target], given: Given, jobs: int) -> Iterator[Outcome]:
    jobs = min(jobs or os.cpu_count() or 1, len(targets))
    if jobs <= 1:
        yield from (_outcome(target, given) for target in targets)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # Spawned, not forked: a fork copies whatever threads and locks a library has made by then.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_outcome, targets, [given] * len(targets))


def _outcome(target: Target, given: Given) -> Outcome:
    start = perf_counter()
    result: list[GraphCost] | GroupcalcError
    try:
        result = price(target, given)
    except MissingDimsError as error:
        command = f"groupcalc analyze {target.path} {' '.join(error.flags)}"
        result = MissingDimsError(error.fact, error.flags).within(error.place)
        result.way_out = command
    except GroupcalcError as error:
        result = error
    return Outcome(target=target, result=result, seconds=perf_counter() - start)
