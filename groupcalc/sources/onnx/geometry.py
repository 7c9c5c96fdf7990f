"""ONNX attributes as a Layer carries them: geometry by its PyTorch names, padding resolved and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import onnx

from groupcalc.conv import SLOTS, Conv, Pads, channels_first, channels_last
from groupcalc.errors import GeometryError, InputError
from groupcalc.graph import MAX_ELEMENTS, Tensor
from groupcalc.units import show_name, show_shape

TORCH_NAMES = {"kernel_shape": "kernel_size", "strides": "stride", "dilations": "dilation", "group": "groups"}
"""Where ONNX's names of geometry end."""

WINDOWS: Mapping[str, bool | None] = {
    "MaxPool": False, "AveragePool": False, "LpPool": False, "com.microsoft.nchwc::MaxPool": False,
    "com.microsoft.nchwc::AveragePool": False, "com.microsoft::NhwcMaxPool": True,
    "com.microsoft::QLinearAveragePool": None,
}  # fmt: skip
"""Operators beside the convolutions that slide a window, and so take kernel_shape, strides, pads and auto_pad; and
whether channels stand behind the spatial axes. None: as the attribute channels_last says."""

REARRANGING = frozenset({"Reshape", "DepthToSpace", "SpaceToDepth"})
"""Operators that give the same elements another shape."""

AUTO_PADS = ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")

_READ: Mapping[int, Callable[[onnx.AttributeProto], Any]] = {
    onnx.AttributeProto.FLOAT: lambda a: a.f,
    onnx.AttributeProto.INT: lambda a: a.i,
    onnx.AttributeProto.STRING: lambda a: a.s.decode("utf-8", "backslashreplace"),
    onnx.AttributeProto.FLOATS: lambda a: tuple(a.floats[: MAX_LISTED + 1]),
    onnx.AttributeProto.INTS: lambda a: tuple(a.ints[: MAX_LISTED + 1]),
    onnx.AttributeProto.STRINGS: lambda a: tuple(
        s.decode("utf-8", "backslashreplace") for s in a.strings[: MAX_LISTED + 1]
    ),
}

MAX_LISTED = 2**12
"""The longest list that is read as an attribute. What a classical model has learned is counted where it is; elsewhere
one number more is read, and no operator takes so many."""


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """The plain attributes of a node; tensors, graphs and the long lists of classical models are left out."""
    is_classical = node.domain == "ai.onnx.ml"
    return {
        TORCH_NAMES.get(attribute.name, attribute.name): _READ[attribute.type](attribute)
        for attribute in node.attribute
        if attribute.type in _READ and not (is_classical and _is_long(attribute))
    }


def _is_long(attribute: onnx.AttributeProto) -> bool:
    return max(len(attribute.floats), len(attribute.ints), len(attribute.strings)) > MAX_LISTED


def convolution(op: str, inputs: Sequence[Tensor | None], attributes: dict[str, Any]) -> Conv:
    """The checked geometry of a convolution node (ONNX Conv-22, ConvTranspose-22, DeformConv-22, QLinearConv-10).

    Raises GeometryError when shapes and attributes contradict each other.
    """
    slots = SLOTS[op]
    x = inputs[slots.x] if len(inputs) > slots.x else None
    w = inputs[slots.weight] if len(inputs) > slots.weight else None
    if x is None or w is None:
        raise InputError("a convolution needs an input and a weight", "export the model again")
    shape = channels_first(x.shape) if slots.is_last(attributes) else x.shape
    rank = len(shape) - 2
    if rank < 1 or len(w.shape) != len(shape):
        fact = f"input {show_shape(x.shape)} and weight {show_shape(w.shape)} are no convolution"
        raise GeometryError(fact, "both need a batch or filter, a channel and as many spatial axes")
    transposed = slots.transposed
    if op == "CausalConvWithState":  # every channel by itself, over what came before
        attributes = {"groups": x.shape[1], "pads": (w.shape[-1] - 1, 0)}
    groups = attributes.get("groups", 1)
    if not isinstance(groups, int):
        raise GeometryError(f"group={_plain(groups)} should be a whole number", "export the model again")
    kernel = _axes(attributes, "kernel_size", rank, w.shape[2:])
    if kernel != w.shape[2:]:
        fact = f"kernel_shape {show_shape(kernel)} contradicts the weight {show_shape(w.shape)}"
        raise GeometryError(fact, "export the model again")
    geometry = window(attributes, shape[2:], kernel, transposed=transposed)
    found = Conv(
        in_channels=shape[1],
        out_channels=w.shape[1] * groups if transposed else w.shape[0],
        in_size=shape[2:],
        kernel_size=kernel,
        groups=groups,
        batch=shape[0],
        bias=0 <= slots.bias < len(inputs) and inputs[slots.bias] is not None,
        dtype=x.dtype,
        transposed=transposed,
        **geometry,
    )
    if found.weight_shape != w.shape:
        fact = f"weight {show_shape(w.shape)} does not fit input {show_shape(x.shape)} in {groups} groups"
        raise GeometryError(fact, f"it should be {show_shape(found.weight_shape)}")
    bias = inputs[slots.bias] if found.bias else None
    if bias is not None and bias.shape != (found.out_channels,):
        fact = f"bias {show_shape(bias.shape)} does not fit {found.out_channels} output channels"
        raise GeometryError(fact, "export the model again")
    return found


def window(
    attributes: Mapping[str, Any], in_size: tuple[int, ...], kernel: tuple[int, ...], transposed: bool = False
) -> dict[str, Any]:
    """stride, dilation and padding of a sliding window (and output_padding if transposed), auto_pad resolved."""
    rank = len(in_size)
    stride = _axes(attributes, "stride", rank, (1,) * rank)
    dilation = _axes(attributes, "dilation", rank, (1,) * rank)
    found: dict[str, Any] = {"stride": stride, "dilation": dilation}
    reach = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
    auto_pad = _auto_pad(attributes)
    if transposed:
        extra = _axes(attributes, "output_padding", rank, (0,) * rank)
        found["padding"], found["output_padding"] = _transposed_pads(attributes, in_size, stride, reach, extra)
    elif auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        _positive(stride, "strides")
        outs = (-(-size // step) for size, step in zip(in_size, stride, strict=True))
        totals = [
            max((out - 1) * step + span - size, 0)
            for out, step, span, size in zip(outs, stride, reach, in_size, strict=True)
        ]
        found["padding"] = _split(totals, upper=auto_pad == "SAME_UPPER")
    else:
        found["padding"] = _pads(attributes, rank)
    return found


def _transposed_pads(
    attributes: Mapping[str, Any],
    in_size: tuple[int, ...],
    stride: tuple[int, ...],
    reach: tuple[int, ...],
    extra: tuple[int, ...],
) -> tuple[Pads, tuple[int, ...]]:
    """Padding and output_padding of a ConvTranspose, from pads, output_shape or auto_pad (ONNX ConvTranspose-22)."""
    rank = len(in_size)
    auto_pad = _auto_pad(attributes)
    wanted = attributes.get("output_shape")
    if wanted:
        spatial = wanted[-rank:] if isinstance(wanted, tuple) else wanted  # batch and channels may stand in front
        target = _axes({"output_shape": spatial}, "output_shape", rank, ())
    elif auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        target = tuple(size * step for size, step in zip(in_size, stride, strict=True))
    else:
        return _pads(attributes, rank), extra
    totals = [
        (size - 1) * step + more + span - out
        for size, step, more, span, out in zip(in_size, stride, extra, reach, target, strict=True)
    ]
    if wanted:  # SAME takes away, and never adds
        extra = tuple(pad + max(-total, 0) for pad, total in zip(extra, totals, strict=True))
    # Here the operator gives SAME_UPPER the smaller half in front, and everything else the larger one.
    return _split([max(total, 0) for total in totals], upper=auto_pad == "SAME_UPPER"), extra


def _pads(attributes: Mapping[str, Any], rank: int) -> Pads:
    """ONNX writes all the befores, then all the afters; a Layer has one pair an axis."""
    if _auto_pad(attributes) == "VALID":
        return ((0, 0),) * rank
    pads = _axes(attributes, "pads", 2 * rank, (0,) * 2 * rank)
    return tuple(zip(pads[:rank], pads[rank:], strict=True))


def _split(totals: Sequence[int], upper: bool) -> Pads:
    small = ((total // 2, total - total // 2) for total in totals)
    return tuple(pair if upper else pair[::-1] for pair in small)


def _axes(attributes: Mapping[str, Any], name: str, count: int, default: tuple[int, ...]) -> tuple[int, ...]:
    values: tuple[int, ...] = attributes.get(name) or default
    if not isinstance(values, tuple) or len(values) != count or not all(isinstance(v, int) for v in values):
        onnx_name = next((key for key, value in TORCH_NAMES.items() if value == name), name)
        raise GeometryError(f"{onnx_name}={_plain(values)} should have {count} whole numbers", "export the model again")
    return values


def _auto_pad(attributes: Mapping[str, Any]) -> str:
    found = attributes.get("auto_pad") or "NOTSET"
    if found not in AUTO_PADS:
        raise GeometryError(f"auto_pad={_plain(found)} is none of ONNX's", f"use {', '.join(AUTO_PADS)}")
    return str(found)


def _plain(value: Any, most: int = 80) -> str:
    """An attribute's value in a message: inert, and not the whole of a long one."""
    shown = show_name(str(value))
    return shown if len(shown) <= most else f"{shown[:most]}…"


def _positive(values: tuple[int, ...], name: str) -> None:
    if any(value < 1 for value in values):
        raise GeometryError(f"{name}={values} is too small", "use 1 or more")


def checked_attributes(
    op: str, inputs: Sequence[Tensor | None], found: dict[str, Any]
) -> tuple[dict[str, Any], tuple[int, ...] | None]:
    """The attributes of a node with its geometry resolved; where it slides a window the shape of its output as well."""
    if op in SLOTS:
        conv = convolution(op, inputs, found)
        shape = _bounded((conv.batch, conv.out_channels, *conv.out_size))
        return conv.attributes() | _kept(found), channels_last(shape) if SLOTS[op].is_last(found) else shape
    if op in WINDOWS and inputs and inputs[0] is not None:
        last = found.get("channels_last", 0) if WINDOWS[op] is None else WINDOWS[op]
        shape = channels_first(inputs[0].shape) if last else inputs[0].shape
        size = shape[2:]
        kernel = _axes(found, "kernel_size", len(size), ())
        geometry = window(found, size, kernel)
        out_size = _pooled(size, kernel, **geometry, up=bool(found.get("ceil_mode", 0)))
        shape = _bounded((*shape[:2], *out_size))
        return _kept(found) | geometry | {"kernel_size": kernel}, channels_last(shape) if last else shape
    return found, None


def _bounded(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of an output; GeometryError where inference, which counts in 64 bits, would come to another."""
    if prod(shape) > MAX_ELEMENTS:
        raise GeometryError(f"the output has 2^63 elements or more: {show_shape(shape)}", "no runtime can hold it")
    return shape


def check_rearranged(op: str, x: Tensor | None, shape: tuple[int, ...] | None) -> None:
    """GeometryError for an output of more or fewer elements than the input: inference lets it pass."""
    if op in REARRANGING and x is not None and shape is not None and prod(shape) != x.size:
        fact = f"{show_shape(x.shape)} has {x.size} elements and cannot become {show_shape(shape)}"
        raise GeometryError(fact, "perhaps the model is made for other input shapes")


def _pooled(
    size: tuple[int, ...],
    kernel: tuple[int, ...],
    *,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: Pads,
    up: bool,
) -> tuple[int, ...]:
    """Spatial size of a pooling operator's output; `up` rounds up, less a last window that starts behind the input
    (ONNX MaxPool-22; inference of ONNX 1.23 keeps that window, runtimes do not).

    Raises GeometryError for a window larger than the padded input: inference would answer with a negative shape.
    """
    _positive(stride, "strides")
    _positive(dilation, "dilations")
    _positive(kernel, "kernel_shape")
    outs = []
    for have, taps, step, apart, pads in zip(size, kernel, stride, dilation, padding, strict=True):
        room = have + sum(pads) - apart * (taps - 1) - 1
        out = (-(-room // step) if up else room // step) + 1
        if up and (out - 1) * step >= have + pads[0]:
            out -= 1
        if have and out < 1:
            fact = f"the window {show_shape(kernel)} is larger than the padded input {show_shape(size)}"
            raise GeometryError(fact, "use a smaller kernel, or more padding")
        outs.append(max(out, 0))
    return tuple(outs)


def _kept(found: dict[str, Any]) -> dict[str, Any]:
    """What is not geometry, as the file has it."""
    geometry = {"kernel_size", "stride", "dilation", "groups", "pads", "auto_pad", "output_padding", "output_shape"}
    return {name: value for name, value in found.items() if name not in geometry}
