"""From the flags of bench to what is measured: backends, cases, ceilings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from math import gcd
from pathlib import Path

from groupcalc.bench.backends import DEVICES, Backend
from groupcalc.bench.cases import DTYPES, cases_of, distinct, sweep
from groupcalc.bench.ceilings import given_ceilings, measure_ceilings
from groupcalc.bench.engine import Engine
from groupcalc.bench.estimates import with_estimates
from groupcalc.bench.kept import kept_ceilings
from groupcalc.bench.machine import machine
from groupcalc.bench.result import Case
from groupcalc.bench.room import check_room, free_bytes
from groupcalc.bench.turns import Effort
from groupcalc.bench.whole import run_whole
from groupcalc.cli.screen import note
from groupcalc.costs.roofline import Ceilings
from groupcalc.errors import GeometryError, GroupcalcError, InputError, UsageError
from groupcalc.price import price
from groupcalc.report.document import Report
from groupcalc.report.views.whole import whole_view
from groupcalc.sources import load
from groupcalc.sources.given import parse_given
from groupcalc.sources.targets import COMMAND_LINE, Target, expand
from groupcalc.units import parse_rate, show_name

DEFAULT_LAYER = "Conv2d(128, 128, 3, padding=1, bias=False) @ 56x56"
DEFAULT_GROUPS = (1, 2, 4, 8, 16, 32, 64, 128)

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be measured.

    groups  to sweep over; none: each layer as it is
    layers  globs of names; none: all
    dtype   of all layers; None: each its own
    """

    inputs: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()
    baseline: bool = True
    layers: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()
    dims: tuple[str, ...] = ()
    threads: int = 1
    batch: int | None = None
    cold: bool = False
    chain: int = 1
    seed: int = 0
    device: str = "cpu"
    dtype: str | None = None

    @property
    def swept(self) -> bool:
        """Whether layers are regrouped: when group counts are given, or nothing at all is."""
        return bool(self.groups) or not self.inputs

    @property
    def name(self) -> str:
        """What the table is of."""
        return ", ".join(dict.fromkeys(self.inputs)) if len(self.inputs) == 1 else COMMAND_LINE


def check_dtype(dtype: str | None, device: str, whole: bool) -> None:
    """UsageError for one that the device has no kernels for, and for a model that runs as it is."""
    if dtype is not None and whole:
        raise UsageError("runs a model in its own dtype", "drop --dtype", "--whole")
    if dtype is not None and dtype not in DTYPES[device]:
        raise UsageError(f"the kernels of the CPU are {' and '.join(DTYPES[device])}", "add --device cuda", "--dtype")


def backends_of(names: str, tell: Note, device: str = "cpu") -> list[Backend]:
    """The backends asked for, in the order of their table. UsageError for one that is not known, or not installed."""
    known, asked = DEVICES[device], [name.strip() for name in names.split(",")]
    for name in asked:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            way_out = f"did you mean '{close[0]}'?" if close else f"use {', '.join(known)}"
            raise UsageError(f"'{show_name(name)}' is no backend", way_out, "--backend")
    found = [backend for backend in known.values() if backend.name in asked]
    there = [backend for backend in found if not backend.missing]
    if not there:
        libraries, extras = ", ".join(b.library for b in found), ",".join(b.extra for b in found)
        raise UsageError(f"{libraries} not installed", f"pip install 'groupcalc[{extras}]'", "--backend")
    for backend in found:
        if backend.missing:
            tell(backend.missing)
    return there


def engines_of(backends: Iterable[Backend], all_variants: bool) -> list[Engine]:
    """An engine for each backend as its users find it, or for each of its variants."""
    return [
        Engine(backend, variant)
        for backend in backends
        for variant in (backend.variants if all_variants else backend.variants[:1])
    ]


def given_rates(peak: str | None, bandwidth: str | None) -> tuple[float | None, float | None]:
    """FLOP/s and bytes per second as they were typed."""
    return _rate("--peak", peak, "FLOP/s"), _rate("--bandwidth", bandwidth, "B/s")


def _rate(flag: str, text: str | None, unit: str) -> float | None:
    try:
        return None if text is None else parse_rate(text, unit)
    except UsageError as error:
        raise error.within(flag) from None


def ceilings_of(threads: int, given: tuple[float | None, float | None], *, again: bool, tell: Note) -> Ceilings:
    """Given, kept or measured."""

    def measure(threads: int) -> Ceilings:
        tell("measuring the ceilings of this machine, once: some 13 seconds")
        return measure_ceilings(threads)

    return given_ceilings(threads, *given, lambda: kept_ceilings(threads, measure, note, again=again))


def sets_of(wish: Wish, engines: int, tell: Note, *, together: bool) -> list[list[Case]]:
    """The cases in sets that take turns: a layer at all of its group counts, or each layer by itself.

    engines   that will hold them
    together  equal layers are one case with their number
    UsageError when nothing is left, and before any memory is asked for that is not there.
    """
    cases = [case for target in _targets(wish) for case in _cases(target, wish, tell)]
    if not cases:
        raise UsageError("no layer has such a name", "drop --layer to see them all", "--layer")
    cases = [replace(case, cold=wish.cold) for case in cases]
    if wish.batch is not None:
        cases = [replace(case, conv=replace(case.conv, batch=wish.batch)) for case in cases]
    cases = distinct(cases) if together else cases
    sets = _swept(cases, wish, tell) if wish.swept else [[case] for case in cases]
    free = free_bytes()
    for each in sets:
        check_room(each, engines, free)
    return sets


def _targets(wish: Wish) -> list[Target]:
    targets, failures = expand(wish.inputs or (DEFAULT_LAYER,))
    for failure in failures:
        raise failure.error
    return targets


def _cases(target: Target, wish: Wish, tell: Note) -> Sequence[Case]:
    layers = [
        layer
        for layer in load(target, parse_given(list(wish.shapes), list(wish.dims))).layers
        if not wish.layers or any(fnmatchcase(layer.name, glob) for glob in wish.layers)
    ]
    if not layers:
        return []
    try:
        cases, skipped = cases_of(
            layers, threads=wish.threads, chain=wish.chain, seed=wish.seed, device=wish.device, dtype=wish.dtype
        )
    except InputError as error:
        raise error.within(target.path) from None
    for line in skipped:
        tell(f"{target.path}: {line}")
    return cases


def _swept(cases: Sequence[Case], wish: Wish, tell: Note) -> list[list[Case]]:
    """Each layer at the group counts that it allows. UsageError when only the baseline would be measured."""
    counts = wish.groups or DEFAULT_GROUPS
    swept = [sweep(case, counts, wish.baseline) for case in cases]
    if not any(case.conv.groups in counts for found, _ in swept for case in found):
        able = max((case.conv for case in cases), key=lambda conv: gcd(conv.in_channels, conv.out_channels))
        try:
            able.regroup(counts[0])
        except GeometryError as error:  # it knows which counts divide the channels
            raise UsageError(f"no layer allows {' or '.join(map(str, counts))}", error.way_out, "--groups") from error
    for _, skipped in swept:
        for line in skipped:
            tell(line)
    return [found for found, _ in swept if found]


def whole_report(
    wish: Wish,
    backends: Sequence[Backend],
    rates: tuple[float | None, float | None],
    again: bool,
    effort: Effort,
    tell: Note,
) -> Report:
    """ONNX models, each whole in onnxruntime; UsageError for anything else."""
    if [backend.name for backend in backends] != ["onnxruntime"]:
        raise UsageError("needs the one runtime that has a profiler", "add --backend onnxruntime", "--whole")
    targets = _targets(wish) if wish.inputs else []
    if not targets or any(target.kind != "onnx" for target in targets):
        raise UsageError("runs ONNX files", "groupcalc bench model.onnx --backend onnxruntime --whole", "--whole")
    given, found = parse_given(list(wish.shapes), list(wish.dims)), []
    costs = [cost for target in targets for cost in price(target, given)]
    ceilings = ceilings_of(wish.threads, rates, again=again, tell=tell)
    for target, priced in zip(targets, costs, strict=True):
        tell(f"{target.path}: run whole in onnxruntime")
        cost = with_estimates(priced, ceilings)
        model = Path(target.path) if target.data is None else target.data
        try:
            whole = run_whole(
                model, cost, threads=wish.threads, runs=effort.runs, min_time_s=effort.min_time_s,
                warmup=effort.warmup, seed=wish.seed,
            )  # fmt: skip
        except GroupcalcError as error:
            raise error.within(target.path) from None
        found.append((cost, whole))
    return whole_view(found, ceilings, machine())
