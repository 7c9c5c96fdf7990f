"""Torch is the authority: arguments have its names, order and defaults, and shapes are what its modules give."""

from __future__ import annotations

import inspect
from types import ModuleType

import pytest

from groupcalc.costs.model import cost
from groupcalc.sources.arguments import REQUIRED, parameters
from groupcalc.sources.calls import CALLS
from groupcalc.sources.spec import load_lines


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    module: ModuleType = pytest.importorskip("torch")
    return module


OURS = frozenset({"Add", "Mul", "Concat"})
UNTYPED = frozenset({"Identity", "Sigmoid", "Tanh", "Softsign"})
"""Modules that take and ignore whatever they are given."""

PRINTED_ONLY = {"UpsamplingNearest2d": ("mode",), "UpsamplingBilinear2d": ("mode",)}
"""Arguments that a module prints and does not take."""

PRINTS_LESS = ("AvgPool",)
"""Modules that do not print all of their arguments, here ceil_mode."""


@pytest.mark.parametrize("name", sorted(CALLS.keys() - OURS - UNTYPED))
def test_arguments_are_torchs(torch: ModuleType, name: str) -> None:
    theirs = list(inspect.signature(getattr(torch.nn, name)).parameters.values())
    ours, positional = parameters(CALLS[name].signature)
    taken = [argument for argument in ours if argument not in PRINTED_ONLY.get(name, ())]
    assert taken == [argument.name for argument in theirs]
    for argument in theirs:
        default = REQUIRED if argument.default is argument.empty else argument.default
        assert ours[argument.name] == default, argument.name
    assert positional == sum(argument.kind is argument.POSITIONAL_OR_KEYWORD for argument in theirs)


MODULES = [
    ("Conv1d(4, 6, 3, 2, 1, 2, 2)", (2, 4, 9)),
    ("Conv2d(4, 6, (3, 5), stride=2, padding=(1, 2))", (2, 4, 9, 9)),
    ("Conv2d(4, 4, 3, padding='same', dilation=2, padding_mode='reflect')", (2, 4, 9, 9)),
    ("Conv3d(4, 6, 3, bias=False)", (1, 4, 5, 5, 5)),
    ("ConvTranspose1d(4, 6, 3, 2, 1, 1)", (1, 4, 5)),
    ("ConvTranspose2d(4, 6, 3, stride=(2, 3), padding=1, output_padding=1, groups=2, dilation=2)", (1, 4, 5, 6)),
    ("ConvTranspose3d(4, 6, 2)", (1, 4, 3, 3, 3)),
    ("Linear(8, 5)", (2, 8)),
    ("Linear(8, 5, False)", (2, 3, 8)),
    ("BatchNorm1d(8)", (2, 8)),
    ("BatchNorm2d(4, affine=False)", (2, 4, 5, 5)),
    ("BatchNorm2d(4, track_running_stats=False)", (2, 4, 5, 5)),
    ("InstanceNorm2d(4, affine=True)", (2, 4, 5, 5)),
    ("GroupNorm(2, 4)", (2, 4, 5, 5)),
    ("LayerNorm((5, 5))", (2, 4, 5, 5)),
    ("LayerNorm(5, elementwise_affine=False)", (2, 4, 5, 5)),
    ("LocalResponseNorm(5, k=2.0)", (2, 4, 5, 5)),
    ("MaxPool1d(3, 2, ceil_mode=True)", (1, 4, 8)),
    ("MaxPool2d(3, 2, 1, dilation=2, ceil_mode=True)", (1, 4, 12, 13)),
    ("MaxPool3d(2)", (1, 4, 5, 5, 5)),
    ("AvgPool2d((2, 3), padding=1, ceil_mode=True)", (1, 4, 8, 9)),
    ("AvgPool2d(3, 2, ceil_mode=True, count_include_pad=False)", (1, 4, 8, 9)),
    ("AdaptiveAvgPool2d(1)", (1, 4, 7, 7)),
    ("AdaptiveAvgPool2d((None, 3))", (1, 4, 6, 6)),
    ("AdaptiveMaxPool1d(2)", (1, 4, 6)),
    ("ChannelShuffle(2)", (1, 4, 5, 5)),
    ("PixelShuffle(2)", (1, 8, 5, 6)),
    ("PixelUnshuffle(2)", (1, 4, 6, 8)),
    ("Upsample(scale_factor=1.7)", (1, 4, 5, 6)),
    ("Upsample(size=(9, 7), mode='bilinear')", (1, 4, 5, 6)),
    ("UpsamplingNearest2d(scale_factor=2)", (1, 4, 5, 6)),
    ("UpsamplingBilinear2d(size=9)", (1, 4, 5, 6)),
    ("ZeroPad2d((1, 2, 3, 4))", (1, 4, 5, 6)),
    ("ConstantPad1d(2, 0.5)", (1, 4, 5)),
    ("ReflectionPad2d(2)", (1, 4, 5, 6)),
    ("ReplicationPad3d(1)", (1, 4, 3, 3, 3)),
    ("Flatten()", (2, 4, 5)),
    ("Flatten(0, 1)", (2, 4, 5)),
    ("PReLU(4)", (2, 4, 5, 5)),
    ("ReLU6(inplace=True)", (2, 4)),
    ("Hardtanh(-2, 2)", (2, 4)),
    ("LeakyReLU(0.2)", (2, 4)),
    ("ELU(alpha=0.5)", (2, 4)),
    ("CELU()", (2, 4)),
    ("SELU()", (2, 4)),
    ("GELU(approximate='tanh')", (2, 4)),
    ("SiLU()", (2, 4)),
    ("Mish()", (2, 4)),
    ("Sigmoid()", (2, 4)),
    ("Tanh()", (2, 4)),
    ("Softsign()", (2, 4)),
    ("Softplus(beta=2)", (2, 4)),
    ("Hardswish()", (2, 4)),
    ("Hardsigmoid()", (2, 4)),
    ("Softmax(dim=-1)", (2, 4)),
    ("LogSoftmax(1)", (2, 4)),
    ("Dropout2d(0.2)", (2, 4, 5, 5)),
    ("Identity()", (2, 4)),
]


@pytest.mark.parametrize(("call", "shape"), MODULES)
def test_what_a_module_prints_has_its_shape_params_and_buffers(
    torch: ModuleType, call: str, shape: tuple[int, ...]
) -> None:
    module = eval(f"torch.nn.{call}", {"torch": torch}).eval()  # the text stands above
    expected = tuple(module(torch.zeros(shape)).shape)
    buffers = sum(tensor.numel() for name, tensor in module.named_buffers() if "num_batches" not in name)
    for text in (call,) if call.startswith(PRINTS_LESS) else (call, repr(module)):
        graph = load_lines([f"{text} @ {'x'.join(map(str, shape))}"])
        totals = cost(graph).totals
        assert graph.layers[-1].outputs[0].shape == expected
        assert totals.params == sum(tensor.numel() for tensor in module.parameters())
        assert totals.buffers == buffers
        assert not cost(graph).uncounted
