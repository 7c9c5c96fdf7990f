"""groupcalc bench --device cuda: the way to the measuring and back, without a GPU."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from groupcalc.bench import gpu
from groupcalc.bench.engine import Engine
from groupcalc.bench.result import Bench, BenchResult, Case, Timing
from groupcalc.bench.turns import Effort
from groupcalc.cli import benchgpu
from groupcalc.costs.roofline import Ceilings, Level
from groupcalc.errors import DeviceError
from groupcalc.kernels.cuda.device import Gpu

Groupcalc = Callable[..., Any]

LINE = "Conv2d(64, 64, 3, padding=1) @ 9x9"
LEVEL = Level(name="DRAM", working_set=0, bandwidth_bytes_per_s=3e12)
SEEN = gpu.Seen(
    gpu=Gpu(name="loom", processors=132, shared_floats=58368, l2_bytes=50 * 2**20),
    free_bytes=2.0**36,
    ceilings=Ceilings(threads=1, peak_flops_per_s=6e13, levels=(LEVEL,), launch_s=2e-6),
)


class Fake:
    """Stands for the GPU and the run on it: each engine takes a microsecond a letter."""

    def __init__(self) -> None:
        self.seen = SEEN
        self.probed: list[bool] = []
        self.cases: list[Case] = []
        self.engines: list[str] = []
        self.effort: Effort | None = None
        self.ceilings: Ceilings | None = None

    def look(self, probe: bool) -> gpu.Seen:
        self.probed.append(probe)
        return self.seen if probe else replace(self.seen, ceilings=None)

    def run(
        self,
        sets: Sequence[Sequence[Case]],
        engines: Sequence[Engine],
        ceilings: Ceilings,
        effort: Effort,
        tell: Any,
        facts: dict[str, Any],
    ) -> Bench:
        self.cases, self.engines = [case for cases in sets for case in cases], [engine.name for engine in engines]
        self.effort, self.ceilings = effort, ceilings
        results = [
            BenchResult(
                case=case,
                backend=engine.backend.name,
                variant=engine.variant,
                timing=Timing(samples_s=(len(engine.name) * 1e-6,) * 10),
            )
            for case in self.cases
            for engine in engines
        ]
        return Bench(results=tuple(results), machine={"processor": "abacus", "gpu": facts}, ceilings=ceilings)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = Fake()
    monkeypatch.setattr(gpu, "look", fake.look)
    monkeypatch.setattr(gpu, "able", lambda engines, tell: engines)
    monkeypatch.setattr(gpu, "state", lambda seen: "1980 MHz")
    monkeypatch.setattr(benchgpu, "run", fake.run)
    monkeypatch.setattr("groupcalc.bench.backends.find_spec", lambda name: True)
    return fake


def test_a_sweep_names_the_gpu_and_its_ceilings(groupcalc: Groupcalc, fake: Fake) -> None:
    code, out, err = groupcalc("bench", LINE, "--groups", "2,4", "--device", "cuda")
    assert (code, err, fake.engines, fake.probed) == (0, "", ["numba"], [True])
    assert {(case.device, case.threads) for case in fake.cases} == {("cuda", 1)}
    assert "loom · peak 60.0 TFLOP/s, 3.00 TB/s, launch 2.00 µs (measured)" in out
    assert "loom · 1980 MHz" in out
    assert "thread" not in out.splitlines()[0]
    assert "Measured: median of one launch by the device's events" in out


def test_json_names_the_device_and_the_gpu(groupcalc: Groupcalc, fake: Fake) -> None:
    data = json.loads(groupcalc("bench", LINE, "--device", "cuda", "--batch", "32", "--json").out)
    assert {(row["case"]["device"], row["case"]["batch"], row["arithmetic"]) for row in data["bench"]} == {
        ("cuda", 32, "float32")
    }
    assert data["machine"]["gpu"] == {
        "name": "loom", "processors": 132, "l2_bytes": 50 * 2**20, "state": "1980 MHz"
    }  # fmt: skip
    assert data["machine"]["ceilings"]["launch_s"] == 2e-6


def test_layers_are_measured_in_float16_where_that_is_asked(groupcalc: Groupcalc, fake: Fake) -> None:
    for words in ([LINE, "--groups", "2"], [f"a/x = {LINE}", "--backend", "numba,torch"]):
        code, out, err = groupcalc("bench", *words, "--device", "cuda", "--dtype", "float16")
        assert (code, err) == (0, "")
        assert {case.conv.dtype for case in fake.cases} == {"float16"}
        assert "float16 is what inputs, weights and outputs are stored as" in " ".join(out.split())
    assert "float16" not in groupcalc("bench", LINE, "--device", "cuda").out


def test_libraries_are_compared_and_tf32_is_no_peer(groupcalc: Groupcalc, fake: Fake) -> None:
    code, out, _ = groupcalc("bench", f"a/x = {LINE}", "--device", "cuda", "--backend", "numba,torch,onnxruntime")
    assert (code, fake.engines) == (0, [
        "numba", "torch nchw", "torch nchw tf32", "torch channels_last", "torch channels_last tf32", "onnxruntime",
        "onnxruntime tf32",
    ])  # fmt: skip
    # The name of the best of float32 has 10 letters, that of TF32 15, and ours 5.
    assert "torch nchw" in out
    assert ("×2.00" in out, "×3.00" in out) == (True, True)
    assert "TF32 rounds inputs" in out


def test_in_a_sweep_each_library_is_float32(groupcalc: Groupcalc, fake: Fake) -> None:
    groupcalc("bench", LINE, "--groups", "2", "--device", "cuda", "--backend", "numba,torch,onnxruntime")
    assert fake.engines == ["numba", "torch nchw", "onnxruntime"]


def test_given_ceilings_are_not_measured(groupcalc: Groupcalc, fake: Fake) -> None:
    words = ["bench", LINE, "--device", "cuda", "--peak", "60TFLOP/s"]
    groupcalc(*words)
    assert fake.ceilings is not None
    assert (fake.ceilings.given, fake.ceilings.launch_s) == (True, 2e-6)
    groupcalc(*words, "--bandwidth", "3TB/s")
    assert fake.probed == [True, False]
    assert (fake.ceilings.peak_flops_per_s, fake.ceilings.launch_s) == (6e13, 0.0)


def test_threads_are_of_no_account_and_said_to_be(groupcalc: Groupcalc, fake: Fake) -> None:
    words = ["bench", LINE, "--device", "cuda", "--threads", "10000"]
    code, out, err = groupcalc(*words)
    assert (code, err) == (0, "--threads: is for the CPU, and of no account with --device cuda\n")
    assert out
    assert groupcalc(*words, "--quiet").err == ""


def test_flags_of_measuring_arrive(groupcalc: Groupcalc, fake: Fake) -> None:
    groupcalc("bench", LINE, "--device", "cuda", "--runs", "3", "--min-time", "0.5", "--warmup", "2", "--seed", "7")
    assert fake.effort == Effort(runs=3, min_time_s=0.5, warmup=2)
    assert {case.seed for case in fake.cases} == {7}


def test_a_base_is_one_of_the_same_gpu(groupcalc: Groupcalc, fake: Fake) -> None:
    words = ["bench", LINE, "--device", "cuda"]
    groupcalc(*words, "-o", "json:base.json")
    code, out, _ = groupcalc(*words, "--base", "base.json")
    assert code == 0
    assert "inconclusive +0 to +0 %" in out
    fake.seen = replace(SEEN, gpu=replace(SEEN.gpu, name="a comb"))
    code, out, err = groupcalc(*words, "--base", "base.json")
    assert (code, out) == (2, "")
    assert err == "--base: base.json was measured on loom, this is a comb (measure a base here)\n"
    assert groupcalc("bench", LINE, "--base", "base.json").err.startswith("--base: base.json was measured on loom, ")


def test_memory_of_the_device_that_is_not_there_is_not_asked_for(groupcalc: Groupcalc, fake: Fake) -> None:
    fake.seen = replace(SEEN, free_bytes=2.0**20)
    code, out, err = groupcalc("bench", LINE, "--device", "cuda", "--batch", "1000")
    assert (code, out, fake.cases) == (2, "", [])
    # 1000 images of 64 channels by 81 pixels in float32, read and written, thrice to be past twice the cache.
    assert err.startswith("layer1: needs 0.2 GiB of device memory, 0.0 GiB are free on loom (use fewer channels, ")


def test_without_a_gpu_there_is_one_line(groupcalc: Groupcalc, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(probe: bool) -> gpu.Seen:
        raise DeviceError("the CUDA driver sees no GPU", 'use device="cpu"')

    monkeypatch.setattr(gpu, "look", look)
    said = '--device: the CUDA driver sees no GPU (use device="cpu")\n'
    assert groupcalc("bench", LINE, "--device", "cuda") == (2, "", said)


def test_what_is_wrong_with_the_input_matters_more(groupcalc: Groupcalc, fake: Fake) -> None:
    assert groupcalc("bench", "none.toml", "--device", "cuda").err.startswith("none.toml: no such file ")
    assert fake.probed == []
    assert not Path("none.toml").exists()
