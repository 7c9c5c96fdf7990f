"""The GPU of a benchmark: its ceilings as a roofline, its memory asked before it is taken, libraries that lack it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from typing import Any

import pytest

from groupcalc.bench import gpu
from groupcalc.bench.backends import Backend
from groupcalc.bench.engine import Engine
from groupcalc.bench.result import Case
from groupcalc.conv import conv
from groupcalc.errors import DeviceError, UsageError
from groupcalc.kernels.cuda import probes
from groupcalc.kernels.cuda.device import Gpu

LOOM = Gpu(name="loom", processors=132, shared_floats=58368, l2_bytes=50 * 2**20, uuid="GPU-1")


def seen(free: float) -> gpu.Seen:
    return gpu.Seen(gpu=LOOM, free_bytes=free)


def test_the_ceilings_of_a_device_are_one_level_and_a_launch() -> None:
    found = gpu.ceilings(probes.Ceilings(copy_bytes_per_s=3e12, flops_per_s=6e13, launch_s=2e-6, host_launch_s=9e-6))
    assert (found.peak_flops_per_s, found.launch_s, found.given) == (6e13, 2e-6, False)
    for working_set in (0, 2**40):
        assert found.level(working_set).bandwidth_bytes_per_s == 3e12


def test_memory_that_is_not_there_is_said_in_gib_before_it_is_asked_for() -> None:
    # 8 images of 2**20 pixels by 64 channels in float32, read and written: 2 GiB each, twice for the cache's sake.
    large = Case(name="large", conv=conv(64, 64, 1, (1024, 1024), batch=8, bias=False), threads=1, device="cuda")
    small = Case(name="small", conv=conv(1, 1, 1, (4, 4), bias=False), threads=1, device="cuda")
    gpu.check_device_room([[small], [large]], 1, seen(8.01 * 2**30))
    with pytest.raises(UsageError) as caught:
        gpu.check_device_room([[small], [small, large]], 2, seen(8.01 * 2**30))
    assert str(caught.value) == (
        "large: needs 16.0 GiB of device memory, 8.0 GiB are free on loom "
        "(use fewer channels, a smaller size, --batch or fewer backends)"
    )


def test_in_the_simulator_memory_has_no_end() -> None:
    large = Case(name="large", conv=conv(2**20, 1, 1, (2**20,)), threads=1, device="cuda")
    gpu.check_device_room([[large]], 9, seen(float("inf")))


def no_cuda() -> str:
    return "this build has no CUDA (take another)"


def broken() -> str:
    raise ImportError("libcudart.so.13: cannot open shared object file\nand a second line")


def engines(backend: Backend, **lacks: Any) -> list[Engine]:
    return [
        Engine(replace(backend, name=name, lacks=lack), variant)
        for name, lack in lacks.items()
        for variant in ("works", "works twice")
    ]


def test_a_library_that_cannot_is_one_line_and_the_others_stay(backend: Backend) -> None:
    told: list[str] = []
    left = gpu.able(engines(backend, ours=None, torch=no_cuda, ort=broken, able=str), told.append)
    assert [engine.name for engine in left] == ["ours works", "ours works twice", "able works", "able works twice"]
    assert told == [
        "torch: left out, as this build has no CUDA (take another)",
        "ort: left out, as libcudart.so.13: cannot open shared object file",
    ]
    assert not any(engine.alive for engine in left)


def test_when_none_is_left_it_is_an_error(backend: Backend) -> None:
    with pytest.raises(UsageError) as caught:
        gpu.able(engines(backend, torch=no_cuda), lambda line: None)
    assert str(caught.value) == "--backend: torch: this build has no CUDA (take another)"


def gone(probe: bool) -> Any:
    os._exit(3)


def test_a_driver_that_ends_the_process_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "_look", gone)
    with pytest.raises(DeviceError, match=r"^the process that looked at the GPU ended before it answered$"):
        gpu.look(probe=True)


def test_what_the_driver_refuses_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(gpu: Gpu) -> Any:
        raise RuntimeError(
            "[222] Call to cuLinkAddData results in UNSUPPORTED_PTX_VERSION\nptxas application ptx input"
        )

    monkeypatch.setattr(gpu, "gpu", lambda: LOOM)
    monkeypatch.setattr(gpu, "free_bytes", lambda: 2.0**36)
    monkeypatch.setattr(probes, "ceilings", refused)
    with pytest.raises(DeviceError) as caught:
        gpu._look(probe=True)
    assert str(caught.value) == (
        'the GPU cannot be measured: [222] Call to cuLinkAddData results in UNSUPPORTED_PTX_VERSION (use device="cpu")'
    )
    assert gpu._look(probe=False) == seen(2.0**36)


@pytest.mark.parametrize(
    ("said", "shown"),
    [("1980 MHz, 2619 MHz, 41, 120.50 W\n", "1980 MHz, memory 2619 MHz, 41 °C, 120.50 W"), ("No devices\n", "")],
)
def test_the_state_of_the_gpu_is_what_the_driver_says(monkeypatch: pytest.MonkeyPatch, said: str, shown: str) -> None:
    def run(command: list[str], **_: Any) -> Any:
        assert command[1:3] == ["-i", "GPU-1"]
        return subprocess.CompletedProcess(command, 0, stdout=said)

    monkeypatch.setattr(subprocess, "run", run)
    assert gpu.state(seen(0)) == shown


def test_without_the_tool_of_the_driver_its_state_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any, **__: Any) -> Any:
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "run", run)
    assert gpu.state(seen(0)) == ""
