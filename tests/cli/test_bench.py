"""groupcalc bench: words in, tables out; the measuring itself stands in tests/bench."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from groupcalc.bench import backends, run
from groupcalc.bench.backends import Backend
from groupcalc.bench.result import Bench, BenchResult, Case, Timing

Groupcalc = Callable[..., Any]


class Fake:
    """Stands for the run: keeps what it is asked, and says that each engine takes a microsecond a letter."""

    def __init__(self) -> None:
        self.cases: list[Case] = []
        self.engines: list[str] = []
        self.rest: dict[str, Any] = {}
        self.interrupted = False

    def __call__(self, cases: Sequence[Case], backends: Sequence[Backend], **rest: Any) -> Bench:
        self.cases, self.rest = list(cases), rest
        self.engines = [f"{backend.name} {variant}".strip() for backend in backends for variant in backend.variants]
        results = [
            BenchResult(
                case=case,
                backend=engine.partition(" ")[0],
                variant=engine.partition(" ")[2],
                timing=Timing(samples_s=(len(engine) * 1e-6,), compile_s=0.0),
            )
            for case in cases
            for engine in self.engines
        ]
        return Bench(results=tuple(results), machine={"processor": "abacus"}, interrupted=self.interrupted)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = Fake()
    monkeypatch.setattr(run, "run", fake)
    monkeypatch.setattr(backends, "find_spec", lambda name: True)
    return fake


def test_every_layer_is_measured_on_every_variant(groupcalc: Groupcalc, net: str, fake: Fake) -> None:
    code, out, err = groupcalc("bench", net, "--threads", "1", "--runs", "3", "--min-time", "0.5")
    assert (code, err) == (0, "")
    assert [case.name for case in fake.cases] == ["small", "large"]
    assert fake.engines == [
        "numba", "torch nchw", "torch nchw packed", "torch channels_last", "torch channels_last packed",
        "onnxruntime all", "onnxruntime extended",
    ]  # fmt: skip
    assert (fake.rest["runs"], fake.rest["min_time_s"], fake.cases[0].threads) == (3, 0.5, 1)
    assert "small" in out
    assert "×2.00" in out  # "torch nchw" has ten letters, "numba" five


def test_backends_are_chosen_by_name(groupcalc: Groupcalc, net: str, fake: Fake) -> None:
    assert groupcalc("bench", net, "--backend", "onnxruntime,numba").code == 0
    assert fake.engines == ["numba", "onnxruntime all", "onnxruntime extended"]


def test_layers_are_chosen_by_glob(groupcalc: Groupcalc, net: str, fake: Fake) -> None:
    groupcalc("bench", net, "--layer", "l*")
    assert [case.name for case in fake.cases] == ["large"]


def test_a_layer_line_is_a_network_too(groupcalc: Groupcalc, fake: Fake) -> None:
    assert groupcalc("bench", "Conv2d(8, 8, 3, padding=1) @ 8x8", "--chain", "5").code == 0
    assert [case.chain for case in fake.cases] == [1, 5]


def test_a_missing_library_is_one_line_and_the_others_run(
    groupcalc: Groupcalc, net: str, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "find_spec", lambda name: None if name == "torch" else True)
    code, out, err = groupcalc("bench", net)
    assert err == "torch: torch is not installed, so it is left out (pip install 'groupcalc[torch]')\n"
    assert (code, fake.engines) == (0, ["numba", "onnxruntime all", "onnxruntime extended"])
    assert out


def test_json_holds_every_measurement(groupcalc: Groupcalc, net: str, fake: Fake) -> None:
    data = json.loads(groupcalc("bench", net, "--json").out)
    assert data["schema_version"] == 1
    assert len(data["bench"]) == 2 * len(fake.engines)
    assert data["machine"]["processor"] == "abacus"


def test_ctrl_c_keeps_what_was_measured(groupcalc: Groupcalc, net: str, fake: Fake) -> None:
    fake.interrupted = True
    code, out, _ = groupcalc("bench", net)
    assert code == 130
    assert "small" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--backend", "trch"], "--backend: 'trch' is no backend (did you mean 'torch'?)"),
        (["--backend", ""], "--backend: '' is no backend (use numba, torch, onnxruntime)"),
        (["--threads", "-1"], "--threads: '-1' is not a whole number from 0 up (write 2, or 0 for all)"),
        (["--threads", "10000"], "--threads: 10000 threads are more than the "),
        (["--layer", "none"], "--layer: no layer has such a name (drop --layer to see them all)"),
        (["--min-time", "-1"], "--min-time: '-1' is no time (write 0.2)"),
        (["--min-time", "nan"], "--min-time: 'nan' is no time (write 0.2)"),
        (["-o", "yaml"], "--output: 'yaml' is no format of this command (use table, json, csv, markdown, html)"),
    ],
)
def test_mistakes_are_one_line(groupcalc: Groupcalc, net: str, fake: Fake, words: list[str], message: str) -> None:
    code, out, err = groupcalc("bench", net, *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(message)
    assert fake.cases == []


def test_a_file_that_is_not_there_and_one_without_convolutions(groupcalc: Groupcalc, fake: Fake) -> None:
    assert groupcalc("bench").err == ("groupcalc bench: there is no INPUT (name a layer file, or quote a layer line)\n")
    assert groupcalc("bench", "none.toml").err == "none.toml: no such file (check the path, or quote a layer line)\n"
    assert groupcalc("bench", "ReLU() @ 1x8x8x8").err == (
        "command line: has no layer that can be timed (left out, as Relu is no convolution of the kernels: layer1)\n"
    )


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "groupcalc.bench", "none.toml"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (
        2, "none.toml: no such file (check the path, or quote a layer line)\n"
    )  # fmt: skip


def test_a_small_layer_is_measured_in_earnest(groupcalc: Groupcalc, monkeypatch: pytest.MonkeyPatch) -> None:
    from groupcalc.bench import ceilings
    from groupcalc.kernels.probes import Probed

    probed = Probed(peak_flops_per_s=1e15, bandwidths={1: 1e15})
    monkeypatch.setattr(run, "measure_ceilings", lambda threads: ceilings.ceilings(probed, threads, {}))
    words = ["family/a = Conv2d(8, 8, 3, padding=1, groups=2) @ 6x6", "--backend", "numba,onnxruntime"]
    code, out, _ = groupcalc("bench", *words, "--threads", "1", "--runs", "1", "--min-time", "0", "--json")
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
