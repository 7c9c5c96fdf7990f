"""torch on a GPU: cuDNN in benchmark mode, in both layouts, each with TF32 off and on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import torch

from groupcalc.bench.backends import Ready
from groupcalc.bench.backends.torch import Step, padded, plain
from groupcalc.bench.launches import buffer_sets, late
from groupcalc.bench.operands import Floats, operands
from groupcalc.bench.result import Case, in_tf32
from groupcalc.errors import EngineError
from groupcalc.kernels.cuda.device import gpu
from groupcalc.kernels.cuda.events import Sampler

FIRST_WITH_TF32 = 8
"""The compute capability of Ampere."""


def lacks() -> str:
    """What keeps this torch from a GPU; "" when nothing does."""
    if torch.version.cuda is None:
        return "this build has no CUDA (pip install a CUDA wheel of torch, see pytorch.org/get-started)"
    if not torch.cuda.is_available():
        return f"it sees no GPU, built for CUDA {torch.version.cuda} (take a build that the driver's CUDA can run)"
    return ""


def prepare(variant: str, case: Case) -> Ready:
    """The chain of the case in the layout of the variant, input and output in that layout too."""
    layout, tf32 = variant.split()[0], in_tf32(variant)
    if layout == "channels_last" and len(case.conv.in_size) != 2:
        raise EngineError(f"torch has this for two spatial axes, not {len(case.conv.in_size)}", "use torch nchw")
    if tf32 and torch.cuda.get_device_capability()[0] < FIRST_WITH_TF32:
        raise EngineError("this GPU has no TF32", "use torch nchw")
    torch.inference_mode().__enter__()  # for as long as the process lives
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = tf32
    given = operands(case)
    form = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    steps = [
        padded(case.conv, plain(case.conv, _on_device(w, form), None if bias is None else _on_device(bias)))
        for w, bias in zip(given.weights, given.biases, strict=True)
    ]
    inputs = [_on_device(given.x, form) for _ in range(buffer_sets(case, gpu().l2_bytes))]
    kept: list[Any] = [None] * len(inputs)
    launches = [partial(_chain, steps, inputs, kept, number) for number in range(len(inputs))]
    launches[0]()  # cuDNN tries what it has
    torch.cuda.synchronize()
    sampler = Sampler(launches=launches)
    return Ready(
        call=launches[0],
        output=lambda: cast(Floats, kept[0].contiguous().cpu().numpy()),
        sampler=sampler,
        note=late(sampler),
    )


def _on_device(array: Floats, form: Any = torch.contiguous_format) -> torch.Tensor:
    return torch.from_numpy(array).cuda().contiguous(memory_format=form)


def _chain(steps: Sequence[Step], inputs: Sequence[torch.Tensor], kept: list[Any], number: int) -> None:
    """Outputs are kept until their turn comes again, so that torch takes other memory for the next one."""
    y = inputs[number]
    for step in steps:
        y = step(y)
    kept[number] = y
