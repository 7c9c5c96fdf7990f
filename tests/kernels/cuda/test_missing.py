"""Without a GPU, without numba-cuda or without memory there is one line on what to do."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

from groupcalc import kernels
from groupcalc.errors import DeviceError
from groupcalc.kernels.cuda import arrays, device

X, W = np.zeros((1, 4, 8, 8), np.float32), np.zeros((4, 1, 3, 3), np.float32)


def refusal() -> str:
    with pytest.raises(DeviceError) as caught:
        kernels.conv2d(X, W, groups=4, device="cuda")
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def test_without_numba_cuda_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "find_spec", lambda name: None)
    assert refusal() == (
        'device="cuda" needs numba-cuda, which is not installed '
        "(pip install 'groupcalc[cuda13]', or groupcalc[cuda12] for a driver of CUDA 12)"
    )


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "find_spec", lambda name: importlib.util.find_spec("numba"))


@pytest.mark.usefixtures("installed")
def test_without_a_driver_its_own_words_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    from numba import cuda
    from numba.cuda.cudadrv.driver import driver

    monkeypatch.setattr(cuda, "is_available", lambda: False)
    monkeypatch.setattr(driver, "initialization_error", "\nCUDA driver library\ncannot be found.\n")
    assert refusal() == (
        'device="cuda" cannot be used: CUDA driver library cannot be found '
        '(use device="cpu", or NUMBA_ENABLE_CUDASIM=1)'
    )


@pytest.mark.usefixtures("installed")
def test_a_driver_without_a_gpu_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from numba import cuda

    monkeypatch.setattr(cuda, "is_available", lambda: True)
    monkeypatch.setattr(cuda, "gpus", ())
    assert refusal() == 'the CUDA driver sees no GPU (use device="cpu")'


def test_too_little_memory_is_said_with_both_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "free_bytes", lambda: 3.0 * 2**20)
    monkeypatch.setattr(device, "release", lambda: None)
    with pytest.raises(DeviceError) as caught:
        arrays.empty(2**20)
    assert str(caught.value) == (
        "the convolution needs 4.000 MiB of device memory, and 3.000 MiB are free "
        "(split the batch, or free arrays on the device)"
    )


def test_memory_that_numba_holds_back_is_freed_before_it_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    free = [3.0 * 2**20]
    monkeypatch.setattr(device, "free_bytes", lambda: free[0])
    monkeypatch.setattr(device, "release", lambda: free.__setitem__(0, 4.0 * 2**20))
    device.check_memory(4 * 2**20)


def test_a_float64_convolution_on_the_cpu_asks_for_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def no(*args: Any) -> None:
        raise AssertionError("a GPU was looked for")

    monkeypatch.setattr(device, "_require", no)
    assert kernels.conv2d(X.astype("f8"), W.astype("f8"), groups=4).shape == (1, 4, 6, 6)
