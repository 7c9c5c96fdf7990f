"""An earlier run of the same machine to hold this one against."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groupcalc.bench.result import BenchResult, Timing
from groupcalc.bench.stats import Interval, Verdict, ratio_interval, verdict
from groupcalc.costs.snapshot import SCHEMA_VERSION
from groupcalc.errors import GroupcalcError, InputError, UsageError
from groupcalc.units import show_name

AGAIN = "save one with groupcalc bench -o json:PATH"

GEOMETRY = (
    "in_channels", "out_channels", "groups", "batch", "bias", "dtype", "in_size", "kernel_size", "stride", "padding",
    "dilation",
)  # fmt: skip
HOW = ("threads", "chain", "cold")
"""What makes two cases the same; a name may have changed since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A saved benchmark.

    processor  of the machine that it ran on
    gpu        that it ran on, by its name; "" for the CPU
    timings    by the case and the engine
    """

    path: str
    processor: str
    timings: Mapping[str, Timing]
    gpu: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A result against the same case of a saved run; ratios above 1 are slower."""

    verdict: Verdict
    median_s: float
    ratio: float
    ratio_ci: Interval


def read_base(path: str) -> Base:
    """A result that `bench -o json:PATH` saved. InputError for anything else."""
    try:
        return _base(path, json.loads(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", AGAIN, path) from error
    except GroupcalcError as error:
        raise error.within(path) from error.__cause__
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError("is no saved benchmark", AGAIN, path) from error


def _base(path: str, data: Mapping[str, Any]) -> Base:
    if data["schema_version"] != SCHEMA_VERSION:
        raise InputError(f"schema_version {data['schema_version']!r} is not known", f"this one reads {SCHEMA_VERSION}")
    if not data["bench"]:
        raise InputError("holds no timings", AGAIN)
    timings = {_key(entry["case"], entry["backend"], entry["variant"]): _timing(entry) for entry in data["bench"]}
    machine = data["machine"]
    gpu = str(machine.get("gpu", {}).get("name", ""))
    return Base(path=path, processor=str(machine["processor"]), gpu=gpu, timings=timings)


def _timing(entry: Mapping[str, Any]) -> Timing:
    samples = tuple(map(float, entry["samples_s"]))
    rounds = tuple(map(int, entry["rounds"]))
    if not samples or not all(0 < sample < float("inf") for sample in samples) or sum(rounds) != len(samples):
        raise ValueError("samples and rounds do not fit")
    return Timing(samples_s=samples, rounds=rounds)


def _key(case: Mapping[str, Any], backend: str, variant: str) -> str:
    device = case.get("device", "cpu")  # runs saved before there was another have none
    return json.dumps([*(case[name] for name in (*GEOMETRY, *HOW)), device, backend, variant])


def _key_of(result: BenchResult) -> str:
    """The same of a result at hand; JSON makes lists of its tuples."""
    case = result.case
    facts = {name: getattr(case.conv, name) for name in GEOMETRY} | {name: getattr(case, name) for name in HOW}
    return _key(facts | {"device": case.device}, result.backend, result.variant)


def check_machine(base: Base, processor: str, gpu: str = "") -> None:
    """UsageError when the base was measured on another processor or GPU: its times say nothing about this one.

    gpu  the name of the one that is measured; "" for the CPU
    """
    theirs, ours = (base.gpu, gpu) if base.gpu or gpu else (base.processor, processor)
    if theirs != ours:
        fact = f"{base.path} was measured on {show_name(theirs or base.processor)}, this is {ours or processor}"
        raise UsageError(fact, "measure a base here", "--base")


def against(base: Base, results: Sequence[BenchResult], seed: int) -> dict[int, Compared]:
    """Index of a result -> its comparison with the same case of the base; those that it lacks are left out."""
    found = {}
    for index, result in enumerate(results):
        timing = base.timings.get(_key_of(result))
        if timing is not None:
            found[index] = Compared(
                verdict=verdict(result.timing, timing, seed=seed),
                median_s=timing.median_s,
                ratio=result.timing.median_s / timing.median_s,
                ratio_ci=ratio_interval(result.timing, timing, paired=False, seed=seed),
            )
    return found
