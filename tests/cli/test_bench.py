"""groupcalc bench: words in, tables out; the measuring itself stands in tests/bench."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from groupcalc.bench import backends, run
from groupcalc.bench.engine import Engine
from groupcalc.bench.machine import processor
from groupcalc.bench.result import Bench, BenchResult, Case, Timing
from groupcalc.bench.turns import Effort
from groupcalc.cli import benching
from groupcalc.costs.roofline import Ceilings, Level

Groupcalc = Callable[..., Any]


CEILINGS = Ceilings(
    threads=1,
    peak_flops_per_s=1e15,
    levels=(Level(name="L2", working_set=1, bandwidth_bytes_per_s=1e15),),
    launch_s=1e-9,
)


class Fake:
    """Stands for the run: keeps what it is asked, and says that each engine takes a microsecond a letter, over G."""

    def __init__(self) -> None:
        self.sets: list[list[Case]] = []
        self.engines: list[str] = []
        self.ceilings: Ceilings | None = None
        self.effort: Effort | None = None
        self.interrupted = False

    @property
    def cases(self) -> list[Case]:
        return [case for cases in self.sets for case in cases]

    def __call__(
        self, sets: Sequence[Sequence[Case]], engines: Sequence[Engine], ceilings: Ceilings, effort: Effort, tell: Any
    ) -> Bench:
        self.sets, self.ceilings, self.effort = [list(cases) for cases in sets], ceilings, effort
        self.engines = [engine.name for engine in engines]
        results = [
            BenchResult(
                case=case,
                backend=engine.backend.name,
                variant=engine.variant,
                timing=Timing(samples_s=(len(engine.name) * 1e-6 / case.conv.groups,) * 10),
            )
            for case in self.cases
            for engine in engines
        ]
        machine = {"processor": processor()}
        return Bench(results=tuple(results), machine=machine, ceilings=ceilings, interrupted=self.interrupted)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Fake:
    fake = Fake()
    monkeypatch.setenv("GROUPCALC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(run, "run", fake)
    monkeypatch.setattr(benching, "measure_ceilings", lambda threads: replace(CEILINGS, threads=threads))
    monkeypatch.setattr(backends, "find_spec", lambda name: True)
    return fake


def test_alone_it_sweeps_a_layer_that_everybody_knows(groupcalc: Groupcalc, fake: Fake) -> None:
    code, out, err = groupcalc("bench")
    assert (code, err) == (0, "")
    [swept] = fake.sets
    assert [case.conv.groups for case in swept] == [1, 2, 4, 8, 16, 32, 64, 128]
    assert {(case.conv.in_channels, case.conv.kernel_size, case.conv.in_size, case.conv.bias) for case in swept} == {
        (128, (3, 3), (56, 56), False)
    }
    assert fake.engines == ["numba"]
    assert "The clock follows the formula to the end: 100 % of it at least" in out


def test_a_sweep_takes_the_baseline_in_and_says_what_does_not_divide(groupcalc: Groupcalc, fake: Fake) -> None:
    code, out, err = groupcalc("bench", "Conv2d(64, 64, 3) @ 9x9", "--groups", "8,3")
    assert code == 0
    assert [case.conv.groups for case in fake.cases] == [1, 8]
    assert err == "layer1 at 3 groups is left out: groups=3 does not divide in_channels=64 (use 1, 2, 4, 8, …)\n"
    assert "8×" in out
    groupcalc("bench", "Conv2d(64, 64, 3) @ 9x9", "--groups", "8", "--no-baseline")
    assert [case.conv.groups for case in fake.cases] == [8]


def test_a_sweep_that_no_layer_allows_says_what_some_layer_would(groupcalc: Groupcalc, fake: Fake) -> None:
    code, out, err = groupcalc("bench", "Conv2d(3, 8, 3) @ 9x9", "Conv2d(8, 20, 3) @ 9x9", "--groups", "7")
    assert (code, out) == (2, "")
    assert err == "--groups: no layer allows 7 (use 1, 2, 4)\n"  # which divide 8 and 20; 3 and 8 only 1 does
    assert fake.cases == []


def test_every_convolution_of_a_network_is_swept(groupcalc: Groupcalc, net: str, fake: Fake) -> None:
    groupcalc("bench", net, "--groups", "2")
    # Both lines of the file are one layer at other group counts: each is swept, and they are told apart by name.
    assert [[(case.name, case.conv.groups) for case in cases] for cases in fake.sets] == [
        [("small", 1), ("small", 2)], [("large", 1), ("large", 2)],
    ]  # fmt: skip


def test_the_flags_of_measuring_arrive(groupcalc: Groupcalc, net: str, fake: Fake) -> None:
    words = ["--threads", "1", "--runs", "3", "--min-time", "0.5", "--warmup", "2", "--seed", "7", "--cold"]
    assert groupcalc("bench", net, "--batch", "4", *words).code == 0
    assert fake.effort == Effort(runs=3, min_time_s=0.5, warmup=2)
    assert {(case.threads, case.seed, case.cold, case.conv.batch) for case in fake.cases} == {(1, 7, True, 4)}


def test_each_distinct_layer_is_measured_once_and_counts_as_often_as_it_stands_there(
    groupcalc: Groupcalc, fake: Fake
) -> None:
    layer = "Conv2d(8, 8, 1) @ 6x6"
    code, out, _ = groupcalc("bench", layer, f"{layer} *2", "Conv2d(8, 8, 1, groups=2) @ 6x6", "-o", "table")
    assert code == 0
    assert [[(case.name, case.count) for case in cases] for cases in fake.sets] == [[("layer1", 3)], [("layer3", 1)]]
    [total] = [line for line in out.splitlines() if line.startswith(" sum")]
    # Five letters: three layers of 5 µs, and one at two groups of 2.5 µs.
    assert "17.5 µs" in total


def test_several_libraries_are_compared_in_every_variant(groupcalc: Groupcalc, net: str, fake: Fake) -> None:
    code, out, err = groupcalc("bench", net, "--backend", "numba,torch,onnxruntime")
    assert (code, err) == (0, "")
    assert [case.name for case in fake.cases] == ["small", "large"]
    assert fake.engines == [
        "numba", "torch nchw", "torch nchw packed", "torch channels_last", "torch channels_last packed",
        "onnxruntime all", "onnxruntime extended",
    ]  # fmt: skip
    assert "small" in out
    assert "×2.00" in out  # "torch nchw" has ten letters, "numba" five


def test_several_libraries_take_turns_in_a_sweep_as_their_users_find_them(groupcalc: Groupcalc, fake: Fake) -> None:
    code, out, _ = groupcalc("bench", "--groups", "2", "--backend", "onnxruntime,numba")
    assert (code, fake.engines) == (0, ["numba", "onnxruntime all"])
    assert "onnxruntime all: Fastest: G=2" in out


def test_layers_are_chosen_by_glob(groupcalc: Groupcalc, net: str, fake: Fake) -> None:
    groupcalc("bench", net, "--layer", "l*")
    assert [case.name for case in fake.cases] == ["large"]


def test_a_chain_compares(groupcalc: Groupcalc, fake: Fake) -> None:
    words = ["Conv2d(8, 8, 3, padding=1) @ 8x8", "--chain", "5", "--backend", "numba,torch"]
    assert groupcalc("bench", *words).code == 0
    assert [case.chain for case in fake.cases] == [1, 5]


def test_an_onnx_file_with_a_dynamic_dimension_takes_its_size(
    groupcalc: Groupcalc, conv: Callable[..., str], fake: Fake
) -> None:
    path = conv("model.onnx", batch="n")
    assert "dimension 'n' of input 'x' is not known" in groupcalc("bench", path).err
    assert groupcalc("bench", path, "--dim", "n=2").code == 0
    assert [case.conv.batch for case in fake.cases] == [2]


def test_a_missing_library_is_one_line_and_the_others_run(
    groupcalc: Groupcalc, net: str, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "find_spec", lambda name: None if name == "torch" else True)
    code, out, err = groupcalc("bench", net, "--backend", "numba,torch,onnxruntime")
    assert err == "torch: torch is not installed, so it is left out (pip install 'groupcalc[torch]')\n"
    assert (code, fake.engines) == (0, ["numba", "onnxruntime all", "onnxruntime extended"])
    assert out


def test_a_single_missing_library_is_an_error(
    groupcalc: Groupcalc, net: str, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    code, _, err = groupcalc("bench", net, "--backend", "torch")
    assert (code, err) == (2, "--backend: torch not installed (pip install 'groupcalc[torch]')\n")


def test_json_holds_every_measurement(groupcalc: Groupcalc, net: str, fake: Fake) -> None:
    data = json.loads(groupcalc("bench", net, "--json").out)
    assert data["schema_version"] == 1
    assert [len(row["samples_s"]) for row in data["bench"]] == [10, 10]
    assert data["machine"]["ceilings"]["peak_flops_per_s"] == 1e15


def test_ceilings_are_measured_once_and_again_on_request(
    groupcalc: Groupcalc, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[int] = []

    def measure(threads: int) -> Ceilings:
        measured.append(threads)
        return replace(CEILINGS, threads=threads)

    monkeypatch.setattr(benching, "measure_ceilings", measure)
    for more in ([], [], ["--remeasure"]):
        assert groupcalc("bench", "--threads", "1", *more).code == 0
    assert measured == [1, 1]


def test_ceilings_that_are_given_are_not_measured(
    groupcalc: Groupcalc, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(benching, "measure_ceilings")
    code, out, _ = groupcalc("bench", "--peak", "236GFLOP/s", "--bandwidth", "27GB/s")
    assert code == 0
    assert "peak 236 GFLOP/s, 27.0 GB/s (given)" in out


def test_a_base_is_held_against(groupcalc: Groupcalc, net: str, fake: Fake) -> None:
    groupcalc("bench", net, "-o", "json:base.json")
    code, out, _ = groupcalc("bench", net, "--base", "base.json")
    assert code == 0
    assert "inconclusive +0 to +0 %" in out


def test_a_base_of_another_machine_is_refused(groupcalc: Groupcalc, net: str, fake: Fake) -> None:
    groupcalc("bench", net, "-o", "json:base.json")
    Path("base.json").write_text(Path("base.json").read_text().replace(processor(), "abacus"))
    code, out, err = groupcalc("bench", net, "--base", "base.json")
    assert (code, out) == (2, "")
    assert err.startswith("--base: base.json was measured on abacus, this is ")


def test_a_drawing_goes_into_a_file(groupcalc: Groupcalc, fake: Fake) -> None:
    code, out, _ = groupcalc("bench", "-o", "svg:picture.svg")
    assert (code, out) == (0, "")
    assert Path("picture.svg").read_text("utf-8").startswith("<svg ")


def test_ctrl_c_keeps_what_was_measured(groupcalc: Groupcalc, net: str, fake: Fake) -> None:
    fake.interrupted = True
    code, out, _ = groupcalc("bench", net, "-o", "table", "-o", "json:kept.json")
    assert code == 130
    assert "small" in out
    data = json.loads(Path("kept.json").read_text())
    assert (len(data["bench"]), data["interrupted"]) == (2, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--backend", "trch"], "--backend: 'trch' is no backend (did you mean 'torch'?)"),
        (["--backend", ""], "--backend: '' is no backend (use numba, torch, onnxruntime)"),
        (["--threads", "0"], "--threads: '0' is not a whole number from 1 up (write 1 or more)"),
        (["--threads", "-1"], "--threads: '-1' is not a whole number from 0 up (write 1 or more)"),
        (["--threads", "10000"], "--threads: 10000 threads are more than the "),
        (["--runs", "0"], "--runs: '0' is not a whole number from 1 up (write 10)"),
        (["--layer", "none"], "--layer: no layer has such a name (drop --layer to see them all)"),
        (["--min-time", "-1"], "--min-time: '-1' is no time in seconds from 0 to 3600 (write 0.5)"),
        (["--min-time", "nan"], "--min-time: 'nan' is no time in seconds from 0 to 3600 (write 0.5)"),
        (["--groups", "0"], "--groups: '0' is not a group count (write 1,2,4,32)"),
        (["--groups", "-1"], "--groups: '-1' is not a group count (write 1,2,4,32)"),
        (["--groups", "a,b"], "--groups: 'a' is not a group count (write 1,2,4,32)"),
        (["--groups", "3"], "--groups: no layer allows 3 (use 1, 2, 4, 8, …)"),
        (["--groups", "3,5", "--no-baseline"], "--groups: no layer allows 3 or 5 (use 1, 2, 4, 8, …)"),
        (["--peak", "fast"], "--peak: 'fast' is not a rate (write 27GFLOP/s)"),
        (["--bandwidth", "27GFLOP/s"], "--bandwidth: '27GFLOP/s' is not in B/s (write 27GB/s)"),
        (["--device", "cuda", "--whole"], "--whole: is for the CPU (drop --device cuda)"),
        (["--dtype", "float16"], "--dtype: the kernels of the CPU are float32 (add --device cuda)"),
        (["--dtype", "float32", "--whole"], "--whole: runs a model in its own dtype (drop --dtype)"),
        (
            ["--device", "cuda", "--cold"],
            "--cold: is for the CPU (drop --cold: buffers are taken in turn past the GPU's",
        ),
        (["--device", "tpu"], "--device: 'tpu' is not known (use cpu or cuda)"),
        (
            ["--base", "none.json"],
            "none.json: cannot be read: No such file or directory (save one with groupcalc bench",
        ),
        (
            ["--chain", "5"],
            "--chain: compares libraries (add --backend numba,onnxruntime and an INPUT without --groups)",
        ),
        (["--whole"], "--whole: needs the one runtime that has a profiler (add --backend onnxruntime)"),
        (
            ["--whole", "--backend", "onnxruntime"],
            "--whole: runs ONNX files (groupcalc bench model.onnx --backend onnxruntime --whole)",
        ),
        (["-o", "json:/none/b.json"], "/none/b.json: cannot be written: its directory does not exist (make it)"),
        (["-o", "yaml"], "--output: 'yaml' is no format of this command (use table, json, csv, markdown, html, svg)"),
    ],
)
def test_mistakes_are_one_line(groupcalc: Groupcalc, net: str, fake: Fake, words: list[str], message: str) -> None:
    code, out, err = groupcalc("bench", net, *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(message)
    assert fake.cases == []


def test_a_file_that_is_not_there_and_one_without_convolutions(groupcalc: Groupcalc, fake: Fake) -> None:
    assert groupcalc("bench", "none.toml").err == "none.toml: no such file (check the path, or quote a layer line)\n"
    assert groupcalc("bench", "ReLU() @ 1x8x8x8").err == (
        "command line: has no layer that can be timed (left out, as no convolution of the kernels: layer1 (Relu))\n"
    )


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "groupcalc.bench", "none.toml"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (
        2, "none.toml: no such file (check the path, or quote a layer line)\n"
    )  # fmt: skip


def test_memory_that_is_not_there_is_not_asked_for(groupcalc: Groupcalc, fake: Fake) -> None:
    code, out, err = groupcalc("bench", "Conv2d(1000000000, 1000000000, 3) @ 56x56")
    assert (code, out, fake.cases) == (2, "", [])
    assert re.match(r"layer1: needs [0-9,]+\.\d GiB to be run and checked, [0-9.]+ GiB are free \(use ", err)


def test_a_small_layer_is_measured_in_earnest(groupcalc: Groupcalc) -> None:
    words = ["family/a = Conv2d(8, 8, 3, padding=1, groups=2) @ 6x6", "--backend", "numba,onnxruntime"]
    rates = ["--peak", "1PFLOP/s", "--bandwidth", "1PB/s"]
    code, out, _ = groupcalc("bench", *words, *rates, "--threads", "1", "--runs", "1", "--min-time", "0", "--json")
    assert code == 0
    data = json.loads(out)
    assert data["failures"] == []
    assert [(row["backend"], row["variant"]) for row in data["bench"]] == [
        ("numba", ""), ("onnxruntime", "all"), ("onnxruntime", "extended")
    ]  # fmt: skip
    for row in data["bench"]:
        assert row["macs"] == 8 * 4 * 9 * 6 * 6
        assert 0 < row["min_s"] == min(row["samples_s"]) <= row["median_s"]
        assert 0 < row["error"] < 1
        assert 0 < row["estimate_s"] < row["min_s"]


def test_a_small_sweep_with_cold_caches_is_measured_in_earnest(groupcalc: Groupcalc) -> None:
    words = ["Conv2d(8, 8, 3, padding=1) @ 6x6", "--groups", "4", "--cold"]
    rates = ["--peak", "1PFLOP/s", "--bandwidth", "1PB/s"]
    code, out, _ = groupcalc("bench", *words, *rates, "--threads", "1", "--runs", "2", "--min-time", "0", "--json")
    assert code == 0
    rows = json.loads(out)["bench"]
    assert [(row["groups"], row["ideal_speedup"], row["loops"]) for row in rows] == [(1, 1.0, 1), (4, 4.0, 1)]
    assert all(len(row["samples_s"]) == sum(row["rounds"]) > len(row["rounds"]) == 2 for row in rows)


def test_a_whole_model_is_run_in_earnest(groupcalc: Groupcalc, conv: Callable[..., str]) -> None:
    words = [conv("model.onnx"), "--whole", "--backend", "onnxruntime", "--peak", "1PFLOP/s", "--bandwidth", "1PB/s"]
    code, out, _ = groupcalc("bench", *words, "--threads", "1", "--runs", "2", "--min-time", "0", "--json")
    assert code == 0
    [whole] = json.loads(out)["whole"]
    assert sum(node["measured_s"] for node in whole["nodes"]) + whole["between_s"] == pytest.approx(whole["total_s"])
    assert sum(node["macs"] for node in whole["nodes"]) == 4 * 3 * 9 * 6 * 6
    assert whole["filled"] == 1
