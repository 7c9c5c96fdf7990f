"""A graph written as ONNX is valid, runs, and costs the same when it is read again."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from groupcalc.costs.cost import Cost
from groupcalc.costs.model import cost
from groupcalc.costs.snapshot import model_data
from groupcalc.errors import InputError
from groupcalc.graph import Graph, Tensor
from groupcalc.sources.archs.grammar import load_arch
from groupcalc.sources.archs.table import ARCHS
from groupcalc.sources.builder import Builder
from groupcalc.sources.given import Given
from groupcalc.sources.onnx import write
from groupcalc.sources.onnx.load import load_onnx
from groupcalc.sources.onnx.write import Weights, write_model
from groupcalc.sources.spec import load_lines

SMALL = {"alexnet": 67}
"""Images as small as the network allows: (67 - 11) / 4 + 1 = 15, pooled 7, 3, 1. The others take 32."""


def data(graph: Graph) -> dict[str, Any]:
    return model_data(cost(graph))


def reread(graph: Graph, weights: Weights = "constant") -> Graph:
    return load_onnx(write_model(graph, weights), Given(), graph.name)


def run(graph: Graph, weights: Weights = "random") -> list[NDArray[Any]]:
    session = ort.InferenceSession(write_model(graph, weights), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    feeds = {x.name: rng.standard_normal(x.shape).astype(x.dtype) for x in graph.inputs}
    return list(session.run(None, feeds))


def totals(graph: Graph) -> Cost:
    return cost(graph).totals


@pytest.mark.parametrize("name", ARCHS)
def test_every_architecture_costs_the_same_from_its_file(name: str) -> None:
    graph = load_arch(f"arch:{name}")
    found = write_model(graph)
    assert len(found) < 200_000, "constant weights take kilobytes"
    assert data(load_onnx(found, Given(), graph.name)) == data(graph)


@pytest.mark.parametrize("name", ARCHS)
def test_every_architecture_runs_with_random_weights_and_costs_the_same(name: str) -> None:
    graph = load_arch(f"arch:{name},input={SMALL.get(name, 32)}")
    found = write_model(graph, "random")
    assert data(load_onnx(found, Given(), graph.name)) == data(graph)
    session = ort.InferenceSession(found, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).standard_normal(graph.inputs[0].shape, dtype=np.float32)
    (y,) = session.run(None, {"input": x})
    assert np.isfinite(y).all()
    assert y.std() > 0, "the weights are not all alike"
    assert y.shape == graph_output(graph).shape


def graph_output(graph: Graph) -> Tensor:
    return next(y for layer in graph.layers for y in layer.outputs if y.name == graph.outputs[0])


@pytest.mark.parametrize("name", ["alexnet", "shufflenet_v1", "mobilefacenet"])
def test_constant_weights_run_too(name: str) -> None:
    (y,) = run(load_arch(f"arch:{name},input={SMALL.get(name, 32)}"), "constant")
    assert np.isfinite(y).all()


def test_the_same_network_is_the_same_bytes() -> None:
    graph = load_arch("arch:igc_block")
    assert write_model(graph, "random") == write_model(graph, "random")


def test_the_file_is_read_by_the_oldest_onnxruntime_that_is_supported() -> None:
    model = onnx.load_from_string(write_model(load_arch("arch:conv")))
    assert (model.ir_version, model.opset_import[0].version) == (10, 21)  # ONNX 1.16, onnxruntime 1.18


def test_a_grouped_convolution_computes_what_its_formula_says() -> None:
    """Output o of group g = o // (O/G) sees inputs g·(C/G) to (g+1)·(C/G)."""
    net = Builder("net", input=(1, 6, 4, 4))
    graph = net.graph(net.conv("conv", net.input, 4, 3, groups=2))
    model = onnx.load_from_string(write_model(graph, "random"))
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    (y,) = run(graph)
    x = np.random.default_rng(0).standard_normal((1, 6, 4, 4)).astype(np.float32)
    expected = np.zeros((4, 2, 2))
    for o in range(4):
        first = o // 2 * 3
        for i in range(2):
            for j in range(2):
                seen = x[0, first : first + 3, i : i + 3, j : j + 3]
                expected[o, i, j] = (seen * stored["conv.weight"][o]).sum() + stored["conv.bias"][o]
    np.testing.assert_allclose(y[0], expected, rtol=1e-4, atol=1e-5)


LINES = {
    "Clip": (["ReLU6() @ 1x4x3x3"], 0.0, 6.0),
    "Hardtanh": (["Hardtanh(min_val=-0.5, max_val=0.25) @ 1x4x3x3"], -0.5, 0.25),
}


@pytest.mark.parametrize("name", LINES)
def test_bounds_are_those_of_the_call(name: str) -> None:
    lines, least, most = LINES[name]
    graph = load_lines(lines)
    (y,) = run(graph)
    x = np.random.default_rng(0).standard_normal((1, 4, 3, 3)).astype(np.float32)
    np.testing.assert_array_equal(y, x.clip(np.float32(least), np.float32(most)))


def test_weights_that_are_given_are_those_that_it_computes_with() -> None:
    graph = load_lines(["y = Conv2d(4, 4, 1, groups=2) @ 1x4x2x2"])
    [layer] = graph.layers
    x, w, bias = [tensor for tensor in layer.inputs if tensor is not None]
    given = {w.name: np.array([[1, 0], [0, 2], [3, 0], [0, 4]]).reshape(w.shape), bias.name: np.arange(4)}
    session = ort.InferenceSession(write_model(graph, given), providers=["CPUExecutionProvider"])
    [y] = session.run(None, {x.name: np.ones(x.shape, np.float32)})
    # A one in each group's place: 1·1 + 0, 2·1 + 1, 3·1 + 2, 4·1 + 3.
    np.testing.assert_array_equal(y[0, :, 0, 0], [1, 3, 5, 7])


def test_padding_stands_before_and_behind() -> None:
    """torch names the last axis first: 1 to the left, 2 to the right, 3 above, none below."""
    (y,) = run(load_lines(["ConstantPad2d((1, 2, 3, 0), 7.5) @ 2x2x2"]))
    x = np.random.default_rng(0).standard_normal((1, 2, 2, 2)).astype(np.float32)
    expected = np.pad(x, ((0, 0), (0, 0), (3, 0), (1, 2)), constant_values=7.5)
    np.testing.assert_array_equal(y, expected)


def test_a_shuffle_interleaves_the_groups() -> None:
    (y,) = run(load_lines(["ChannelShuffle(3) @ 6x2x2"]))
    x = np.random.default_rng(0).standard_normal((1, 6, 2, 2)).astype(np.float32)
    np.testing.assert_array_equal(y, x[:, [0, 2, 4, 1, 3, 5]])


EVERY_CALL = [
    "Conv1d(4, 8, 3) @ 10", "Conv3d(4, 8, 3) @ 5x5x5", "ConvTranspose2d(4, 8, 3, stride=2, groups=2) @ 5x5",
    "Linear(8, 4) @ 8", "Linear(8, 4) @ 2x3x8", "BatchNorm2d(4) @ 5x5", "GroupNorm(2, 4) @ 1x4x5x5",
    "LayerNorm(8) @ 2x8", "LocalResponseNorm(3) @ 1x4x5x5", "PReLU(4) @ 1x4x5x5", "SiLU() @ 4", "GELU() @ 4x4",
    "Mish() @ 4x4", "Hardswish() @ 4x4", "Hardsigmoid() @ 4x4", "Softmax(1) @ 4x4", "LogSoftmax(1) @ 4x4",
    "ELU() @ 4x4", "Tanh() @ 4x4", "LeakyReLU() @ 4x4", "MaxPool2d(2) @ 4x6x6", "MaxPool2d(3, ceil_mode=True) @ 4x7x7",
    "AvgPool2d(2) @ 4x6x6", "AvgPool2d(3, 2, 1, count_include_pad=False) @ 4x7x7", "AdaptiveAvgPool2d(1) @ 4x6x6",
    "AdaptiveMaxPool2d(2) @ 4x6x6", "PixelShuffle(2) @ 8x3x3", "PixelUnshuffle(2) @ 2x4x4", "Flatten() @ 1x2x3x4",
    "Upsample(scale_factor=1.5) @ 1x2x5x5", "Upsample(size=(7, 9), mode='bilinear') @ 1x2x5x5",
    "ReflectionPad2d(1) @ 2x4x4", "ReplicationPad2d(1) @ 2x4x4", "Add() @ 1x4x3x3", "Mul() @ 1x4x3x3",
    "Dropout() @ 4x4", "Identity() @ 4x4",
]  # fmt: skip


@pytest.mark.parametrize("line", EVERY_CALL)
def test_every_layer_that_can_be_written_runs_and_costs_the_same(line: str) -> None:
    graph = load_lines([line])
    assert data(reread(graph)) == data(graph)
    (y,) = run(graph)
    assert y.shape == graph_output(graph).shape
    assert np.isfinite(y).all()


@pytest.mark.parametrize("line", ["Conv2d(4, 4, 3, padding=1) @ 6x6 *3", "Conv2d(4, 8, 3) @ 6x6 *3", "ReLU() @ 4 *2"])
def test_a_repeated_layer_becomes_so_many(line: str) -> None:
    graph = load_lines([f"first = {line}", "ReLU()"])
    again = reread(graph)
    repeat = graph.layers[0].repeat
    assert len(again.layers) == repeat + 1
    assert totals(again) == totals(graph)
    assert len(run(graph)) == (1 if "padding" in line or "ReLU() @" in line else repeat)


def test_weights_names_never_meet_those_of_layers() -> None:
    net = Builder("net", input=(1, 4, 3, 3))
    x = net.relu("conv.weight.shape", net.input)
    graph = net.graph(net.conv("conv", x, 4, 1))
    assert data(reread(graph)) == data(graph)


def test_random_weights_beyond_a_files_size_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "MAX_BYTES", 10_000)
    graph = load_arch("arch:conv")
    with pytest.raises(InputError) as caught:
        write_model(graph, "random")
    assert str(caught.value) == "its weights take 72.00 KiB, a file holds 2 GiB (use --weights constant)"
    assert write_model(graph, "constant")


@pytest.mark.parametrize("dtype", ["float16", "float64", "bfloat16"])
def test_floating_dtypes_are_kept(dtype: str) -> None:
    net = Builder("net", input=(1, 4, 3, 3), dtype=dtype)
    graph = net.graph(net.relu6("relu", net.conv("conv", net.input, 4, 1)))
    for weights in ("constant", "random"):
        assert data(reread(graph, weights)) == data(graph)


def test_a_dtype_that_onnx_has_no_operator_for_is_refused() -> None:
    net = Builder("net", input=(1, 4, 3, 3), dtype="int8")
    with pytest.raises(InputError, match="cannot be an ONNX file") as caught:
        write_model(net.graph(net.conv("conv", net.input, 4, 1)))
    assert str(caught.value).isprintable()
