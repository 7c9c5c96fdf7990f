"""groupcalc bench: our kernels beside the libraries, layer by layer."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from math import inf
from typing import TYPE_CHECKING, Annotated

import typer

from groupcalc.cli import options
from groupcalc.cli.output import parse_sinks
from groupcalc.cli.results import deliver
from groupcalc.cli.screen import note
from groupcalc.costs.snapshot import header
from groupcalc.errors import InputError, UsageError
from groupcalc.units import show_name

if TYPE_CHECKING:  # they bring NumPy, which no other command waits for
    from groupcalc.bench.backends import Backend
    from groupcalc.bench.result import Case

FORMATS = ("table", "json", "csv", "markdown", "html")

INTERRUPTED = 130

SUBJECT = "numba"
"""The backend that the others are held against."""


def _seconds(text: str) -> float:
    """The parser of --min-time."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < inf:
        raise typer.BadParameter(f"'{text}' is no time (write 0.2)")
    return seconds


Threads = Annotated[
    int,
    options.option(
        "--threads", parser=options.count("write 2, or 0 for all"), metavar="N", help="Threads. Default: all CPUs."
    ),
]
Runs = Annotated[
    int, options.option("--runs", parser=options.count("write 10"), metavar="N", help="Rounds at least. Default: 10.")
]
MinTime = Annotated[
    float,
    options.option(
        "--min-time", parser=_seconds, metavar="S", help="Seconds a layer is measured on each engine. Default: 0.2."
    ),
]
Chain = Annotated[
    int,
    options.option(
        "--chain", parser=options.count("write 5"), metavar="N", help="What one more of N such layers in a row takes."
    ),
]
Seed = Annotated[
    int, options.option("--seed", parser=options.count("write 0"), metavar="N", help="Of the operands' random numbers.")
]
BackendNames = Annotated[
    str | None,
    options.option("--backend", metavar="NAME,NAME", help="numba, torch, onnxruntime. Default: what is installed."),
]


def bench(
    inputs: options.Inputs = None,
    output: options.Output = None,
    json: options.Json = False,
    backend: BackendNames = None,
    threads: Threads = 0,
    runs: Runs = 10,
    min_time: MinTime = 0.2,
    chain: Chain = 1,
    seed: Seed = 0,
    layer: options.Layer = None,
    color: options.ColorOption = options.Color.auto,
    quiet: options.Quiet = False,
) -> None:
    """The measured latency of each convolution, our kernels beside the libraries."""
    from groupcalc.bench.machine import usable
    from groupcalc.bench.result import bench_data
    from groupcalc.bench.run import run
    from groupcalc.report.views.bench import bench_view

    sinks = parse_sinks(output or [], json, FORMATS)
    cases = _cases(inputs or [], layer or [], usable(threads), chain, seed)
    backends = list(_backends(backend))
    tell = note if not quiet and _on_terminal() else _silent
    found = run(cases, backends, runs=max(runs, 1), min_time_s=min_time, tell=tell)
    report = bench_view(found, subject=SUBJECT, data={**header(), **bench_data(found)})
    for sink in sinks:
        deliver(report, sink, color)
    if found.interrupted:
        raise typer.Exit(INTERRUPTED)


def _backends(names: str | None) -> Iterator[Backend]:
    """The backends asked for, in the order of the table, less those that are not installed: a line tells of each."""
    from groupcalc.bench.backends import BACKENDS

    asked = list(BACKENDS) if names is None else [name.strip() for name in names.split(",")]
    for name in asked:
        if name not in BACKENDS:
            close = get_close_matches(name, BACKENDS, n=1)
            way_out = f"did you mean '{close[0]}'?" if close else f"use {', '.join(BACKENDS)}"
            raise UsageError(f"'{show_name(name)}' is no backend", way_out, "--backend")
    for backend in BACKENDS.values():
        if backend.name not in asked:
            continue
        if backend.missing:
            note(backend.missing)
        else:
            yield backend


def _cases(inputs: Sequence[str], globs: Sequence[str], threads: int, chain: int, seed: int) -> list[Case]:
    from groupcalc.bench.cases import cases_of
    from groupcalc.sources import load
    from groupcalc.sources.given import Given
    from groupcalc.sources.targets import expand

    if not inputs:
        raise UsageError("there is no INPUT", "name a layer file, or quote a layer line", "groupcalc bench")
    targets, failures = expand(inputs)
    for failure in failures:
        raise failure.error
    cases: list[Case] = []
    for target in targets:
        layers = [
            layer
            for layer in load(target, Given()).layers
            if not globs or any(fnmatchcase(layer.name, glob) for glob in globs)
        ]
        if not layers:
            continue
        try:
            found, skipped = cases_of(layers, threads=threads, chain=max(chain, 1), seed=seed)
        except InputError as error:
            raise error.within(target.path) from None
        cases += found
        for line in skipped:
            note(f"{target.path}: {line}")
    if not cases:
        raise UsageError("no layer has such a name", "drop --layer to see them all", "--layer")
    return cases


def _on_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _silent(line: str) -> None:
    pass
