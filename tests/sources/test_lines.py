"""Layer lines: what they mean, and what is said of those that mean nothing."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groupcalc.conv import Conv, conv
from groupcalc.costs.model import cost
from groupcalc.errors import GroupcalcError, InputError
from groupcalc.graph import Layer
from groupcalc.sources.lines import MAX_LINE
from groupcalc.sources.spec import load_lines, looks_like_layer


def line(text: str) -> Layer:
    """The only layer of a line."""
    (layer,) = load_lines([text]).layers
    return layer


def refusal(text: str) -> str:
    with pytest.raises(GroupcalcError) as caught:
        load_lines([text])
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_line_is_named_sized_and_repeated() -> None:
    layer = line(
        "(layer1.0.conv2): Conv2d(256, 256, kernel_size=(3, 3), padding=(1, 1), groups=32, bias=False) @ 56x56 *3"
    )
    assert (layer.name, layer.op, layer.repeat) == ("layer1.0.conv2", "Conv", 3)
    assert Conv.of(layer) == conv(256, 256, 3, (56, 56), padding=1, groups=32, bias=False)
    # 256 filters of 256/32 · 3·3 taps at 56·56, three times
    assert cost(load_lines(["a = Conv2d(256, 256, 3, padding=1, groups=32, bias=False) @ 56x56 *3"])).totals.macs == (
        3 * 256 * 8 * 9 * 56 * 56
    )


@pytest.mark.parametrize(
    ("text", "shape", "name"),
    [
        ("Conv2d(3, 8, 3) @ 5x6", (1, 3, 5, 6), "layer1"),
        ("Conv2d(3, 8, 3) @ 3x5x6", (1, 3, 5, 6), "layer1"),
        ("Conv2d(3, 8, 3) @ 2x3x5x6", (2, 3, 5, 6), "layer1"),
        ("Conv2d(3,8,3)@5×6", (1, 3, 5, 6), "layer1"),
        ("  a.b/c-1=Conv2d( 3, 8, 3, ) @ 5 x 6 * 1  # a note (with) @ signs *2", (1, 3, 5, 6), "a.b/c-1"),
        ("nn.Conv1d(3, 8, 3) @ 9", (1, 3, 9), "layer1"),
        ("torch.nn.Conv3d(3, 8, 3) @ 5x6x7", (1, 3, 5, 6, 7), "layer1"),
        ("(0): Linear(in_features=512, out_features=10, bias=True) @ 512", (1, 512), "0"),
        ("Linear(512, 10) @ 7x512", (7, 512), "layer1"),
        ("MaxPool2d(2) @ 3x8x8", (1, 3, 8, 8), "layer1"),
        ("ReLU(inplace=True) @ 3x8x8", (3, 8, 8), "layer1"),
        ("BatchNorm1d(64) @ 64", (1, 64), "layer1"),
        ("BatchNorm1d(64) @ 8x64x100", (8, 64, 100), "layer1"),
    ],
)
def test_sizes(text: str, shape: tuple[int, ...], name: str) -> None:
    (layer,) = load_lines([text]).layers
    assert layer.inputs[0] is not None
    assert layer.inputs[0].shape == shape
    assert layer.name == name
    assert looks_like_layer(text)


def test_lines_without_a_size_follow_the_one_before_and_lines_with_one_stand_alone() -> None:
    graph = load_lines(["Conv2d(3, 8, 3, padding=1) @ 8x8", "MaxPool2d(2)", "Conv2d(8, 8, 3) @ 9x9", "ReLU()"])
    shapes = [layer.outputs[0].shape for layer in graph.layers]
    assert shapes == [(1, 8, 8, 8), (1, 8, 4, 4), (1, 8, 7, 7), (1, 8, 7, 7)]
    assert [x.name for x in graph.inputs] == ["layer1.x", "layer3.x"]
    assert graph.outputs == ("layer2", "layer4")


def test_a_name_made_up_never_clashes() -> None:
    graph = load_lines(["layer2 = ReLU() @ 4", "ReLU()", "ReLU()"])
    assert [layer.name for layer in graph.layers] == ["layer2", "layer2_", "layer3"]


def test_words_that_torch_prints_bare() -> None:
    same = line("Conv2d(8, 8, kernel_size=(4, 4), stride=(1, 1), padding=same, padding_mode=circular) @ 9x9")
    assert same.attributes["padding"] == ((1, 2), (1, 2))  # 4 - 1 = 3 in all, the odd one behind
    assert line("Conv2d(8, 8, 3, padding='valid') @ 9x9").attributes["padding"] == ((0, 0), (0, 0))


def test_dtype_is_that_of_weights_and_activations() -> None:
    layer = line("Conv2d(8, 8, 3, dtype=torch.float16) @ 9x9")
    assert {t.dtype for t in (*layer.inputs, *layer.outputs) if t} == {"float16"}


GRAMMAR = "(write [NAME =] CALL [@ SIZE] [*N], as Conv2d(3, 64, 3, padding=1) @ 56x56)"
CONV2D = (
    "(Conv2d(in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True, "
    "padding_mode='zeros'))"
)
PLAIN = "(give numbers, booleans, texts or tuples)"
BEYOND = "a number is beyond 2^63 (use a smaller one)"
COUNT = "behind * is not a count (end the line with *1 to *1000000)"
SIZE = "is not a size (write numbers joined by x, as @ 56x56)"
INTS = "is not a whole number or a list of them"

REFUSED = [
    ("Conv2d(64, 64, 3, groups=3) @ 5x5", "groups=3 does not divide in_channels=64 (use 1, 2, 4, 8, …)"),
    ("Conv2d(3, 64, 3)", "there is no input size (add one: @ 56x56, in a table input = [56, 56])"),
    ("Conv2d(3, 64, 3) @ 4x5x5", "in_channels=3 does not fit its input 1×4×5×5 (use in_channels=4)"),
    ("Conv2d(3, 64, 3) @ 5", "5 is no size for Conv2d (give 2 to 4 numbers of N×C×H×W)"),
    ("Conv2d(3, 64, 3) @ 0x5", "the size 0×5 has a 0 (use 1 or more)"),
    ("Conv2d(3, 64, 3) @ 5x", f"@ '5x' {SIZE}"),
    ("Conv2d(3, 64, 3) @ 56x56 stride 2", f"@ '56x56 stride 2' {SIZE}"),
    ("Conv2d(3, 64, 3) @ 5x5 *0", f"'0' {COUNT}"),
    ("Conv2d(3, 64, 3) *3 @ 5x5", f"'3 @ 5x5' {COUNT}"),
    (
        "Conv2d(3, 64, 9) @ 5x5",
        "the kernel reaches over 9×9 but the padded input is only 5×5 "
        "(use a smaller kernel_size or dilation, or more padding)",
    ),
    ("Conv2d(3, 64) @ 5x5", f"Conv2d needs kernel_size {CONV2D}"),
    ("Conv2d() @ 5x5", f"Conv2d needs in_channels and out_channels and kernel_size {CONV2D}"),
    ("Conv2d(3, 64, 3, paddin=1) @ 5x5", "Conv2d has no argument 'paddin' (did you mean 'padding'?)"),
    ("Conv2d(3, 64, 3, out_channels=1) @ 5x5", "Conv2d is given out_channels twice (give it once)"),
    ("Conv2d(3, 64, 3, stride=1, stride=1) @ 5x5", "Conv2d is given stride twice (give it once)"),
    ("Conv2d(3, 64, 3, **{}) @ 5x5", f"'{{}}' is not a plain value {PLAIN}"),
    ("Conv2d(3, 64, 10**5000) @ 5x5", f"'10 ** 5000' is not a plain value {PLAIN}"),
    ("Conv2d(3, 64, 3) by 2 @ 5x5", f"cannot read 'Conv2d(3, 64, 3) by 2': invalid syntax {GRAMMAR}"),
    ("Sigmoid(1) @ 5x5", "Sigmoid takes no arguments by position, not 1 (Sigmoid())"),
    ("Conv2d(3, 64, '3') @ 5x5", f"kernel_size='3' {INTS}"),
    ("Conv2d(3, 64, True) @ 5x5", f"kernel_size=True {INTS}"),
    ("Conv2d(3, 64, 3.0) @ 5x5", f"kernel_size=3.0 {INTS}"),
    ("Conv2d(3, 64, 3, bias=0) @ 5x5", "bias=0 is not true or false"),
    ("Conv2d(3, 64, 3, groups=None) @ 5x5", "groups=None is not a whole number"),
    (
        "Conv2d(3, 64, 3, padding='sane') @ 5x5",
        'padding=\'sane\' is not a whole number, a list of them, "same" or "valid"',
    ),
    ("Conv2d(3, 64, (3, 3, 3)) @ 5x5", "kernel_size=3 has 3 numbers for 2 axes (give 1 or 2)"),
    ("Conv2d(3, 64, 3, dtype='float15') @ 5x5", "dtype='float15' is not a dtype such as float16"),
    ("ConvTranspose2d(3, 64, 3, padding=same) @ 5x5", f"padding='same' {INTS}"),
    ("MaxPool2d(2, return_indices=True) @ 3x5x5", "return_indices=True is not supported (leave it out)"),
    ("MaxPool2d(2) @ 5x5", "MaxPool2d does not say how many channels 5×5 has (write C×5×5 or N×C×5×5)"),
    ("Linear(512, 10) @ 2048", "in_features=512 does not fit its input 1×2048 (use in_features=2048)"),
    ("Linear(75, 10) @ 1x3x5x5", "in_features=75 does not fit its input 1×3×5×5 (put Flatten() before it)"),
    ("Cnv2d(3, 64, 3) @ 5x5", "unknown layer 'Cnv2d' (did you mean 'Conv2d'?)"),
    ("Conv(3, 64, 3) @ 5x5", "unknown layer 'Conv' (did you mean 'Conv2d'?)"),
    ("relu() @ 5x5", "unknown layer 'relu' (did you mean 'ReLU'?)"),
    (
        "os.system('x') @ 5x5",
        "unknown layer 'os.system' (there is: Conv2d, ConvTranspose2d, "
        "BatchNorm2d, InstanceNorm2d, MaxPool2d, AvgPool2d, AdaptiveAvgPool2d, AdaptiveMaxPool2d, …)",
    ),
    ("Conv2d(3, 64, print()) @ 5x5", f"'print()' is not a plain value {PLAIN}"),
    ("Conv2d(3, 64, [i for i in x]) @ 5x5", f"'[i for i in x]' is not a plain value {PLAIN}"),
    ("Conv2d(3, 64, 1 + 2) @ 5x5", f"'1 + 2' is not a plain value {PLAIN}"),
    ("Conv2d(3, 64, x) @ 5x5", f"'x' is not a plain value {PLAIN}"),
    ("Conv2d(3, 64, 3)(4) @ 5x5", f"'Conv2d(3, 64, 3)' is not a name {GRAMMAR}"),
    ("Conv2d(3, 64, 3) and 4 @ 5x5", f"'Conv2d(3, 64, 3) and 4' is not a call {GRAMMAR}"),
    ("Conv2d @ 5x5", f"'Conv2d' is not a layer {GRAMMAR}"),
    ("= Conv2d(3, 64, 3) @ 5x5", f"the name in front of the layer is empty {GRAMMAR}"),
    ("prev = Conv2d(3, 64, 3) @ 5x5", "'prev' cannot be a name (it stands for the layer above)"),
    ("", f"'' is not a layer {GRAMMAR}"),
    (f"Conv2d(3, 64, {10**30}) @ 5x5", BEYOND),
    ("Conv2d(3, 64, 1e999) @ 5x5", BEYOND),
    ("Add() @ 4x4 *2000000", f"'2000000' {COUNT}"),
    (
        "Concat() @ 4x4",
        'Concat takes two or more inputs, not 1 (in a file, input = "a" for one layer, input = ["a", "b"] for two)',
    ),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[text[:50] for text, _ in REFUSED])
def test_a_line_that_means_nothing_is_refused_with_the_way_out(text: str, message: str) -> None:
    shown = text.strip()
    place = f"{shown[:40]}…{shown[-16:]}" if len(shown) > 60 else shown
    assert refusal(text) == (f"{place}: {message}" if place else message)


def test_an_unclosed_call_is_a_layer_line_too() -> None:
    assert looks_like_layer("Conv2d(3, 64, 3 @ 56x56")
    assert "'(' was never closed" in refusal("Conv2d(3, 64, 3 @ 56x56")


@pytest.mark.parametrize(
    "text",
    [
        "model.onnx", "-", "", "models/**/*.onnx", "!models/old/**", "arch:resnext50,groups=8", "resnet(1).onnx",
        "conv2d (1).onnx", "Conv2d (1).onnx", "dir (old)/net.toml", "Conv2d", "C:\\models\\a(1).onnx",
        "# Conv2d(1, 1, 1)",
    ],
)  # fmt: skip
def test_paths_do_not_look_like_layers(text: str) -> None:
    assert not looks_like_layer(text)


@pytest.mark.parametrize(
    "text",
    [
        "Conv2d(" + "(" * 4000,
        "Conv2d(" + "-" * 4000 + "1) @ 5x5",
        "Conv2d(" + "[" * 150 + "]" * 150 + ") @ 5x5",
        "Conv2d(" + "not " * 1000 + "1) @ 5x5",
        "a" + ".a" * 2000 + "(1) @ 5x5",
        "a" + "(1)" * 1000 + " @ 5x5",
        "Conv2d(" + "9" * 4050 + ", 1, 1) @ 5x5",
        "Conv2d(0x" + "f" * 4050 + ", 1, 1) @ 5x5",
        "Conv2d(3, 64, 3) @ " + "1x" * 2000 + "y",
        "Conv2d(3, 64, 3) @ " + "1" * 4000,
        "Conv2d(3, 64, 3) @ " + " " * 4000 + "x",
        " " * 4000 + "x",
        ")" * 4000 + "@",
        "a=" * 2000,
        "(a)" * 1300 + ":",
        "Conv2d(3, 64, 3) @ 9223372036854775807x2",
        "Conv2d(9223372036854775807, 9223372036854775807, 3) @ 5x5",
        "Conv2d(\x00) @ 5x5",
        "Conv2d('\udc80') @ 5x5",
        "Conv2d('\\d', 1if 1else 2) @ 5x5",
        "x" * (MAX_LINE + 1),
    ],
    ids=lambda text: repr(text[:12]),
)
def test_bombs_are_one_clear_line(text: str) -> None:
    looks_like_layer(text)
    assert len(refusal(text)) < 500


GEOMETRIES = st.fixed_dictionaries(
    {
        "groups": st.integers(1, 6),
        "inner": st.integers(1, 5),
        "outer": st.integers(1, 5),
        "rank": st.integers(1, 3),
        "batch": st.integers(1, 3),
        "bias": st.booleans(),
    }
)


@st.composite
def convolutions(draw: st.DrawFn) -> Conv:
    """Any geometry whose kernel fits its input."""
    of = draw(GEOMETRIES)

    def axes(least: int, most: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(least, most)) for _ in range(of["rank"]))

    return conv(
        of["groups"] * of["inner"],
        of["groups"] * of["outer"],
        axes(1, 4),
        axes(10, 14),
        stride=axes(1, 3),
        padding=draw(st.one_of(st.integers(0, 3), st.just(axes(0, 3)))),
        dilation=axes(1, 3),
        groups=of["groups"],
        batch=of["batch"],
        bias=of["bias"],
    )


def printed(of: Conv) -> str:
    """As torch.nn.modules.conv._ConvNd prints itself: what is at its default is left out."""
    text = f"{of.in_channels}, {of.out_channels}, kernel_size={of.kernel_size}, stride={of.stride}"
    padding = tuple(before for before, _ in of.padding)
    text += f", padding={padding}" if any(padding) else ""
    text += f", dilation={of.dilation}" if set(of.dilation) != {1} else ""
    text += f", groups={of.groups}" if of.groups > 1 else ""
    text += ", bias=False" if not of.bias else ""
    size = "x".join(map(str, (of.batch, of.in_channels, *of.in_size)))
    return f"Conv{len(of.in_size)}d({text}) @ {size}"


@settings(deadline=None, max_examples=100)
@given(convolutions())
def test_what_torch_prints_is_read_back(of: Conv) -> None:
    assert Conv.of(line(printed(of))) == of


PIECES = ("Conv2d(", "ReLU()", "Linear(4, 4)", *")(3,x@*=:#'-[\\ \n", "5x5")


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=12).map("".join)))
def test_no_text_does_more_harm_than_an_error(text: str) -> None:
    looks_like_layer(text)
    with suppress(GroupcalcError):
        load_lines([text, text])


def test_every_error_is_ours() -> None:
    with pytest.raises(InputError) as caught:
        load_lines(["Conv2d(3, 64, 3"])
    assert isinstance(caught.value.__cause__, SyntaxError)


def test_repeats_are_one_row_and_may_change_the_shape() -> None:
    totals = cost(load_lines(["Conv2d(4, 8, 1, bias=False) @ 5x5 *3", "ReLU()"])).totals
    # 3 · 8·4 weights, each 25 times; the ReLU behind stands once
    assert (totals.params, totals.macs) == (3 * 8 * 4, 3 * 8 * 4 * 25)
