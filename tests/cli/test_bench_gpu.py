"""groupcalc bench --device cuda in earnest, on a device or in Numba's simulator (kernels/cuda/test_simulator)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from groupcalc.kernels.cuda.device import gpu

pytestmark = pytest.mark.gpu

Groupcalc = Callable[..., Any]

QUICK = ("--device", "cuda", "--runs", "1", "--warmup", "0", "--min-time", "0")


def test_a_small_sweep_is_measured_beside_the_ceilings_of_the_gpu(groupcalc: Groupcalc) -> None:
    code, out, err = groupcalc("bench", "Conv2d(2, 2, 3, padding=1) @ 3x3", "--groups", "2", *QUICK, "--json")
    assert (code, err) == (0, "")
    data = json.loads(out)
    assert data["failures"] == []
    assert data["machine"]["gpu"]["name"] == gpu().name
    assert data["machine"]["ceilings"]["launch_s"] > 0
    assert [(row["groups"], row["macs"]) for row in data["bench"]] == [(1, 2 * 2 * 81), (2, 2 * 81)]
    for row in data["bench"]:
        assert (row["case"]["device"], bool(row["kernel"])) == ("cuda", True)
        assert 0 < row["min_s"] == min(row["samples_s"])
        assert 0 < row["error"] < 1
        assert row["estimate_s"] > data["machine"]["ceilings"]["launch_s"]


def test_float16_is_measured_and_keeps_its_bound(groupcalc: Groupcalc) -> None:
    line = "Conv2d(8, 8, 3, padding=1, groups=8) @ 8x8"
    code, out, err = groupcalc("bench", line, "--dtype", "float16", "--batch", "2", *QUICK, "--json")
    assert (code, err) == (0, "")
    [row] = json.loads(out)["bench"]
    assert (row["case"]["dtype"], row["kernel"]) == ("float16", "strips")
    assert 0 < row["error"] < 1


def test_layers_of_a_file_are_measured_in_a_chain_against_libraries(groupcalc: Groupcalc, here: Any) -> None:
    (here / "net.txt").write_text("a/x = Conv2d(2, 2, 1, groups=2) @ 2x2\n")
    rates = ("--peak", "1PFLOP/s", "--bandwidth", "1PB/s")
    words = ("net.txt", "--backend", "numba,torch,onnxruntime", "--chain", "3", "--batch", "2", *rates)
    code, out, err = groupcalc("bench", *words, *QUICK, "--json")
    assert code == 0
    data = json.loads(out)
    ours = [row for row in data["bench"] if row["backend"] == "numba"]
    assert [(row["case"]["chain"], row["case"]["batch"], row["error"] < 1) for row in ours] == [
        (1, 2, True),
        (3, 2, True),
    ]
    there = {row["backend"] for row in data["bench"]}
    # What cannot be asked is named in a line, with the way out.
    assert {line.split(":")[0] for line in err.splitlines()} | there == {"numba", "torch", "onnxruntime"}
    assert all(line.endswith(")") for line in err.splitlines())
