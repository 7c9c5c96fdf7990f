"""The geometry of a convolution agrees with counting positions by hand, and impossible geometry is refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import gcd, prod
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from groupcalc.conv import SLOTS, Conv, channels_first, channels_last, conv, pads_per_axis, per_axis
from groupcalc.errors import GeometryError
from groupcalc.graph import Layer, Tensor

# --- any convolution that is one ------------------------------------------------------------------------------------


@st.composite
def convs(draw: st.DrawFn, transposed: bool | None = None) -> Conv:
    """A valid convolution of 1 to 3 axes; both kinds unless one is asked for."""
    rank = draw(st.integers(1, 3))
    groups = draw(st.integers(1, 4))

    def axes(least: int, most: int) -> tuple[int, ...]:
        return tuple(draw(st.lists(st.integers(least, most), min_size=rank, max_size=rank)))

    is_transposed = draw(st.booleans()) if transposed is None else transposed
    try:
        return Conv(
            in_channels=groups * draw(st.integers(1, 4)),
            out_channels=groups * draw(st.integers(1, 4)),
            in_size=axes(1, 9),
            kernel_size=axes(1, 4),
            stride=axes(1, 3),
            padding=tuple(zip(axes(0, 3), axes(0, 3), strict=True)),
            dilation=axes(1, 3),
            groups=groups,
            batch=draw(st.integers(0, 3)),
            bias=draw(st.booleans()),
            dtype=draw(st.sampled_from(("float32", "float16", "int8"))),
            transposed=is_transposed,
            output_padding=axes(0, 2) if is_transposed else (),
        )
    except GeometryError:
        assume(False)
        raise


def starts_inside(length: int, kernel: int, stride: int, dilation: int, pads: tuple[int, int]) -> int:
    """How many windows lie within the padded axis, by trying every place where one could begin."""
    padded = length + sum(pads)
    places = range(0, padded + 1, stride)
    return sum(all(place + tap * dilation < padded for tap in range(kernel)) for place in places)


@given(convs(transposed=False))
def test_the_output_has_one_element_for_each_window_inside_the_padded_input(c: Conv) -> None:
    axes = zip(c.in_size, c.kernel_size, c.stride, c.dilation, c.padding, strict=True)
    assert c.out_size == tuple(starts_inside(*axis) for axis in axes)


@given(convs(transposed=True))
def test_a_transposed_output_reaches_to_the_last_tap_of_the_last_input(c: Conv) -> None:
    for axis, size in enumerate(c.out_size):
        touched = {
            place * c.stride[axis] + tap * c.dilation[axis]
            for place, tap in product(range(c.in_size[axis]), range(c.kernel_size[axis]))
        }
        assert size == max(touched) + 1 + c.output_padding[axis] - sum(c.padding[axis])


@given(convs(transposed=False))
def test_the_transposed_layer_of_a_convolution_gives_back_its_input_size(c: Conv) -> None:
    """A gradient: output_padding makes up for what the stride rounded away (torch.nn.ConvTranspose2d)."""
    axes = zip(c.in_size, c.kernel_size, c.stride, c.dilation, c.padding, strict=True)
    lost = tuple((n + sum(p) - d * (k - 1) - 1) % s for n, k, s, d, p in axes)
    back = replace(
        c, in_channels=c.out_channels, out_channels=c.in_channels, in_size=c.out_size, transposed=True,
        output_padding=lost,
    )  # fmt: skip
    assert back.out_size == c.in_size
    assert back.weight_shape == c.weight_shape


def test_out_size_is_torchs() -> None:
    """The shapes in torch's documentation: torch.nn.Conv2d, Conv3d, ConvTranspose2d."""
    assert conv(16, 33, 3, (50, 100), stride=2).out_size == (24, 49)
    assert conv(16, 33, (3, 5), (50, 100), stride=(2, 1), padding=(4, 2)).out_size == (28, 100)
    assert conv(16, 33, (3, 5), (50, 100), stride=(2, 1), padding=(4, 2), dilation=(3, 1)).out_size == (26, 100)
    assert conv(16, 33, (3, 5, 2), (10, 50, 100), stride=(2, 1, 1), padding=(4, 2, 0)).out_size == (8, 50, 99)
    assert conv(16, 33, 3, (50, 100), stride=2, transposed=True).out_size == (101, 201)
    assert conv(16, 16, 3, (6, 6), stride=2, padding=1, output_padding=1, transposed=True).out_size == (12, 12)


# --- groups ---------------------------------------------------------------------------------------------------------


@given(convs())
def test_a_filter_reads_a_group_of_the_input_channels(c: Conv) -> None:
    first, second, *kernel = c.weight_shape
    assert tuple(kernel) == c.kernel_size
    if c.transposed:
        assert (first, second * c.groups) == (c.in_channels, c.out_channels)
    else:
        assert (first, second * c.groups) == (c.out_channels, c.in_channels)


@given(convs())
def test_grouping_divides_the_weights_and_changes_nothing_else(c: Conv) -> None:
    dense = c.dense
    assert dense.groups == 1
    assert prod(c.weight_shape) * c.groups == prod(dense.weight_shape)
    assert replace(c, groups=1) == dense
    assert dense.regroup(c.groups) == c
    assert dense.out_size == c.out_size


@given(convs())
def test_depthwise_reads_one_input_channel_per_group(c: Conv) -> None:
    assert c.depthwise == (c.in_channels > 1 and c.in_channels // c.groups == 1)


def test_one_channel_in_one_group_is_dense_not_depthwise() -> None:
    assert not conv(1, 8, 3, (8, 8)).depthwise
    assert conv(8, 16, 3, (8, 8), groups=8).depthwise  # a multiplier of 2


@given(convs(), st.integers(-2, 40))
def test_every_group_count_divides_both_channel_counts_or_is_refused(c: Conv, groups: int) -> None:
    divides = groups > 0 and gcd(c.in_channels, c.out_channels) % groups == 0
    if divides:
        assert c.regroup(groups).groups == groups
    else:
        with pytest.raises(GeometryError, match="groups="):
            c.regroup(groups)


# --- a Conv and its Layer -------------------------------------------------------------------------------------------


@given(convs())
def test_a_layer_of_a_conv_gives_the_conv_back(c: Conv) -> None:
    assume(prod(c.out_size) > 0)
    assert Conv.of(c.layer("any")) == c


def test_a_layer_of_a_conv_is_named_after_it_and_reads_what_it_is_given() -> None:
    c = conv(8, 16, 3, (10, 12), groups=4, batch=2, dtype="float16")
    x = Tensor(name="before", shape=(2, 8, 10, 12), dtype="float16")
    layer = c.layer("c", x, repeat=3)
    assert layer.op == "Conv"
    assert layer.repeat == 3
    assert layer.inputs == (
        x,
        Tensor(name="c.weight", shape=(16, 2, 3, 3), dtype="float16", constant=True),
        Tensor(name="c.bias", shape=(16,), dtype="float16", constant=True),
    )
    assert layer.outputs == (Tensor(name="c", shape=(2, 16, 8, 10), dtype="float16"),)
    assert [t.name for t in replace(c, bias=False).layer("c").inputs if t] == ["c.x", "c.weight"]
    assert replace(c, transposed=True, output_padding=(0, 0)).layer("t").op == "ConvTranspose"


def test_what_is_no_convolution_has_no_geometry() -> None:
    assert Conv.of(Layer(name="fc", op="Gemm", inputs=(), outputs=())) is None


@given(st.lists(st.integers(1, 9), min_size=2, max_size=5).map(tuple))
def test_channels_go_behind_the_spatial_axes_and_back(shape: tuple[int, ...]) -> None:
    assert channels_first(channels_last(shape)) == shape
    assert channels_last(shape)[-1] == shape[1]


@pytest.mark.parametrize("op", SLOTS)
@pytest.mark.parametrize("bias", [False, True])
def test_the_operands_of_every_convolution_operator_are_found(op: str, bias: bool) -> None:
    """The weight stands where the operator has it, and what is left out or not there is no bias."""
    c = conv(8, 16, 3, (10, 10), groups=2, transposed=op == "ConvTranspose")
    layer = c.layer()
    slots = SLOTS[op]
    inputs: list[Tensor | None] = [None] * 9
    x = layer.inputs[0]
    assert x is not None
    inputs[slots.x] = replace(x, shape=channels_last(x.shape)) if slots.channels_last else x
    inputs[slots.weight] = layer.inputs[1]
    if bias and slots.bias >= 0:
        inputs[slots.bias] = layer.inputs[2]
    found = Conv.of(replace(layer, op=op, inputs=tuple(inputs)))
    assert found == replace(c, bias=bias and slots.bias >= 0)


# --- arguments as torch takes them ----------------------------------------------------------------------------------


@given(st.integers(1, 5), st.integers(1, 4))
def test_a_number_stands_for_every_axis(value: int, rank: int) -> None:
    assert per_axis(value, rank, "stride") == per_axis((value,), rank, "stride") == (value,) * rank
    assert per_axis([value] * rank, rank, "stride") == (value,) * rank


def test_arguments_of_another_rank_are_refused() -> None:
    with pytest.raises(GeometryError) as refused:
        conv(8, 8, (3, 3, 3), (10, 10))
    assert str(refused.value) == "kernel_size=3 has 3 numbers for 2 axes (give 1 or 2)"
    with pytest.raises(GeometryError) as refused:
        conv(8, 8, 3, (10, 10), stride=(1, 2, 3))
    assert str(refused.value) == "stride=(1, 2, 3) has 3 numbers for 2 axes (give 1 or 2)"
    with pytest.raises(GeometryError) as refused:
        conv(8, 8, 3, (10, 10), padding=((1, 1),))
    assert str(refused.value) == "padding has 1 pairs for 2 axes (give 2)"


def test_padding_is_a_number_one_an_axis_or_a_pair_an_axis() -> None:
    forms: list[Any] = [2, (2,), [2, 2], ((2, 2), (2, 2)), [[2, 2], [2]]]
    for form in forms:
        assert pads_per_axis(form, (3, 3), (1, 1), (1, 1)) == ((2, 2), (2, 2))
    assert conv(1, 1, 3, (5, 5), padding=((1, 2), (3, 4))).out_size == (5 + 3 - 2, 5 + 7 - 2)
    assert conv(1, 1, 3, (5, 5), padding="valid") == conv(1, 1, 3, (5, 5), padding=0)


@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 12))
def test_same_padding_keeps_the_size_and_puts_the_odd_pixel_behind(kernel: int, dilation: int, size: int) -> None:
    c = conv(1, 1, kernel, (size,), padding="same", dilation=dilation)
    assert c.out_size == c.in_size
    ((before, after),) = c.padding
    assert after - before in (0, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"padding": "same", "stride": 2}, 'padding="same" needs stride 1, not 2 (give the padding as numbers)'),
        ({"padding": "full"}, "padding='full' is not known (use a number, \"same\" or \"valid\")"),
        ({"padding": -1}, "padding=-1 is negative (use 0 or more)"),
        ({"padding": ((0, 0), (0, -1))}, "padding=((0, 0), (0, -1)) is negative (use 0 or more)"),
        ({"groups": 3}, "groups=3 does not divide in_channels=64 (use 1, 2, 4, 8, …)"),
        ({"groups": 0}, "groups=0 is not a positive number (use 1 or more)"),
        ({"groups": -1}, "groups=-1 is not a positive number (use 1 or more)"),
        ({"in_channels": 0}, "in_channels=0 is not a positive number (use 1 or more)"),
        ({"out_channels": -8}, "out_channels=-8 is not a positive number (use 1 or more)"),
        ({"out_channels": 6, "groups": 4}, "groups=4 does not divide out_channels=6 (use 1, 2)"),
        ({"in_channels": 7, "out_channels": 7, "groups": 2}, "groups=2 does not divide in_channels=7 (use 1, 7)"),
        ({"kernel_size": 0}, "kernel_size=0 is too small (use 1 or more)"),
        ({"stride": (1, 0)}, "stride=(1, 0) is too small (use 1 or more)"),
        ({"dilation": 0}, "dilation=0 is too small (use 1 or more)"),
        ({"in_size": (8, -1)}, "in_size=(8, -1) is too small (use 0 or more)"),
        ({"batch": -1}, "batch=-1 is negative (use 0 or more)"),
        ({"output_padding": -1, "transposed": True}, "output_padding=-1 is too small (use 0 or more)"),
        (
            {"kernel_size": 7, "in_size": (4, 9)},
            "the kernel reaches over 7×7 but the padded input is only 4×9 "
            "(use a smaller kernel_size or dilation, or more padding)",
        ),
        (
            {"dilation": 5, "in_size": (9, 8), "padding": 1},
            "the kernel reaches over 11×11 but the padded input is only 11×10 "
            "(use a smaller kernel_size or dilation, or more padding)",
        ),
        (
            {"transposed": True, "padding": 5, "in_size": (2, 2)},
            "padding=5 leaves no output (use less padding)",
        ),
    ],
)  # fmt: skip
def test_impossible_geometry_is_refused_with_the_way_out(arguments: dict[str, Any], message: str) -> None:
    given_: dict[str, Any] = {"in_channels": 64, "out_channels": 64, "kernel_size": 3, "in_size": (8, 8)} | arguments
    with pytest.raises(GeometryError) as refused:
        conv(**given_)
    assert str(refused.value) == message


@given(st.integers(2, 2**62), st.integers(2, 2**62), st.integers(2, 2**62))
def test_huge_channel_counts_are_answered_at_once(in_channels: int, out_channels: int, groups: int) -> None:
    assume(gcd(in_channels, out_channels) % groups)
    with pytest.raises(GeometryError) as refused:
        conv(in_channels, out_channels, 1, (1,), groups=groups)
    way_out = refused.value.way_out
    assert way_out.startswith("use 1")
    offered = [int(number) for number in way_out.removeprefix("use ").removesuffix(", …").split(", ")]
    assert all(in_channels % number == out_channels % number == 0 for number in offered)


def test_divisors_that_are_too_large_to_look_for_are_hinted_at() -> None:
    prime = 1_000_003
    with pytest.raises(GeometryError) as refused:
        conv(prime, prime, 1, (1,), groups=2)
    assert str(refused.value) == "groups=2 does not divide in_channels=1000003 (use 1, …)"


def test_an_empty_image_is_a_convolution_of_nothing() -> None:
    c = conv(4, 4, 3, (0, 8), padding=1)
    assert c.out_size == (0, 8)
    assert c.layer().outputs[0].size == 0


def test_an_output_beyond_every_runtime_is_refused_when_it_becomes_a_layer() -> None:
    c = conv(1, 2, 1, (2**31, 2**31), bias=False)
    assert c.out_size == (2**31, 2**31)
    with pytest.raises(GeometryError, match="2\\^63 elements or more"):
        c.layer()
