"""A benchmark as data, and the same read back as the base of the next one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from groupcalc.bench.base import against, check_machine, read_base
from groupcalc.bench.data import bench_data
from groupcalc.bench.points import points
from groupcalc.bench.result import Bench, BenchResult, Case, Failure, Timing
from groupcalc.conv import conv
from groupcalc.costs.roofline import Ceilings, Estimate, Level
from groupcalc.costs.snapshot import header
from groupcalc.errors import InputError, UsageError

CASE = Case(name="grouped/kxk/128-56", threads=2, conv=conv(128, 128, 3, (56, 56), padding=1, groups=32, bias=False))
TIMING = Timing(samples_s=(0.5, 0.25, 4.0, 0.75), compile_s=1.5, rounds=(2, 2), loops=3, warmup_s=(9.0,))
RESULT = BenchResult(
    case=CASE,
    backend="numba",
    variant="",
    timing=TIMING,
    kernel="tile",
    idle_lanes=0.5,
    estimate=Estimate(compute_s=0.1, memory_s=0.125, launch_s=0.0, memory_level="L3"),
)
DENSE = replace(RESULT, case=replace(CASE, conv=CASE.conv.dense), timing=Timing(samples_s=(2.5, 2.5), rounds=(1, 1)))
BENCH = Bench(results=(DENSE, RESULT), machine={"processor": "abacus"})


def saved(bench: Bench = BENCH) -> dict[str, object]:
    found: dict[str, object] = json.loads(json.dumps({**header(), **bench_data(bench, points(bench.results))}))
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "base.json"
    path.write_text(json.dumps(saved()))
    return path


def test_the_data_hold_the_geometry_every_sample_and_the_estimate() -> None:
    _, row = saved()["bench"]  # type: ignore[misc]
    assert row["case"] == {
        "name": CASE.name, "in_channels": 128, "out_channels": 128, "groups": 32, "batch": 1, "bias": False,
        "dtype": "float32", "in_size": [56, 56], "out_size": [56, 56], "kernel_size": [3, 3], "stride": [1, 1],
        "padding": [[1, 1], [1, 1]], "dilation": [1, 1], "threads": 2, "count": 1, "chain": 1, "seed": 0, "cold": False,
        "device": "cpu",
    }  # fmt: skip
    assert (row["backend"], row["groups"], row["macs"]) == ("numba", 32, 128 * 4 * 9 * 56 * 56)
    assert (row["samples_s"], row["rounds"], row["warmup_s"]) == ([0.5, 0.25, 4.0, 0.75], [2, 2], [9.0])
    assert (row["compile_s"], row["min_s"], row["median_s"]) == (1.5, 0.25, (0.5 + 0.75) / 2)
    assert (row["estimate_s"], row["bound"], row["memory_level"]) == (0.125, "memory", "L3")


def test_the_data_hold_what_follows_from_the_baseline() -> None:
    _, row = saved()["bench"]  # type: ignore[misc]
    assert (row["baseline_groups"], row["ideal_speedup"], row["speedup"]) == (1, 32.0, 2.5 / 0.625)
    low, high = row["ci_s"]
    assert 0.25 <= low <= row["median_s"] <= high <= 4.0
    assert [reason["kind"] for reason in row["reasons"]] == ["noise", "lanes", "arithmetic"]
    assert (row["kernel"], row["idle_lanes"], row["base"]) == ("tile", 0.5, None)


def test_the_data_hold_failures_ceilings_and_an_early_end() -> None:
    bench = Bench(
        results=(),
        failures=(Failure(case=CASE, engine="torch nchw", reason="crashed"),),
        machine={"processor": "abacus"},
        ceilings=Ceilings(
            threads=2,
            peak_flops_per_s=2e9,
            levels=(Level(name="L2", working_set=1024, bandwidth_bytes_per_s=1e9),),
            launch_s=2e-6,
        ),
        interrupted=True,
    )
    data = saved(bench)
    assert data["failures"] == [{"name": CASE.name, "engine": "torch nchw", "reason": "crashed"}]
    assert data["machine"] == {
        "processor": "abacus",
        "ceilings": {
            "threads": 2,
            "given": False,
            "peak_flops_per_s": 2e9,
            "launch_s": 2e-6,
            "levels": [{"name": "L2", "working_set": 1024, "bandwidth_bytes_per_s": 1e9}],
        },
    }
    assert data["interrupted"] is True


def test_a_saved_run_is_found_again_by_geometry_whatever_the_layer_is_called(file: Path) -> None:
    renamed = replace(RESULT, case=replace(CASE, name="other"))
    threads = replace(RESULT, case=replace(CASE, threads=1))
    found = against(read_base(str(file)), [threads, renamed], seed=0)
    assert list(found) == [1]
    assert (found[1].verdict, found[1].ratio, found[1].median_s) == ("inconclusive", 1.0, 0.625)


def test_a_slower_run_is_said_to_be_slower(file: Path) -> None:
    quiet = replace(DENSE, timing=Timing(samples_s=(3.0,) * 10))
    [compared] = against(read_base(str(file)), [quiet], seed=0).values()
    assert (compared.verdict, compared.ratio) == ("slower", 3.0 / 2.5)


def test_the_data_tell_tf32_from_float32() -> None:
    tf32 = replace(RESULT, backend="torch", variant="nchw tf32")
    rows = saved(Bench(results=(RESULT, tf32), machine={}))["bench"]
    assert [row["arithmetic"] for row in rows] == ["float32", "tf32"]  # type: ignore[attr-defined]


def test_a_run_saved_before_there_were_devices_is_one_of_the_cpu(file: Path) -> None:
    data = saved()
    for row in data["bench"]:  # type: ignore[attr-defined]
        del row["case"]["device"]
    file.write_text(json.dumps(data))
    on_gpu = replace(RESULT, case=replace(CASE, device="cuda"))
    assert list(against(read_base(str(file)), [on_gpu, RESULT], seed=0)) == [1]


def test_the_base_of_another_gpu_is_refused(file: Path) -> None:
    machine = {"processor": "abacus", "gpu": {"name": "loom"}}
    file.write_text(json.dumps(saved(replace(BENCH, machine=machine))))
    base = read_base(str(file))
    check_machine(base, "a slide rule", gpu="loom")  # the processor is of no account
    with pytest.raises(UsageError, match="was measured on loom, this is a comb "):
        check_machine(base, "abacus", gpu="a comb")
    with pytest.raises(UsageError, match="was measured on loom, this is abacus "):
        check_machine(base, "abacus")


def test_the_base_of_another_machine_is_refused(file: Path) -> None:
    base = read_base(str(file))
    check_machine(base, "abacus")
    with pytest.raises(UsageError, match="was measured on abacus, this is a slide rule"):
        check_machine(base, "a slide rule")


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("", "is no saved benchmark"),
        ("[1]", "is no saved benchmark"),
        ('{"schema_version": 1, "models": []}', "is no saved benchmark"),
        ('{"schema_version": 7, "bench": []}', "schema_version 7 is not known"),
        ('{"schema_version": 1, "bench": []}', "holds no timings"),
        ('{"schema_version": 1, "bench": [{}], "machine": {"processor": "a"}}', "is no saved benchmark"),
    ],
)
def test_what_is_no_saved_benchmark_is_one_line(tmp_path: Path, text: str, fact: str) -> None:
    path = tmp_path / "base.json"
    path.write_text(text)
    with pytest.raises(InputError, match=fact) as caught:
        read_base(str(path))
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("samples", [[], [-1.0], [float("nan")], [1.0, 2.0, 3.0]])
def test_samples_that_cannot_be_are_refused(tmp_path: Path, samples: list[float]) -> None:
    data = saved()
    data["bench"][0]["samples_s"] = samples  # type: ignore[index]
    path = tmp_path / "base.json"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match="is no saved benchmark"):
        read_base(str(path))


def test_a_base_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_base(str(tmp_path / "none.json"))
