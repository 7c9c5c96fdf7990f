"""onnxruntime on a GPU: a session over a model of the case alone, operands bound to the device's memory."""

from __future__ import annotations

from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from typing import Any

import onnxruntime as ort

from groupcalc.bench.backends import Ready
from groupcalc.bench.backends.onnxruntime import model
from groupcalc.bench.launches import buffer_sets, late
from groupcalc.bench.operands import operands, output_shape
from groupcalc.bench.result import Case, in_tf32
from groupcalc.errors import EngineError
from groupcalc.kernels.cuda.device import gpu
from groupcalc.kernels.cuda.events import Sampler, stream

PROVIDER, DEVICE = "CUDAExecutionProvider", "cuda"

WAY_OUT = "pip uninstall onnxruntime, then pip install 'onnxruntime-gpu[cuda,cudnn]'"


def lacks() -> str:
    """What keeps this onnxruntime from a GPU; "" when nothing does."""
    return "" if PROVIDER in ort.get_available_providers() else f"this build has no {PROVIDER} ({WAY_OUT})"


def prepare(variant: str, case: Case) -> Ready:
    """The chain of the case as one model, its output in as many buffers as its input."""
    # By itself a run ends with a wait for the device, and goes to a stream that pays the events no regard.
    own, address = stream()
    session = _session(case, {"use_tf32": str(int(in_tf32(variant))), "user_compute_stream": str(address)})
    no_wait = ort.RunOptions()
    no_wait.add_run_config_entry("disable_synchronize_execution_providers", "1")
    x, shape = operands(case).x, output_shape(case.conv)
    outputs, launches = [], []
    for _ in range(buffer_sets(case, gpu().l2_bytes)):
        y = ort.OrtValue.ortvalue_from_shape_and_type(shape, x.dtype.type, DEVICE, 0)
        binding = session.io_binding()
        binding.bind_ortvalue_input("x", ort.OrtValue.ortvalue_from_numpy(x, DEVICE, 0))
        binding.bind_ortvalue_output("y", y)
        outputs.append(y)
        launches.append(partial(session.run_with_iobinding, binding, no_wait))
    sampler = Sampler(launches=launches)

    def output() -> Any:
        own.synchronize()
        return outputs[0].numpy()

    return Ready(call=launches[0], output=output, sampler=sampler, note=late(sampler))


def _session(case: Case, how: dict[str, str]) -> ort.InferenceSession:
    """EngineError when the provider cannot be loaded: by itself onnxruntime would go on with the CPU."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if hasattr(ort, "preload_dlls"):  # from 1.21 on
        with redirect_stdout(StringIO()):  # where results go
            ort.preload_dlls()
    session = ort.InferenceSession(model(case), options, providers=[(PROVIDER, how)], enable_fallback=False)
    if PROVIDER not in session.get_providers():
        raise EngineError(f"its {PROVIDER} cannot be loaded, CUDA or cuDNN is missing", WAY_OUT)
    return session
