"""torch on the CPU: its oneDNN convolutions in both layouts, with plain and with prepacked weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch.nn.functional import pad

from groupcalc.bench.backends import Ready
from groupcalc.bench.operands import Floats, input_shape, operands
from groupcalc.bench.result import Case
from groupcalc.conv import Conv
from groupcalc.errors import EngineError

Step = Callable[[torch.Tensor], torch.Tensor]

CONVOLUTIONS: tuple[Any, ...] = (torch.conv1d, torch.conv2d, torch.conv3d)


def prepare(variant: str, case: Case) -> Ready:
    """The chain of the case in the layout of the variant. Input and output are NCHW, as they are for every backend.

    What a variant takes to change the layout is its own time, as onnxruntime's is.
    `packed` has oneDNN choose the layout of the weights beforehand, as torch's own compiler and its freezing do.
    """
    torch.set_num_threads(case.threads)
    torch.inference_mode().__enter__()  # for as long as the process lives
    given = operands(case)
    layout, _, packed = variant.partition(" ")
    rank = len(case.conv.in_size)
    if rank != 2 and (layout, packed) != ("nchw", ""):
        raise EngineError(f"torch has this for two spatial axes, not {rank}", "use torch nchw")
    memory_format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    make = {"": plain, "packed": _packed_last if layout == "channels_last" else _packed_first}[packed]
    steps = [
        padded(case.conv, make(case.conv, torch.from_numpy(w).to(memory_format=memory_format), _tensor(b)))
        for w, b in zip(given.weights, given.biases, strict=True)
    ]
    x = torch.from_numpy(given.x)
    latest = [x]

    def call() -> None:
        y = x.contiguous(memory_format=memory_format)
        for step in steps:
            y = step(y)
        latest[0] = y.contiguous()

    return Ready(call=call, output=lambda: cast(Floats, latest[0].numpy()))


def _tensor(bias: Floats | None) -> torch.Tensor | None:
    return None if bias is None else torch.from_numpy(bias)


def padded(conv: Conv, step: Step) -> Step:
    """torch pads as much behind as before: what is left over, its users pad by a copy of the input."""
    if all(before == after for before, after in conv.padding):
        return step
    amounts = [amount for pair in reversed(conv.padding) for amount in pair]
    return lambda x: step(pad(x, amounts))


def _padding(conv: Conv) -> tuple[int, ...]:
    pairs = conv.padding
    return tuple(before for before, _ in pairs) if all(a == b for a, b in pairs) else (0,) * len(pairs)


def _padded_shape(conv: Conv) -> list[int]:
    """The shape that the convolution itself is given."""
    batch, channels, *size = input_shape(conv)
    own = _padding(conv)
    extra = [sum(pair) - 2 * mine for pair, mine in zip(conv.padding, own, strict=True)]
    return [batch, channels, *(have + more for have, more in zip(size, extra, strict=True))]


def plain(conv: Conv, w: torch.Tensor, bias: torch.Tensor | None) -> Step:
    function = CONVOLUTIONS[len(conv.in_size) - 1]
    stride, padding, dilation, groups = conv.stride, _padding(conv), conv.dilation, conv.groups
    return lambda x: function(x, w, bias, stride, padding, dilation, groups)


def _packed_first(conv: Conv, w: torch.Tensor, bias: torch.Tensor | None) -> Step:
    """Keeps NCHW, where the operator of `_packed_last` would write channels last whatever it reads."""
    ops = torch.ops.mkldnn_prepacked
    shape = _padded_shape(conv)
    context = ops.conv2d_prepack(w, bias, conv.stride, _padding(conv), conv.dilation, conv.groups, shape, "none")
    run = ops.conv2d_run
    return lambda x: run(x, context)


def _packed_last(conv: Conv, w: torch.Tensor, bias: torch.Tensor | None) -> Step:
    geometry = (_padding(conv), conv.stride, conv.dilation, conv.groups)
    packed = torch.ops.mkldnn._reorder_convolution_weight(w, *geometry, _padded_shape(conv))
    run = torch.ops.mkldnn._convolution_pointwise
    return lambda x: run(x, packed, bias, *geometry, "none", [], "")
