"""groupcalc bench: the measured latency of layers beside the estimate, at one group count or at many."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer

from groupcalc.cli import benchoptions as flags
from groupcalc.cli import options
from groupcalc.cli.output import check_writable, parse_sinks
from groupcalc.cli.results import deliver
from groupcalc.cli.screen import note, status
from groupcalc.costs.snapshot import header
from groupcalc.errors import UsageError

if TYPE_CHECKING:  # they bring NumPy, which no other command waits for
    from groupcalc.bench.points import Point
    from groupcalc.bench.result import Bench
    from groupcalc.report.document import Report

FORMATS = ("table", "json", "csv", "markdown", "html", "svg")

INTERRUPTED = 130

SUBJECT = "numba"
"""The backend that the others are held against."""

EXAMPLES = """\
Examples:
  groupcalc bench --groups 1,2,4,32
  groupcalc bench 'Conv2d(64, 64, 3) @ 56x56' --groups 1,8 --threads 1
  groupcalc bench model.onnx --dim batch=1
  groupcalc bench layers.toml --backend numba,onnxruntime,torch
  groupcalc bench model.onnx --backend onnxruntime --whole
  groupcalc bench layers.toml --device cuda --backend numba,torch --batch 32
  groupcalc bench --groups 1,32 -o table -o json:base.json -o svg:picture.svg
  groupcalc bench --groups 1,32 --base base.json

The ceilings that estimates rest on are measured once for each number of
threads and kept in the cache directory (GROUPCALC_CACHE_DIR); --remeasure
measures them again. Those of a GPU are measured in each run.
Exit status: 0; 2 when something cannot be read or run; 130 after Ctrl-C, and
what was measured until then is written.
"""


def bench(
    inputs: options.Layers = None,
    output: flags.Output = None,
    json: options.Json = False,
    groups: flags.Groups = None,
    no_baseline: flags.NoBaseline = False,
    layer: flags.Layer = None,
    shape: options.Shape = None,
    dim: options.Dim = None,
    threads: flags.Threads = None,
    batch: flags.Batch = None,
    backend: flags.BackendNames = "numba",
    device: flags.Device = "cpu",
    dtype: flags.Dtype = None,
    whole: flags.Whole = False,
    base: flags.BaseFile = None,
    runs: flags.Runs = 10,
    min_time: flags.MinTime = 0.2,
    warmup: flags.Warmup = 1,
    cold: flags.Cold = False,
    chain: flags.Chain = 1,
    seed: flags.Seed = 0,
    peak: flags.Peak = None,
    bandwidth: flags.Bandwidth = None,
    remeasure: flags.Remeasure = False,
    color: options.ColorOption = options.Color.auto,
    progress: flags.Progress = None,
    quiet: options.Quiet = False,
) -> None:
    """The measured latency of each convolution beside its estimate, and how far 1/G holds."""
    from groupcalc.bench.base import check_machine, read_base
    from groupcalc.bench.machine import processor, usable
    from groupcalc.bench.run import run
    from groupcalc.bench.turns import Effort
    from groupcalc.cli.benchgpu import check_flags, run_on_gpu
    from groupcalc.cli.benching import (
        Wish,
        backends_of,
        ceilings_of,
        check_dtype,
        engines_of,
        given_rates,
        sets_of,
        whole_report,
    )

    sinks = parse_sinks(output or [], json, FORMATS)
    check_writable(sinks)
    on_gpu = device == "cuda"
    say, shown = (_silent, False) if quiet else (note, progress)
    check_dtype(dtype, device, whole)
    if on_gpu:
        check_flags(threads, cold, whole, say)
    effort = Effort(runs=runs, min_time_s=min_time, warmup=warmup)
    wish = Wish(
        inputs=tuple(inputs or ()),
        groups=tuple(options.group_counts(groups)),
        baseline=not no_baseline,
        layers=tuple(layer or ()),
        shapes=tuple(shape or ()),
        dims=tuple(dim or ()),
        threads=1 if on_gpu else usable(threads),
        batch=batch,
        cold=cold,
        chain=chain,
        seed=seed,
        device=device,
        dtype=dtype,
    )
    limits = given_rates(peak, bandwidth)
    earlier = read_base(base) if base else None
    if earlier and not on_gpu:
        check_machine(earlier, processor())
    if whole:
        with status(shown) as tell:
            report = whole_report(wish, backends_of(backend, note), limits, remeasure, effort, tell)
        for sink in sinks:
            deliver(report, sink, color)
        return
    compare = not wish.swept and "," in backend
    if chain > 1 and not compare:
        raise UsageError(
            "compares libraries", "add --backend numba,onnxruntime and an INPUT without --groups", "--chain"
        )
    missing: list[str] = []
    backends = backends_of(backend, missing.append, device)
    engines = engines_of(backends, all_variants=compare)
    sets = sets_of(wish, len(engines), say, together=not compare)
    for line in missing:  # after what is wrong with the input, which matters more
        say(line)
    if on_gpu:
        found = run_on_gpu(sets, engines, limits, earlier, effort, shown, say)
    else:
        with status(shown) as tell:
            ceilings = ceilings_of(wish.threads, limits, again=remeasure, tell=tell)
            found = run(sets, engines, ceilings, effort, tell)
    report = _report(found, wish, earlier, compare)
    for sink in sinks:
        deliver(report, sink, color)
    if found.interrupted:
        raise typer.Exit(INTERRUPTED)
    if not found.results:
        raise typer.Exit(2)


def _silent(line: str) -> None:
    pass


def _report(found: Bench, wish: Any, earlier: Any, compare: bool) -> Report:
    from groupcalc.bench.base import against
    from groupcalc.bench.data import bench_data
    from groupcalc.bench.points import points
    from groupcalc.report.views.bench import bench_view
    from groupcalc.report.views.charts import charts
    from groupcalc.report.views.latency import latency_view
    from groupcalc.report.views.sweep import sweep_view

    every: list[Point] = points(found.results, seed=wish.seed)
    compared = against(earlier, found.results, wish.seed) if earlier else {}
    data = {**header(), **bench_data(found, every, compared)}
    if wish.swept:
        return sweep_view(found, every, compared=compared, data=data)
    if compare:
        return replace(bench_view(found, subject=SUBJECT, data=data), charts=charts(found, every))
    return latency_view(found, every, name=wish.name, compared=compared, data=data)
