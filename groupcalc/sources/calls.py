"""The torch.nn calls that a layer may be written as: their arguments as torch has them, and how each is built."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from groupcalc.errors import InputError
from groupcalc.graph import Tensor
from groupcalc.sources.arguments import show, suggest
from groupcalc.sources.builder import Builder


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One torch.nn call.

    signature  torch's, its order and defaults; what follows * is given by name only
    build      Builder method; takes the arguments by name, less `channels` and those that IGNORED names
    rank       spatial axes of the input; None when it takes any shape
    channels   the argument that must equal axis `axis` of the input; "" when there is none
    inputs     how many tensors it reads; 0 when any number
    """

    name: str
    signature: str
    build: Callable[..., Tensor]
    rank: int | None = None
    channels: str = ""
    axis: int = 1
    inputs: int = 1


IGNORED = frozenset(
    "device dtype inplace momentum padding_mode p init threshold divisor_override recompute_scale_factor "  # noqa: SIM905
    "return_indices".split()
)
"""Arguments that no Builder method takes: they change no cost, but `dtype`, which spec reads before."""

_DEVICE = "device=None, dtype=None"
_BATCH_NORM = f"eps=1e-05, momentum=0.1, affine=True, track_running_stats=True, {_DEVICE}, *, bias=True"
_INSTANCE_NORM = f"eps=1e-05, momentum=0.1, affine=False, track_running_stats=False, {_DEVICE}, *, bias=True"


def _by_rank(rank: int) -> Iterator[Call]:
    """The calls that torch has once a number of spatial axes."""
    conv = "in_channels, out_channels, kernel_size, stride=1, padding=0"
    pool = "kernel_size, stride=None, padding=0"
    divisor = ", divisor_override=None" if rank > 1 else ""
    yield Call(
        name=f"Conv{rank}d",
        signature=f"{conv}, dilation=1, groups=1, bias=True, padding_mode='zeros', {_DEVICE}",
        build=Builder.conv,
        rank=rank,
        channels="in_channels",
    )
    yield Call(
        name=f"ConvTranspose{rank}d",
        signature=f"{conv}, output_padding=0, groups=1, bias=True, dilation=1, padding_mode='zeros', {_DEVICE}",
        build=Builder.conv_transpose,
        rank=rank,
        channels="in_channels",
    )
    any_rank = None if rank == 1 else rank  # BatchNorm1d takes N×C as well as N×C×L
    for name, build, rest, axes in (
        ("BatchNorm", Builder.batch_norm, _BATCH_NORM, any_rank),
        ("InstanceNorm", _instance_norm, _INSTANCE_NORM, rank),
    ):
        signature = f"num_features, {rest}"
        yield Call(name=f"{name}{rank}d", signature=signature, build=build, rank=axes, channels="num_features")
    for name, signature, method in (
        ("MaxPool", f"{pool}, dilation=1, return_indices=False, ceil_mode=False", Builder.max_pool),
        ("AvgPool", f"{pool}, ceil_mode=False, count_include_pad=True{divisor}", Builder.avg_pool),
        ("AdaptiveAvgPool", "output_size", Builder.adaptive_avg_pool),
        ("AdaptiveMaxPool", "output_size, return_indices=False", Builder.adaptive_max_pool),
        ("ZeroPad", "padding", Builder.pad),
        ("ConstantPad", "padding, value", Builder.pad),
        ("ReflectionPad", "padding", partial(Builder.pad, mode="reflect")),
        ("ReplicationPad", "padding", partial(Builder.pad, mode="edge")),
    ):  # fmt: skip
        yield Call(name=f"{name}{rank}d", signature=signature, build=method, rank=rank)
    yield Call(name=f"Dropout{rank}d", signature="p=0.5, inplace=False", build=Builder.dropout)


def _instance_norm(net: Builder, name: str, x: Tensor, *, track_running_stats: bool, **arguments: Any) -> Tensor:
    if track_running_stats:
        raise InputError("track_running_stats=True is not supported here", "write it as BatchNorm")
    return net.instance_norm(name, x, **arguments)


def _plain(net: Builder, name: str, x: Tensor, *, op: str, **_: Any) -> Tensor:
    """An activation whose arguments change no cost and are no attributes of the operator."""
    return net.unary(name, x, op)


def _hardtanh(
    net: Builder,
    name: str,
    x: Tensor,
    *,
    min_val: float,
    max_val: float,
    min_value: float | None,
    max_value: float | None,
) -> Tensor:
    """`min_value` and `max_value` are torch's old names."""
    least = min_val if min_value is None else min_value
    return net.clip(name, x, least, max_val if max_value is None else max_value)


def _activations() -> Iterator[Call]:
    for name, signature, build in (
        ("ReLU", "inplace=False", Builder.relu),
        ("ReLU6", "inplace=False", Builder.relu6),
        ("Hardtanh", "min_val=-1.0, max_val=1.0, inplace=False, min_value=None, max_value=None", _hardtanh),
        ("LeakyReLU", "negative_slope=0.01, inplace=False", Builder.leaky_relu),
        ("PReLU", f"num_parameters=1, init=0.25, {_DEVICE}", Builder.prelu),
        ("ELU", "alpha=1.0, inplace=False", partial(Builder.unary, op="Elu")),
        ("CELU", "alpha=1.0, inplace=False", partial(Builder.unary, op="Celu")),
        ("SELU", "inplace=False", partial(Builder.unary, op="Selu")),
        ("GELU", "approximate='none'", partial(Builder.unary, op="Gelu")),
        ("SiLU", "inplace=False", Builder.silu),
        ("Mish", "inplace=False", partial(Builder.unary, op="Mish")),
        ("Sigmoid", "", Builder.sigmoid),
        ("Tanh", "", partial(Builder.unary, op="Tanh")),
        ("Softsign", "", partial(Builder.unary, op="Softsign")),
        ("Softplus", "beta=1.0, threshold=20.0", partial(_plain, op="Softplus")),
        ("Hardswish", "inplace=False", Builder.hard_swish),
        ("Hardsigmoid", "inplace=False", Builder.hard_sigmoid),
        ("Softmax", "dim=None", Builder.softmax),
        ("LogSoftmax", "dim=None", partial(Builder.softmax, op="LogSoftmax")),
    ):
        yield Call(name=name, signature=signature, build=build)


def _others() -> Iterator[Call]:
    yield Call(
        name="Linear",
        signature=f"in_features, out_features, bias=True, {_DEVICE}",
        build=Builder.linear,
        channels="in_features",
        axis=-1,
    )
    group_norm = f"num_groups, num_channels, eps=1e-05, affine=True, {_DEVICE}, *, bias=True"
    yield Call(name="GroupNorm", signature=group_norm, build=Builder.group_norm, channels="num_channels")
    for name, signature, build, rank, inputs in (
        ("LayerNorm", f"normalized_shape, eps=1e-05, elementwise_affine=True, bias=True, {_DEVICE}",
         Builder.layer_norm, None, 1),
        ("LocalResponseNorm", "size, alpha=0.0001, beta=0.75, k=1.0", Builder.local_response_norm, None, 1),
        ("Upsample", "size=None, scale_factor=None, mode='nearest', align_corners=None, recompute_scale_factor=None",
         Builder.upsample, None, 1),
        # torch takes no mode here, but prints one.
        ("UpsamplingNearest2d", "size=None, scale_factor=None, *, mode='nearest'", Builder.upsample, 2, 1),
        ("UpsamplingBilinear2d", "size=None, scale_factor=None, *, mode='bilinear'",
         partial(Builder.upsample, align_corners=True), 2, 1),
        ("ChannelShuffle", "groups", Builder.channel_shuffle, 2, 1),
        ("PixelShuffle", "upscale_factor", Builder.pixel_shuffle, 2, 1),
        ("PixelUnshuffle", "downscale_factor", Builder.pixel_unshuffle, 2, 1),
        ("Flatten", "start_dim=1, end_dim=-1", Builder.flatten, None, 1),
        ("Identity", "", Builder.identity, None, 1),
        ("Dropout", "p=0.5, inplace=False", Builder.dropout, None, 1),
        ("AlphaDropout", "p=0.5, inplace=False", Builder.dropout, None, 1),
        ("Add", "", Builder.add, None, 2),
        ("Mul", "", Builder.mul, None, 2),
        ("Concat", "axis=1", Builder.concat, None, 0),
    ):  # fmt: skip
        yield Call(name=name, signature=signature, build=build, rank=rank, inputs=inputs)


CALLS: Mapping[str, Call] = MappingProxyType(
    {call.name: call for calls in (_by_rank(2), _by_rank(1), _by_rank(3), _activations(), _others()) for call in calls}
)
"""By torch's name. Add, Mul and Concat are functions there; here they are written as calls like the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One layer as it is written.

    name    "" when it is not given
    inputs  what it reads, each the name of a layer above, "prev", or the numbers of a size
    """

    name: str
    call: Call
    arguments: Mapping[str, Any]
    inputs: tuple[str | tuple[int, ...], ...] = ("prev",)
    repeat: int = 1


def find_call(name: str) -> Call:
    """The call of a name, with or without `torch.nn.`; InputError with a suggestion when there is none."""
    bare = name.removeprefix("torch.").removeprefix("nn.")
    if bare in CALLS:
        return CALLS[bare]
    raise InputError(f"unknown layer {show(name)}", suggest(bare, CALLS))
