"""Grouped = dense with zeros off the blocks, in whole numbers; and the check can fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from groupcalc.conv import Conv, conv
from groupcalc.errors import GeometryError
from groupcalc.explain import proof
from groupcalc.explain.proof import convolve, expand, prove, reduced


@st.composite
def convs(draw: Callable[..., Any]) -> Conv:
    rank = draw(st.integers(1, 2))
    groups = draw(st.integers(1, 6))
    while True:
        try:
            return conv(
                groups * draw(st.integers(1, 4)),
                groups * draw(st.integers(1, 4)),
                [draw(st.integers(1, 4)) for _ in range(rank)],
                [draw(st.integers(3, 9)) for _ in range(rank)],
                stride=draw(st.integers(1, 3)),
                padding=[(draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(rank)],
                dilation=draw(st.integers(1, 2)),
                groups=groups,
                transposed=draw(st.booleans()),
            )
        except GeometryError:
            continue


@settings(deadline=None)
@given(convs())
def test_every_convolution_is_the_dense_one_with_zeros_off_the_blocks(geometry: Conv) -> None:
    found = prove(geometry)
    assert found.equal == found.outputs == found.conv.out_channels * np.prod(found.conv.out_size)
    # With numbers above zero everywhere, whatever sees an input of another group differs.
    assert (found.changed > 0) == (geometry.groups > 1)


def reference(geometry: Conv, x: Any, w: Any) -> Any:
    """The same by onnxruntime."""
    attributes: dict[str, Any] = {
        "strides": geometry.stride,
        "dilations": geometry.dilation,
        "group": geometry.groups,
        "pads": [pair[end] for end in (0, 1) for pair in geometry.padding],
    }
    op = "ConvTranspose" if geometry.transposed else "Conv"
    graph = helper.make_graph(
        [helper.make_node(op, ["x", "w"], ["y"], **attributes)],
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "w")],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x[None].astype(np.float32), "w": w.astype(np.float32)})[0][0]


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("groups", "stride", "padding", "dilation"), list(product((1, 2), (1, 2), (0, 1), (1, 2))))
def test_convolve_is_onnxruntimes_convolution(
    groups: int, stride: int, padding: int, dilation: int, transposed: bool
) -> None:
    geometry = conv(
        4, 6, 3, (7, 6), stride=stride, padding=padding, dilation=dilation, groups=groups, transposed=transposed
    )
    rng = np.random.default_rng(1)
    x = rng.integers(-9, 10, (4, 7, 6))
    w = rng.integers(-9, 10, geometry.weight_shape)
    np.testing.assert_array_equal(convolve(geometry, x, w), reference(geometry, x, w))


def test_weights_stand_in_blocks_along_the_diagonal() -> None:
    geometry = conv(4, 6, 1, (1,), groups=2)
    w = np.arange(1, 13).reshape(6, 2, 1)
    assert expand(geometry, w)[..., 0].tolist() == [
        [1, 2, 0, 0], [3, 4, 0, 0], [5, 6, 0, 0], [0, 0, 7, 8], [0, 0, 9, 10], [0, 0, 11, 12],
    ]  # fmt: skip


def test_the_check_fails_where_blocks_stand_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "expand", lambda geometry, w: np.roll(expand(geometry, w), 1, axis=1))
    found = prove(conv(8, 8, 3, (6, 6), groups=4))
    assert found.equal < found.outputs


@settings(deadline=None)
@given(convs())
def test_a_small_layer_is_checked_as_it_is(geometry: Conv) -> None:
    found = reduced(geometry)
    assert (found.in_channels, found.out_channels, found.groups) == (
        geometry.in_channels, geometry.out_channels, geometry.groups,
    )  # fmt: skip
    assert found.kernel_size == geometry.kernel_size


HUGE = [
    conv(4096, 4096, 3, (512, 512), groups=4096, padding=1),
    conv(8192, 4096, 11, (512, 512), groups=2, padding=5),
    conv(65536, 65536, 1, (9,), groups=1),
    conv(64, 64, 100, (999, 999), groups=64, dilation=9, stride=100, padding=500),
    conv(2, 2, 1000, (2000, 2000), groups=2),
    conv(1024, 1024, 5, (50, 50), groups=8, stride=9, padding=2, transposed=True, output_padding=8),
]


@pytest.mark.parametrize("geometry", HUGE)
def test_a_large_layer_is_checked_on_a_small_one_of_its_kind(geometry: Conv) -> None:
    small = reduced(geometry)
    taps = int(np.prod(small.kernel_size))
    assert small.in_channels * small.out_channels * taps <= proof.MOST_WEIGHTS
    assert max(small.in_size) <= 64
    assert small.transposed == geometry.transposed
    assert (small.groups > 1) == (geometry.groups > 1)
    assert (small.groups == small.in_channels) == (geometry.groups == geometry.in_channels)


def test_reducing_keeps_one_group_dense() -> None:
    assert reduced(replace(HUGE[1], groups=1)).groups == 1
