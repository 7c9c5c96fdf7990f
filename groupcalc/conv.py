"""Conv: the geometry of one convolution, checked once, for readers, builders, what-if and kernels alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import gcd
from typing import Any, NamedTuple

from groupcalc.errors import GeometryError
from groupcalc.graph import Layer, Tensor

Pads = tuple[tuple[int, int], ...]


class Slots(NamedTuple):
    """Where a convolution operator takes its operands: indices into Layer.inputs; -1 when it has none.

    channels_last  x[batch, *in_size, in_channels] and the output likewise, the weight as ever; None: as the attribute
                   channels_last says
    """

    x: int = 0
    weight: int = 1
    bias: int = 2
    transposed: bool = False
    channels_last: bool | None = False

    def is_last(self, attributes: Mapping[str, Any]) -> bool:
        """Channels stand behind the spatial axes."""
        return bool(attributes.get("channels_last", 0)) if self.channels_last is None else self.channels_last


SLOTS: Mapping[str, Slots] = {
    "Conv": Slots(),
    "ConvTranspose": Slots(transposed=True),
    "ConvInteger": Slots(bias=-1),
    "QLinearConv": Slots(weight=3, bias=8),
    "DeformConv": Slots(bias=3),
    "CausalConvWithState": Slots(),
    "com.microsoft::FusedConv": Slots(),
    "com.microsoft::NhwcConv": Slots(channels_last=True),
    "com.microsoft::NhwcFusedConv": Slots(channels_last=True),
    "com.microsoft::QLinearConv": Slots(weight=3, bias=8, channels_last=None),
    "com.microsoft.nchwc::Conv": Slots(),
}
"""The operators that are convolutions, and where their operands stand (ONNX Conv-22, ConvTranspose-22,
ConvInteger-10, QLinearConv-10, DeformConv-22, CausalConvWithState-27; onnxruntime 1.32, contrib operators)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv:
    """A convolution of x[batch, in_channels, *in_size] with w[out_channels, in_channels/groups, *kernel_size];
    transposed, w[in_channels, out_channels/groups, *kernel_size].

    All but the scalars hold one number a spatial axis; padding one (before, after) pair an axis.
    Raises GeometryError when a number is out of range, groups does not divide both channel counts,
    or the kernel is larger than the padded input. `conv` broadcasts scalars.
    """

    in_channels: int
    out_channels: int
    in_size: tuple[int, ...]
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Pads
    dilation: tuple[int, ...]
    groups: int = 1
    batch: int = 1
    bias: bool = True
    dtype: str = "float32"
    transposed: bool = False
    output_padding: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self._check_ranges()
        self._check_groups()
        if any(size < 1 for size in self.out_size) and all(size > 0 for size in self.in_size):
            raise self._too_small()

    def _check_ranges(self) -> None:
        for field in ("in_channels", "out_channels", "groups"):
            if getattr(self, field) < 1:
                raise GeometryError(f"{field}={getattr(self, field)} is not a positive number", "use 1 or more")
        least_of = {"kernel_size": 1, "stride": 1, "dilation": 1, "output_padding": 0, "in_size": 0}
        for field, least in least_of.items():
            if any(value < least for value in getattr(self, field)):
                raise GeometryError(f"{field}={_plain(getattr(self, field))} is too small", f"use {least} or more")
        if any(value < 0 for pair in self.padding for value in pair):
            raise GeometryError(f"padding={_plain(self.padding)} is negative", "use 0 or more")
        if self.batch < 0:
            raise GeometryError(f"batch={self.batch} is negative", "use 0 or more")

    def _check_groups(self) -> None:
        for field in ("in_channels", "out_channels"):
            channels = getattr(self, field)
            if channels % self.groups:
                common = gcd(self.in_channels, self.out_channels)
                raise GeometryError(
                    f"groups={self.groups} does not divide {field}={channels}", f"use {_divisors(common)}"
                )

    def _too_small(self) -> GeometryError:
        if self.transposed:
            return GeometryError(f"padding={_plain(self.padding)} leaves no output", "use less padding")
        reach = tuple(d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel_size, strict=True))
        padded = tuple(size + sum(pads) for size, pads in zip(self.in_size, self.padding, strict=True))
        fact = f"the kernel reaches over {_by(reach)} but the padded input is only {_by(padded)}"
        return GeometryError(fact, "use a smaller kernel_size or dilation, or more padding")

    @property
    def out_size(self) -> tuple[int, ...]:
        """Spatial size of the output: floor((in + pads - dilation·(kernel-1) - 1) / stride) + 1; transposed,
        (in-1)·stride - pads + dilation·(kernel-1) + output_padding + 1. (torch.nn.Conv2d, ConvTranspose2d)"""
        sizes = []
        for axis, size in enumerate(self.in_size):
            pads, reach = sum(self.padding[axis]), self.dilation[axis] * (self.kernel_size[axis] - 1)
            if self.transposed:
                extra = self.output_padding[axis] if self.output_padding else 0
                sizes.append((size - 1) * self.stride[axis] - pads + reach + extra + 1)
            else:
                sizes.append((size + pads - reach - 1) // self.stride[axis] + 1)
        return tuple(sizes)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """w[out_channels, in_channels/groups, *kernel_size]; transposed, the two channel counts change places."""
        first, second = self.out_channels, self.in_channels
        if self.transposed:
            first, second = second, first
        return (first, second // self.groups, *self.kernel_size)

    @property
    def depthwise(self) -> bool:
        """Every group reads one input channel."""
        return self.groups == self.in_channels > 1

    @property
    def dense(self) -> Conv:
        """The same layer without groups."""
        return self.regroup(1)

    def regroup(self, groups: int) -> Conv:
        """The same layer with `groups` groups; GeometryError when they do not divide the channels."""
        return replace(self, groups=groups)

    def attributes(self) -> dict[str, Any]:
        """The geometry that the shapes do not tell, as a Layer carries it."""
        found: dict[str, Any] = {field: getattr(self, field) for field in ("stride", "padding", "dilation", "groups")}
        found["kernel_size"] = self.kernel_size
        if self.transposed:
            found["output_padding"] = self.output_padding or (0,) * len(self.in_size)
        return found

    def layer(self, name: str = "conv", x: Tensor | None = None, repeat: int = 1) -> Layer:
        """The Layer of this convolution; its tensors are named after it, and `x`, if given, is what it reads."""
        shape = (self.batch, self.in_channels, *self.in_size)
        x = x or Tensor(name=f"{name}.x", shape=shape, dtype=self.dtype)
        weight = Tensor(name=f"{name}.weight", shape=self.weight_shape, dtype=self.dtype, constant=True)
        bias = Tensor(name=f"{name}.bias", shape=(self.out_channels,), dtype=self.dtype, constant=True)
        y = Tensor(name=name, shape=(self.batch, self.out_channels, *self.out_size), dtype=self.dtype)
        return Layer(
            name=name,
            op="ConvTranspose" if self.transposed else "Conv",
            inputs=(x, weight, bias) if self.bias else (x, weight),
            outputs=(y,),
            attributes=self.attributes(),
            repeat=repeat,
        )

    @classmethod
    def of(cls, layer: Layer) -> Conv | None:
        """The geometry of a layer; None when it is not a convolution."""
        slots = SLOTS.get(layer.op)
        if slots is None:
            return None
        x, w = layer.inputs[slots.x], layer.inputs[slots.weight]
        assert x is not None  # ONNX requires both; sources has checked
        assert w is not None
        attributes, transposed = layer.attributes, slots.transposed
        groups: int = attributes["groups"]
        shape = channels_first(x.shape) if slots.is_last(attributes) else x.shape
        return cls(
            in_channels=shape[1],
            out_channels=w.shape[1] * groups if transposed else w.shape[0],
            in_size=shape[2:],
            kernel_size=attributes["kernel_size"],
            stride=attributes["stride"],
            padding=attributes["padding"],
            dilation=attributes["dilation"],
            groups=groups,
            batch=shape[0],
            bias=0 <= slots.bias < len(layer.inputs) and layer.inputs[slots.bias] is not None,
            dtype=x.dtype,
            transposed=transposed,
            output_padding=attributes.get("output_padding", ()) if transposed else (),
        )


def channels_first(shape: tuple[int, ...]) -> tuple[int, ...]:
    """batch, channels, *size of a shape that is batch, *size, channels."""
    return (*shape[:1], *shape[-1:], *shape[1:-1])


def channels_last(shape: tuple[int, ...]) -> tuple[int, ...]:
    """batch, *size, channels of a shape that is batch, channels, *size."""
    return (*shape[:1], *shape[2:], *shape[1:2])


def conv(
    in_channels: int,
    out_channels: int,
    kernel_size: int | Sequence[int],
    in_size: Sequence[int],
    *,
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] | Sequence[tuple[int, int]] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    batch: int = 1,
    bias: bool = True,
    dtype: str = "float32",
    transposed: bool = False,
    output_padding: int | Sequence[int] = 0,
) -> Conv:
    """A Conv from arguments as torch.nn takes them: scalars broadcast over the axes of `in_size`.

    padding  an int, one number an axis, one (before, after) pair an axis, "valid" (none), or "same": the output
             is as large as the input, an odd pixel goes behind; it needs stride 1, as in torch.
    """
    rank = len(in_size)
    kernel = per_axis(kernel_size, rank, "kernel_size")
    strides = per_axis(stride, rank, "stride")
    dilations = per_axis(dilation, rank, "dilation")
    return Conv(
        in_channels=in_channels,
        out_channels=out_channels,
        in_size=tuple(in_size),
        kernel_size=kernel,
        stride=strides,
        padding=pads_per_axis(padding, kernel, strides, dilations),
        dilation=dilations,
        groups=groups,
        batch=batch,
        bias=bias,
        dtype=dtype,
        transposed=transposed,
        output_padding=per_axis(output_padding, rank, "output_padding") if transposed else (),
    )


def per_axis(value: int | Sequence[int], rank: int, field: str) -> tuple[int, ...]:
    """One number a spatial axis: an int is repeated, a sequence of one as well."""
    numbers = (value,) if isinstance(value, int) else tuple(value)
    if len(numbers) == 1:
        numbers *= rank
    if len(numbers) != rank:
        fact = f"{field}={_plain(numbers)} has {len(numbers)} numbers for {rank} axes"
        raise GeometryError(fact, f"give 1 or {rank}")
    return numbers


def pads_per_axis(
    padding: int | str | Sequence[int] | Sequence[tuple[int, int]],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> Pads:
    """Padding as one (before, after) pair an axis, from any of the forms that `conv` takes."""
    rank = len(kernel)
    if padding == "valid":
        return ((0, 0),) * rank
    if padding == "same":
        if any(step != 1 for step in stride):
            raise GeometryError(f'padding="same" needs stride 1, not {_plain(stride)}', "give the padding as numbers")
        totals = (step * (size - 1) for step, size in zip(dilation, kernel, strict=True))
        return tuple((total // 2, total - total // 2) for total in totals)
    if isinstance(padding, str):
        raise GeometryError(f"padding={padding!r} is not known", 'use a number, "same" or "valid"')
    if isinstance(padding, Sequence) and any(isinstance(value, Sequence) for value in padding):
        pairs = tuple(per_axis(value, 2, "padding") for value in padding)  # type: ignore[arg-type]
        if len(pairs) != rank:
            raise GeometryError(f"padding has {len(pairs)} pairs for {rank} axes", f"give {rank}")
        return tuple((before, after) for before, after in pairs)
    return tuple((value, value) for value in per_axis(padding, rank, "padding"))  # type: ignore[arg-type]


def _plain(values: Sequence[Any]) -> str:
    """`3` for (3, 3), else the whole tuple: as a person would have typed it."""
    if len(set(values)) != 1:
        return str(tuple(values))
    return _plain(values[0]) if isinstance(values[0], tuple) else str(values[0])


def _by(sizes: tuple[int, ...]) -> str:
    return "×".join(map(str, sizes))


def _divisors(number: int, most: int = 4) -> str:
    """The first divisors of `number`, as a way out: `1, 2, 4, 8, …`."""
    small = (candidate for candidate in range(1, min(number, 10_000) + 1) if number % candidate == 0)
    found = list(islice(small, most))
    return ", ".join(map(str, found)) + (", …" if found[-1] < number else "")
