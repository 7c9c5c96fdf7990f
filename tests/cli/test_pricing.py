"""Many inputs: their order, their errors, and the processes that read them."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

from groupcalc.cli import pricing
from groupcalc.cli.pricing import How, price_all
from groupcalc.errors import InputError, UsageError


def paths(*inputs: str, **rest: Any) -> list[str]:
    return [cost.path for cost in price_all(inputs, How(**rest)).costs]


def test_inputs_are_priced_in_their_order_each_once(here: Path, net: str, conv: Callable[..., str]) -> None:
    conv("b.onnx")
    conv("a.onnx")
    assert paths("b.onnx", net, "*.onnx", "b.onnx") == ["b.onnx", net, "a.onnx"]


@pytest.mark.parametrize("jobs", [0, 1, 2])
def test_processes_change_nothing(groupcalc: Callable[..., Any], conv: Callable[..., str], net: str, jobs: int) -> None:
    names = [conv(f"{index}.onnx", batch=index + 1) for index in range(8)]
    Path("8.onnx").write_text("text")
    conv("9.onnx", batch="n")
    code, out, err = groupcalc("analyze", *names, net, "8.onnx", "9.onnx", "-j", jobs, "--json")
    data = json.loads(out)
    assert code == 2
    assert [model["path"] for model in data["models"]] == [*names, net]
    assert [model["totals"]["macs"] for model in data["models"][:8]] == [
        (index + 1) * 4 * 3 * 9 * 6 * 6 for index in range(8)
    ]
    assert [error["path"] for error in data["errors"]] == ["8.onnx", "9.onnx"]
    assert [line.partition(":")[0] for line in err.splitlines()] == ["8.onnx", "9.onnx"]
    assert err.endswith("dimension 'n' of input 'x' is not known (groupcalc analyze 9.onnx --dim n=1)\n")


def test_a_process_that_is_killed_is_said(here: Path, monkeypatch: pytest.MonkeyPatch, net: str) -> None:
    class Pool:
        def __init__(self, *_: Any, **__: Any) -> None: ...
        def __enter__(self) -> Pool:
            return self

        def __exit__(self, *_: Any) -> None: ...
        def map(self, *_: Any) -> Any:
            raise BrokenProcessPool

    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor", Pool)
    with pytest.raises(InputError, match="--jobs: a process was killed"):
        paths(net, "Conv2d(1, 1, 1) @ 4x4", jobs=2)


def test_no_input_is_an_error() -> None:
    with pytest.raises(UsageError, match="there is no INPUT"):
        price_all([], How())


def test_a_fault_of_ours_in_one_file_does_not_hide_the_others(
    groupcalc: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, net: str
) -> None:
    real = pricing.price

    def price(target: Any, given: Any) -> Any:
        if target.path == "command line":
            raise IndexError("tuple index out of range")
        return real(target, given)

    monkeypatch.setattr(pricing, "price", price)
    code, out, err = groupcalc("analyze", "Conv2d(1, 1, 1) @ 4x4", net)
    assert code == 2
    assert out.startswith("net.toml  ")
    fact = "command line: internal error: IndexError: tuple index out of range"
    assert err == f"{fact} (please report it with the file; -v tells where)\n"
    assert "Traceback" in groupcalc("analyze", "Conv2d(1, 1, 1) @ 4x4", net, "-v").err


def test_a_model_larger_than_memory_is_an_error_of_its_own(
    groupcalc: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, net: str
) -> None:
    def price(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(pricing, "price", price)
    assert groupcalc("analyze", net) == (2, "", "net.toml: does not fit into memory\n")


def test_names_that_no_model_has_are_judged_only_when_all_were_read(
    groupcalc: Callable[..., Any], conv: Callable[..., str]
) -> None:
    conv("n.onnx", batch="n")
    conv("m.onnx", batch="m")
    assert groupcalc("analyze", "n.onnx", "m.onnx", "--dim", "n=1,m=1").code == 0
    misspelt = groupcalc("analyze", "n.onnx", "m.onnx", "--dim", "n=1,M=1").err
    assert misspelt.startswith("m.onnx: dimension 'm' of input 'x' is not known")
    assert misspelt.count("\n") == 1
    wrong = groupcalc("analyze", "n.onnx", "--shape", "X=1x3x8x8", "--dim", "n=1")
    assert wrong == (2, "", "--shape: no model has input 'X' (there is: x)\n")
