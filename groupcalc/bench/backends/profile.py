"""onnxruntime's own profile of a whole model: what each node of the graph that it made of it takes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import onnxruntime as ort

from groupcalc.errors import EngineError
from groupcalc.graph import Tensor
from groupcalc.sources.onnx.wiring import Node, wiring

SUFFIX = "_kernel_time"
"""What the profiler puts behind a node's name."""

MICROSECOND = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A node that ran: mean seconds over the runs that count."""

    name: str
    op: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A whole model in its own runtime.

    nodes      in the order in which they ran
    total_s    of a run, as the profiler has it: the nodes, and what lies between them
    plain_s    seconds of each run without the profiler
    optimized  the graph that ran, as onnxruntime saves it
    """

    nodes: tuple[Timed, ...]
    total_s: float
    plain_s: tuple[float, ...]
    optimized: tuple[Node, ...]


def profile(
    model: Path | bytes, inputs: Sequence[Tensor], threads: int, runs: int, min_time_s: float, warmup: int, seed: int
) -> Profile:
    """Run the model without the profiler, then with it, so often and so long each. EngineError when it does not run."""
    feeds = _feeds(inputs, np.random.default_rng(seed))
    try:
        plain_s = _plain(_session(model, threads), feeds, runs, min_time_s, warmup)
        with TemporaryDirectory() as folder:
            found = _profiled(model, feeds, threads, len(plain_s), warmup, Path(folder))
            optimized = wiring(Path(folder) / "optimized.onnx")
    except EngineError:
        raise
    except Exception as error:  # onnxruntime has a dozen classes of its own
        raise EngineError(str(error).strip().splitlines()[0], "", "onnxruntime") from None
    events = runs_of(found)[warmup:]
    nodes, total_s = mean_run(events)
    return Profile(nodes=nodes, total_s=total_s, plain_s=plain_s, optimized=optimized)


def _session(model: Path | bytes, threads: int, folder: Path | None = None) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if folder is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(folder / "profile")
        options.optimized_model_filepath = str(folder / "optimized.onnx")
    source = model if isinstance(model, bytes) else str(model)
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def _feeds(inputs: Sequence[Tensor], numbers: np.random.Generator) -> dict[str, Any]:
    """Normal random numbers; zeros for what is no float: an index of 0 is always there."""
    feeds = {}
    for tensor in inputs:
        kind = np.dtype(tensor.dtype)
        feeds[tensor.name] = (
            numbers.standard_normal(tensor.shape).astype(kind) if kind.kind == "f" else np.zeros(tensor.shape, kind)
        )
    return feeds


def _plain(session: Any, feeds: Mapping[str, Any], runs: int, min_time_s: float, warmup: int) -> tuple[float, ...]:
    for _ in range(max(1, warmup)):
        session.run(None, feeds)
    samples: list[float] = []
    while len(samples) < runs or sum(samples) < min_time_s:
        start = perf_counter()
        session.run(None, feeds)
        samples.append(perf_counter() - start)
    return tuple(samples)


def _profiled(
    model: Path | bytes, feeds: Mapping[str, Any], threads: int, runs: int, warmup: int, folder: Path
) -> list[dict[str, Any]]:
    session = _session(model, threads, folder)
    for _ in range(warmup + runs):
        session.run(None, feeds)
    events: list[dict[str, Any]] = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return events


def runs_of(events: Sequence[Mapping[str, Any]]) -> list[tuple[int, list[Mapping[str, Any]]]]:
    """Each run of the model: its microseconds, and the events of its nodes in their order."""
    found = []
    nodes = sorted(
        (e for e in events if e["cat"] == "Node" and e["name"].endswith(SUFFIX)), key=lambda event: event["ts"]
    )
    for run in (event for event in events if event["name"] == "model_run"):
        start, end = run["ts"], run["ts"] + run["dur"]
        found.append((run["dur"], [event for event in nodes if start <= event["ts"] <= end]))
    return found


def mean_run(runs: Sequence[tuple[int, Sequence[Mapping[str, Any]]]]) -> tuple[tuple[Timed, ...], float]:
    """The mean over the half of the runs whose length is nearest the median: nodes and total add up as in each."""
    ordered = sorted(runs, key=lambda run: run[0])
    quarter = len(ordered) // 4
    middle = ordered[quarter : len(ordered) - quarter]
    scale = MICROSECOND / len(middle)
    nodes: dict[str, list[Any]] = {}
    for _, events in middle:
        for event in events:
            entry = nodes.setdefault(event["name"].removesuffix(SUFFIX), [event["args"].get("op_name", ""), 0])
            entry[1] += event["dur"]
    timed = tuple(Timed(name=name, op=op, seconds=dur * scale) for name, (op, dur) in nodes.items())
    return timed, sum(total for total, _ in middle) * scale
