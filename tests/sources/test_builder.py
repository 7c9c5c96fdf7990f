"""The builder gives the layers that an ONNX file of the same network has, shapes known at every call."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import pytest

from groupcalc.conv import Conv
from groupcalc.costs.model import cost
from groupcalc.costs.rules import RULES
from groupcalc.errors import GeometryError
from groupcalc.graph import Layer, Tensor
from groupcalc.sources.builder import Builder


def build(shape: tuple[int, ...], call: Callable[[Builder, Tensor], Tensor]) -> tuple[Layer, ...]:
    """The layers of one call on an input of `shape`."""
    net = Builder("net", input=shape)
    call(net, net.input)
    return net.graph().layers


def params(layers: tuple[Layer, ...]) -> int:
    return sum(t.size for layer in layers for t in layer.inputs if t is not None and t.constant and not t.literal)


def test_alexnets_first_block_reads_as_the_paper_draws_it() -> None:
    net = Builder("alexnet", input=(1, 3, 227, 227))
    x = net.conv("conv1", net.input, 96, 11, stride=4)
    x = net.relu("relu1", x)
    x = net.local_response_norm("norm1", x, 5)
    x = net.max_pool("pool1", x, 3, stride=2)
    x = net.conv("conv2", x, 256, 5, padding=2, groups=2)
    graph = net.graph(x)

    assert [layer.op for layer in graph.layers] == ["Conv", "Relu", "LRN", "MaxPool", "Conv"]
    assert x.shape == (1, 256, 27, 27)
    # conv1: 96 filters of 3·11·11 at 55·55; conv2: 256 filters of 96/2·5·5 at 27·27.
    macs = 96 * 3 * 11 * 11 * 55 * 55 + 256 * 48 * 5 * 5 * 27 * 27
    assert cost(graph).totals.macs == macs == 105_415_200 + 223_948_800
    assert graph.inputs == (net.input,)
    assert graph.outputs == ("conv2",)


def test_what_no_layer_reads_is_an_output() -> None:
    net = Builder("net", input=(1, 8, 4, 4))
    stem = net.relu("stem", net.input)
    net.conv("left", stem, 8, 1)
    net.conv("right", stem, 8, 1)
    assert net.graph().outputs == ("left", "right")
    assert net.graph(stem).outputs == ("stem",)


def test_a_conv_is_the_layer_that_its_geometry_gives() -> None:
    (layer,) = build((2, 8, 9, 9), lambda net, x: net.conv("c", x, 16, 3, stride=2, padding=1, groups=4, bias=False))
    geometry = Conv.of(layer)
    assert geometry is not None
    assert (geometry.groups, geometry.bias, geometry.out_size) == (4, False, (5, 5))
    assert layer == geometry.layer("c", layer.inputs[0])


def test_linear_is_gemm_on_two_axes_and_matmul_with_add_on_others() -> None:
    (gemm,) = build((4, 512), lambda net, x: net.linear("fc", x, 10))
    assert gemm.op == "Gemm"
    assert [t.shape for t in gemm.inputs if t] == [(4, 512), (10, 512), (10,)]
    assert gemm.attributes == {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 1}

    matmul, add = build((4, 7, 512), lambda net, x: net.linear("fc", x, 10))
    assert [(layer.name, layer.op) for layer in (matmul, add)] == [("fc", "MatMul"), ("fc.bias", "Add")]
    assert [t.shape for t in matmul.inputs if t] == [(4, 7, 512), (512, 10)]
    assert add.inputs[0] == matmul.outputs[0]
    assert add.outputs[0] == Tensor(name="fc", shape=(4, 7, 10))

    assert len(build((4, 7, 512), lambda net, x: net.linear("fc", x, 10, bias=False))) == 1


def test_channel_shuffle_splits_transposes_and_joins() -> None:
    layers = build((2, 12, 5, 6), lambda net, x: net.channel_shuffle("shuffle", x, 3))
    assert [layer.op for layer in layers] == ["Reshape", "Transpose", "Reshape"]
    assert [layer.outputs[0].shape for layer in layers] == [(2, 3, 4, 5, 6), (2, 4, 3, 5, 6), (2, 12, 5, 6)]
    assert layers[1].attributes == {"perm": (0, 2, 1, 3, 4)}
    assert [t.shape for layer in layers for t in layer.inputs if t and t.literal] == [(5,), (4,)]


def test_names_are_those_of_a_state_dict() -> None:
    layers = build((1, 4, 5, 5), lambda net, x: net.batch_norm("bn", net.conv("conv", x, 4, 1)))
    names = [t.name for layer in layers for t in layer.inputs if t and t.constant]
    assert names == ["conv.weight", "conv.bias", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"]


def test_affine_operands_that_torch_does_not_learn_are_literals() -> None:
    # Of C scales, C shifts and 2·C statistics, affine=False leaves the statistics.
    (layer,) = build((1, 4, 5, 5), lambda net, x: net.batch_norm("bn", x, affine=False))
    assert [t.literal for t in layer.inputs if t] == [False, True, True, False, False]
    (layer,) = build((1, 4, 5, 5), lambda net, x: net.instance_norm("in", x))
    assert params((layer,)) == 0


def test_repeat_stands_for_equal_layers_from_there_on() -> None:
    net = Builder("net", input=(1, 8, 4, 4))
    x = net.conv("once", net.input, 8, 1)
    net.repeat = 3
    net.conv("thrice", x, 8, 1)
    assert [layer.repeat for layer in net.graph().layers] == [1, 3]


def test_a_name_is_used_once() -> None:
    net = Builder("net", input=(1, 8, 4, 4))
    net.relu("a", net.input)
    with pytest.raises(GeometryError, match="'a' is already taken"):
        net.relu("a", net.input)
    with pytest.raises(GeometryError, match="'input' is already taken"):
        net.relu("input", net.input)


def test_dtype_follows_the_input() -> None:
    net = Builder("net", input=(1, 8, 4, 4), dtype="float16")
    net.relu6("clip", net.linear("fc", net.flatten("flat", net.conv("conv", net.input, 8, 1)), 10))
    dtypes = {t.dtype for layer in net.graph().layers for t in (*layer.inputs, *layer.outputs) if t}
    assert dtypes == {"float16"}


# input, call, operators, shape of the last output, learned and stored elements
CASES = [
    ((1, 4, 9), lambda net, x: net.conv("n", x, 6, 3), ["Conv"], (1, 6, 7), 6 * 4 * 3 + 6),
    ((1, 4, 5, 5, 5), lambda net, x: net.conv("n", x, 6, 3, bias=False), ["Conv"], (1, 6, 3, 3, 3), 6 * 4 * 27),
    # (5 - 1)·2 - 2·1 + (3 - 1) + 1 + 1 = 10
    (
        (1, 4, 5, 5),
        lambda net, x: net.conv_transpose("n", x, 6, 3, stride=2, padding=1, output_padding=1, groups=2),
        ["ConvTranspose"],
        (1, 6, 10, 10),
        4 * 3 * 9 + 6,
    ),
    ((2, 4, 5, 5), lambda net, x: net.group_norm("n", x, 2), ["GroupNormalization"], (2, 4, 5, 5), 8),
    ((2, 7, 8), lambda net, x: net.layer_norm("n", x, 8), ["LayerNormalization"], (2, 7, 8), 16),
    ((2, 7, 8), lambda net, x: net.layer_norm("n", x, (7, 8), bias=False), ["LayerNormalization"], (2, 7, 8), 56),
    ((2, 4), lambda net, x: net.batch_norm("n", x), ["BatchNormalization"], (2, 4), 16),
    ((1, 4, 5, 5), lambda net, x: net.prelu("n", x, 4), ["PRelu"], (1, 4, 5, 5), 4),
    ((1, 4, 5, 5), lambda net, x: net.silu("n", x), ["Sigmoid", "Mul"], (1, 4, 5, 5), 0),
    ((1, 4, 5, 5), lambda net, x: net.hard_swish("n", x), ["HardSwish"], (1, 4, 5, 5), 0),
    ((1, 4, 5, 5), lambda net, x: net.hard_sigmoid("n", x), ["HardSigmoid"], (1, 4, 5, 5), 0),
    ((1, 4, 5, 5), lambda net, x: net.leaky_relu("n", x), ["LeakyRelu"], (1, 4, 5, 5), 0),
    ((1, 10), lambda net, x: net.softmax("n", x), ["Softmax"], (1, 10), 0),
    # floor((112 + 2 - 3) / 2) + 1 = 56; ceil((112 - 3) / 2) + 1 = 56; floor of it: 55
    ((1, 4, 112, 112), lambda net, x: net.max_pool("n", x, 3, stride=2, padding=1), ["MaxPool"], (1, 4, 56, 56), 0),
    (
        (1, 4, 112, 112),
        lambda net, x: net.max_pool("n", x, 3, stride=2, ceil_mode=True),
        ["MaxPool"],
        (1, 4, 56, 56),
        0,
    ),
    ((1, 4, 112, 112), lambda net, x: net.max_pool("n", x, 3, stride=2), ["MaxPool"], (1, 4, 55, 55), 0),
    # In ceil mode a window that would start in the padding behind is dropped: 3 + 2·1 - 2 = 3, by stride 3 two windows
    # would start at 0 and 3, and 3 < 3 + 1 stays; with length 2: starts 0 and 3, and 3 >= 2 + 1 goes.
    ((1, 1, 3), lambda net, x: net.max_pool("n", x, 2, stride=3, padding=1, ceil_mode=True), ["MaxPool"], (1, 1, 2), 0),
    ((1, 1, 2), lambda net, x: net.max_pool("n", x, 2, stride=3, padding=1, ceil_mode=True), ["MaxPool"], (1, 1, 1), 0),
    ((1, 4, 8, 8), lambda net, x: net.avg_pool("n", x, 2), ["AveragePool"], (1, 4, 4, 4), 0),
    ((1, 4, 7, 7), lambda net, x: net.adaptive_avg_pool("n", x), ["GlobalAveragePool"], (1, 4, 1, 1), 0),
    ((1, 4, 8, 6), lambda net, x: net.adaptive_avg_pool("n", x, (4, None)), ["AveragePool"], (1, 4, 4, 6), 0),
    ((1, 4, 7, 7), lambda net, x: net.adaptive_max_pool("n", x), ["GlobalMaxPool"], (1, 4, 1, 1), 0),
    ((1, 4, 8, 8), lambda net, x: net.adaptive_max_pool("n", x, 2), ["MaxPool"], (1, 4, 2, 2), 0),
    ((2, 3, 4, 5), lambda net, x: net.flatten("n", x), ["Flatten"], (2, 60), 0),
    ((2, 3, 4, 5), lambda net, x: net.flatten("n", x, 2), ["Reshape"], (2, 3, 20), 0),
    ((2, 8, 4, 5), lambda net, x: net.pixel_shuffle("n", x, 2), ["DepthToSpace"], (2, 2, 8, 10), 0),
    (
        (2, 2, 8, 10),
        lambda net, x: net.pixel_unshuffle("n", x, 2),
        ["Reshape", "Transpose", "Reshape"],
        (2, 8, 4, 5),
        0,
    ),
    ((1, 4, 5, 5), lambda net, x: net.upsample("n", x, scale_factor=1.5), ["Resize"], (1, 4, 7, 7), 0),
    ((1, 4, 5, 5), lambda net, x: net.upsample("n", x, size=(9, 7)), ["Resize"], (1, 4, 9, 7), 0),
    # torch's order is left, right, top, bottom
    ((1, 4, 5, 5), lambda net, x: net.pad("n", x, (1, 2, 3, -1)), ["Pad"], (1, 4, 7, 8), 0),
    ((1, 4, 5, 5), lambda net, x: net.pad("n", x, 1, mode="reflect"), ["Pad"], (1, 4, 7, 7), 0),
    ((1, 4, 5, 5), lambda net, x: net.concat("n", x, x, x), ["Concat"], (1, 12, 5, 5), 0),
    (
        (1, 4, 5, 5),
        lambda net, x: net.mul("n", x, net.adaptive_avg_pool("p", x)),
        ["GlobalAveragePool", "Mul"],
        (1, 4, 5, 5),
        0,
    ),
    ((1, 4, 5, 5), lambda net, x: net.add("n", x, x), ["Add"], (1, 4, 5, 5), 0),
    ((1, 4, 5, 5), lambda net, x: net.dropout("n", x), ["Identity"], (1, 4, 5, 5), 0),
]


@pytest.mark.parametrize(("shape", "call", "ops", "out", "learned"), CASES)
def test_layers_of_a_call(
    shape: tuple[int, ...],
    call: Callable[[Builder, Tensor], Tensor],
    ops: list[str],
    out: tuple[int, ...],
    learned: int,
) -> None:
    layers = build(shape, call)
    assert [layer.op for layer in layers] == ops
    assert layers[-1].outputs[0].shape == out
    assert layers[-1].outputs[0].name == "n"
    assert params(layers) == learned
    assert set(ops) <= RULES.keys(), "every operator that the builder writes can be counted"


REFUSED = [
    (
        (1, 4, 5, 5),
        lambda net, x: net.conv("n", x, 6, 3, groups=3),
        "groups=3 does not divide in_channels=4 (use 1, 2)",
    ),
    (
        (1, 4),
        lambda net, x: net.conv("n", x, 6, 3),
        "its input 1×4 has no spatial axis (give it N×C×H×W)",
    ),
    (
        (1, 4, 5, 5),
        lambda net, x: net.conv_transpose("n", x, 6, 3, output_padding=1),
        "output_padding=1 is not below stride or dilation (use at most 0)",
    ),
    ((1, 4), lambda net, x: net.linear("n", x, 0), "out_features=0 is not a positive number (use 1 or more)"),
    (
        (1, 4, 5, 5),
        lambda net, x: net.max_pool("n", x, 7),
        "the kernel reaches over 7×7 but the padded input is only 5×5 "
        "(use a smaller kernel_size or dilation, or more padding)",
    ),
    (
        (1, 4, 5, 5),
        lambda net, x: net.max_pool("n", x, 3, padding=2),
        "padding=2 is more than half of the kernel (use at most 1)",
    ),
    ((1, 4, 5, 5), lambda net, x: net.max_pool("n", x, 3, stride=0), "stride=0 is too small (use 1 or more)"),
    (
        (1, 4, 7, 7),
        lambda net, x: net.adaptive_avg_pool("n", x, 2),
        "output_size 2×2 does not divide its input 7×7 "
        "(use a size that does, or a plain pooling layer: these windows would be unequal)",
    ),
    ((1, 4, 5, 5), lambda net, x: net.channel_shuffle("n", x, 3), "groups=3 does not divide 4 (use a divisor of 4)"),
    ((1, 4, 5, 5), lambda net, x: net.channel_shuffle("n", x, 0), "groups=0 is not a positive number (use 1 or more)"),
    (
        (1, 4, 5, 5),
        lambda net, x: net.pixel_shuffle("n", x, -2),
        "upscale_factor=-2 is not a positive number (use 1 or more)",
    ),
    (
        (1, 4, 5, 5),
        lambda net, x: net.reshape("n", x, (3, 3)),
        "1×4×5×5 cannot be reshaped to 3×3 (keep the number of elements)",
    ),
    ((1, 4, 5, 5), lambda net, x: net.softmax("n", x, 4), "dim=4 is no axis of 1×4×5×5 (use -4 to 3)"),
    ((1, 4, 5, 5), lambda net, x: net.flatten("n", x, 2, 1), "start_dim=2 lies behind end_dim=1 (give them in order)"),
    (
        (1, 4, 5, 5),
        lambda net, x: net.add("n", x, net.max_pool("p", x, 2)),
        "1×4×5×5 and 1×4×2×2 do not fit together (give both the same shape)",
    ),
    (
        (1, 4, 5, 5),
        lambda net, x: net.concat("n", x, net.max_pool("p", x, 2)),
        "1×4×5×5, 1×4×2×2 cannot be joined along axis 1 (they may differ along that axis only)",
    ),
    ((1, 4, 5, 5), lambda net, x: net.upsample("n", x), "the new size is not clear (give either size or scale_factor)"),
    (
        (1, 4, 5, 5),
        lambda net, x: net.upsample("n", x, scale_factor=0.1),
        "the new size 0×0 is too small (use 1 or more)",
    ),
    (
        (1, 4, 5, 5),
        lambda net, x: net.upsample("n", x, scale_factor=float("inf")),
        "scale_factor=inf does not fit 2 axes (use one positive number, or one an axis)",
    ),
    (
        (1, 4, 5, 5),
        lambda net, x: net.prelu("n", x, 3),
        "num_parameters=3 is not the number of channels of its input 1×4×5×5 (use 1 or 4)",
    ),
    (
        (2, 7, 8),
        lambda net, x: net.layer_norm("n", x, 7),
        "normalized_shape=7 is not the end of its input 2×7×8 (use 8)",
    ),
    ((1, 4, 5, 5), lambda net, x: net.group_norm("n", x, 3), "num_groups=3 does not divide 4 (use a divisor of 4)"),
]


@pytest.mark.parametrize(("shape", "call", "message"), REFUSED)
def test_what_does_not_fit_is_refused(
    shape: tuple[int, ...], call: Callable[[Builder, Tensor], Tensor], message: str
) -> None:
    with pytest.raises(GeometryError) as caught:
        build(shape, call)
    assert str(caught.value) == message


def test_moving_elements_keeps_their_number() -> None:
    shape = (2, 12, 6, 4)
    for layers in (
        build(shape, lambda net, x: net.channel_shuffle("n", x, 4)),
        build(shape, lambda net, x: net.pixel_shuffle("n", x, 2)),
        build(shape, lambda net, x: net.pixel_unshuffle("n", x, 2)),
        build(shape, lambda net, x: net.flatten("n", x, 0, 1)),
    ):
        assert {layer.outputs[0].size for layer in layers} == {prod(shape)}
