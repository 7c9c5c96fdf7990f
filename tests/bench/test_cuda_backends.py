"""The backends of a GPU without one: what they ask their libraries for, and that it is the case that comes back."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from groupcalc.bench.backends import BACKENDS, DEVICES, ON_CUDA
from groupcalc.bench.result import Case, in_tf32
from groupcalc.bench.verify import expected
from groupcalc.conv import Conv, conv
from groupcalc.errors import EngineError
from groupcalc.kernels.cuda import events
from groupcalc.kernels.cuda.device import Gpu
from groupcalc.kernels.reference import convolve

LAYER = conv(4, 6, 3, (5, 4), padding=1, groups=2)
CASE = Case(name="a", conv=LAYER, threads=1, device="cuda")
SETS = 3
TOUCHED = 4 * (4 * 5 * 4 + 6 * 5 * 4)
LOOM = Gpu(name="loom", processors=1, shared_floats=1, l2_bytes=(SETS - 1) * TOUCHED // 2)


def ready(module: ModuleType, variant: str, case: Case, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A case prepared for a GPU of that name, launches timed by the host."""
    monkeypatch.setattr(module, "gpu", lambda: LOOM)
    monkeypatch.setattr(events, "simulated", lambda: True)
    return module.prepare(variant, case)


def test_the_first_variant_of_each_is_float32_and_numba_has_one() -> None:
    assert DEVICES["cuda"].keys() == DEVICES["cpu"].keys() == BACKENDS.keys()
    for backend in ON_CUDA.values():
        assert not in_tf32(backend.variants[0])
    assert [backend.name for backend in ON_CUDA.values() if backend.lacks is None] == ["numba"]
    assert ON_CUDA["onnxruntime"].way_out == "pip install 'groupcalc[onnxruntime-gpu]'"


# --- torch ----------------------------------------------------------------------------------------------------------


class Tensor:
    """As much of torch's tensors as the backend uses, over NumPy."""

    def __init__(self, array: np.ndarray, device: str = "cpu", form: str = "nchw") -> None:
        self.array, self.device, self.form = array, device, form

    def cuda(self) -> Tensor:
        return Tensor(self.array, "cuda", self.form)

    def cpu(self) -> Tensor:
        return Tensor(self.array, "cpu", self.form)

    def contiguous(self, memory_format: str = "nchw") -> Tensor:
        return Tensor(self.array, self.device, memory_format)

    def numpy(self) -> np.ndarray:
        assert (self.device, self.form) == ("cpu", "nchw")
        return self.array


class Torch(ModuleType):
    """A torch that was built for CUDA, on a GPU of the given compute capability."""

    def __init__(self, capability: int = 9, built_for: str | None = "13.0", sees: bool = True) -> None:
        super().__init__("torch")
        self.contiguous_format, self.channels_last = "nchw", "nhwc"
        self.version = SimpleNamespace(cuda=built_for)
        self.cuda = SimpleNamespace(
            is_available=lambda: sees, get_device_capability=lambda: (capability, 0), synchronize=lambda: None
        )
        self.backends = SimpleNamespace(cudnn=SimpleNamespace(benchmark=False, allow_tf32=True))
        self.inference_mode = lambda: SimpleNamespace(__enter__=lambda: None)
        self.from_numpy, self.Tensor = Tensor, Tensor
        self.conv1d = self.conv2d = self.conv3d = self.convolution
        self.calls: list[tuple[str, str, bool]] = []

    def convolution(
        self, x: Tensor, w: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Tensor:
        assert x.device == w.device == "cuda"
        assert x.form == w.form
        self.calls.append((x.form, w.form, self.backends.cudnn.allow_tf32))
        pads = padding if isinstance(padding, tuple) else (padding,) * len(stride)
        layer = conv(
            x.array.shape[1], len(w.array), w.array.shape[2:], x.array.shape[2:], stride=stride, dilation=dilation,
            groups=groups, batch=len(x.array), bias=bias is not None, padding=[(pad, pad) for pad in pads],
        )  # fmt: skip
        y = convolve(layer, x.array.astype("f8"), w.array.astype("f8"), bias.array if bias else None)
        return Tensor(y.astype(np.float32), "cuda", x.form)


def pad(x: Tensor, amounts: list[int]) -> Tensor:
    """torch.nn.functional.pad, the last axis first."""
    pairs = list(zip(amounts[::2], amounts[1::2], strict=True))[::-1]
    return Tensor(np.pad(x.array, [(0, 0), (0, 0), *pairs]), x.device, x.form)


@pytest.fixture
def torch_cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[ModuleType, Torch]]]:
    """The backend on such a torch."""
    name, cpu = "groupcalc.bench.backends.torch_cuda", "groupcalc.bench.backends.torch"

    def over(**facts: Any) -> tuple[ModuleType, Torch]:
        torch, functional = Torch(**facts), ModuleType("torch.nn.functional")
        functional.pad = pad  # type: ignore[attr-defined]
        for module in (torch, ModuleType("torch.nn"), functional):
            monkeypatch.setitem(sys.modules, module.__name__, module)
        sys.modules.pop(name, None)
        sys.modules.pop(cpu, None)  # whose steps it takes, of the same torch
        return import_module(name), torch

    yield over
    sys.modules.pop(name, None)
    sys.modules.pop(cpu, None)


@pytest.mark.parametrize("variant", ON_CUDA["torch"].variants)
def test_torch_is_cudnn_in_benchmark_mode_in_the_layout_and_arithmetic_that_it_says(
    variant: str, torch_cuda: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    module, torch = torch_cuda()
    found = ready(module, variant, CASE, monkeypatch)
    form = "nhwc" if variant.startswith("channels_last") else "nchw"
    assert set(torch.calls) == {(form, form, variant.endswith("tf32"))}
    assert torch.backends.cudnn.benchmark
    assert len(found.sampler.launches) == SETS
    assert expected(CASE).error(found.output()) < 1


@pytest.mark.parametrize(
    "layer",
    [
        conv(6, 6, (2, 4), (7, 6), padding="same", groups=6, bias=False),  # more behind than before
        conv(4, 6, 3, (9,), padding=2, dilation=2),
        conv(2, 2, 2, (3, 4, 3), stride=(1, 2, 1)),
        conv(4, 4, 3, (5, 5), padding=(2, 0), stride=(2, 1)),
    ],
)
def test_torch_computes_the_case(layer: Conv, torch_cuda: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(name="a", conv=layer, threads=1, device="cuda")
    assert expected(case).error(ready(torch_cuda()[0], "nchw", case, monkeypatch).output()) < 1


def test_torch_runs_a_chain(torch_cuda: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(name="a", conv=conv(4, 4, 3, (5, 5), padding=1), threads=1, chain=3, device="cuda")
    assert expected(case).error(ready(torch_cuda()[0], "nchw", case, monkeypatch).output()) < 1


def test_torch_refuses_what_it_does_not_have(torch_cuda: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    flat = Case(name="a", conv=conv(4, 4, 3, (9,)), threads=1, device="cuda")
    with pytest.raises(EngineError, match=r"^torch has this for two spatial axes, not 1 \(use torch nchw\)$"):
        ready(torch_cuda()[0], "channels_last", flat, monkeypatch)
    with pytest.raises(EngineError, match=r"^this GPU has no TF32 \(use torch nchw\)$"):
        ready(torch_cuda(capability=7)[0], "nchw tf32", CASE, monkeypatch)


@pytest.mark.parametrize(
    ("facts", "start"),
    [
        ({}, ""),
        ({"built_for": None}, "this build has no CUDA (pip install a CUDA wheel of torch, "),
        ({"sees": False}, "it sees no GPU, built for CUDA 13.0 ("),
    ],
)
def test_a_torch_that_cannot_use_the_gpu_says_why(
    facts: dict[str, Any], start: str, torch_cuda: Callable[..., Any]
) -> None:
    said = torch_cuda(**facts)[0].lacks()
    assert said.startswith(start)
    assert bool(said) == bool(start)


# --- onnxruntime ----------------------------------------------------------------------------------------------------

ort = pytest.importorskip("onnxruntime")
NO_PROVIDER = "CUDAExecutionProvider" not in ort.get_available_providers()


@pytest.fixture
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The backend with the CPU in the place of the GPU: the same calls of onnxruntime's."""
    module = import_module("groupcalc.bench.backends.onnxruntime_cuda")
    monkeypatch.setattr(module, "PROVIDER", "CPUExecutionProvider")
    monkeypatch.setattr(module, "DEVICE", "cpu")
    monkeypatch.setattr(module, "stream", lambda: (SimpleNamespace(synchronize=lambda: None), 4096))
    return module


@pytest.mark.parametrize("chain", [1, 3])
def test_onnxruntime_computes_the_case_on_buffers_bound_once(
    chain: int, on_cpu: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASE if chain == 1 else Case(name="a", conv=conv(4, 4, 3, (5, 5), padding=1), threads=1, chain=chain)
    found = ready(on_cpu, "", case, monkeypatch)
    assert len(found.sampler.launches) >= 2
    assert expected(case).error(found.output()) < 1


@pytest.mark.parametrize(("variant", "tf32"), [("", "0"), ("tf32", "1")])
def test_onnxruntime_is_told_the_arithmetic_and_the_stream(
    variant: str, tf32: str, on_cpu: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def session(model: bytes, options: Any, providers: Any, enable_fallback: bool) -> Any:
        asked.append((providers, enable_fallback))
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(on_cpu, "ort", SimpleNamespace(**(vars(ort) | {"InferenceSession": session})))
    ready(on_cpu, variant, CASE, monkeypatch)
    assert asked == [([("CPUExecutionProvider", {"use_tf32": tf32, "user_compute_stream": "4096"})], False)]


def test_an_onnxruntime_that_falls_back_to_the_cpu_is_not_measured(
    on_cpu: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    fallen = SimpleNamespace(get_providers=lambda: ["AzureExecutionProvider"])
    fake = SimpleNamespace(SessionOptions=ort.SessionOptions, InferenceSession=lambda *_, **__: fallen)
    monkeypatch.setattr(on_cpu, "ort", fake)
    with pytest.raises(EngineError, match=r"^its CPUExecutionProvider cannot be loaded, CUDA or cuDNN is missing \("):
        ready(on_cpu, "", CASE, monkeypatch)


@pytest.mark.skipif(not NO_PROVIDER, reason="this onnxruntime has the provider")
def test_an_onnxruntime_without_the_provider_says_so() -> None:
    module = import_module("groupcalc.bench.backends.onnxruntime_cuda")
    assert module.lacks() == (
        "this build has no CUDAExecutionProvider "
        "(pip uninstall onnxruntime, then pip install 'onnxruntime-gpu[cuda,cudnn]')"
    )
