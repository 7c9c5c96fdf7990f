"""What must hold whatever the layer: the 1/G law, and one cost however a layer is written."""

from __future__ import annotations

from typing import Any

import onnx
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from groupcalc.conv import Conv, conv
from groupcalc.costs.cost import Cost, LayerCost
from groupcalc.costs.model import cost
from groupcalc.costs.row import layer_cost
from groupcalc.costs.rules import RULES
from groupcalc.costs.snapshot import layer_data
from groupcalc.sources.given import Given
from groupcalc.sources.onnx.lower import Lowering
from groupcalc.sources.spec import load_lines


def figures(geometry: Conv) -> Cost:
    layer = geometry.layer()
    return layer_cost(layer, RULES[layer.op]).cost


@st.composite
def grouped(draw: st.DrawFn) -> Conv:
    """A convolution of one to three axes whose channels divide by its groups."""
    rank = draw(st.integers(1, 3))
    axis = st.integers(1, 3)
    each = {name: draw(st.tuples(*[axis] * rank)) for name in ("kernel_size", "stride", "dilation")}
    groups = draw(st.sampled_from([1, 2, 3, 4, 8]))
    return conv(
        groups * draw(st.integers(1, 4)),
        groups * draw(st.integers(1, 4)),
        in_size=draw(st.tuples(*[st.integers(7, 12)] * rank)),
        padding=draw(st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * rank)),
        groups=groups,
        batch=draw(st.integers(1, 3)),
        bias=draw(st.booleans()),
        transposed=draw(st.booleans()),
        **each,
    )


@given(grouped())
def test_g_groups_divide_macs_and_weights_by_g_and_nothing_else(geometry: Conv) -> None:
    if any(size < 1 for size in geometry.out_size):
        return
    some, dense = figures(geometry), figures(geometry.dense)
    bias = geometry.out_channels * geometry.bias
    assert some.macs * geometry.groups == dense.macs == some.dense_macs
    assert (some.params - bias) * geometry.groups == dense.params - bias
    assert some.dense_params == dense.params
    assert (some.input_bytes, some.output_bytes) == (dense.input_bytes, dense.output_bytes)


def test_thirty_two_groups_save_little_traffic_and_most_of_the_intensity() -> None:
    dense = figures(conv(128, 128, 3, (56, 56), padding=1, bias=False))
    some = figures(conv(128, 128, 3, (56, 56), padding=1, bias=False, groups=32))
    plane = 128 * 56 * 56
    assert dense.macs == plane * 128 * 3 * 3
    assert some.macs == plane * (128 // 32) * 3 * 3 == 14_450_688
    # Input and output planes stay, 4 bytes an element; only the weights shrink: ÷1.18 in all.
    assert dense.input_bytes + dense.output_bytes == some.input_bytes + some.output_bytes == 2 * 4 * plane
    assert some.weight_bytes * 32 == dense.weight_bytes == 128 * 128 * 3 * 3 * 4
    moved = [c.weight_bytes + c.input_bytes + c.output_bytes for c in (dense, some)]
    assert round(moved[0] / moved[1], 2) == 1.18
    assert round(dense.arithmetic_intensity) == 243
    assert int(some.arithmetic_intensity * 10) == 89


def row(layers: tuple[LayerCost, ...]) -> dict[str, Any]:
    (only,) = layers
    return {**layer_data(only), "name": ""}


def as_onnx(geometry: Conv) -> dict[str, Any]:
    """The row of the same layer written as an ONNX node."""
    name = "ConvTranspose" if geometry.transposed else "Conv"
    attributes: dict[str, Any] = {
        "strides": geometry.stride,
        "dilations": geometry.dilation,
        "pads": [pads[0] for pads in geometry.padding] + [pads[1] for pads in geometry.padding],
        "group": geometry.groups,
    }
    weights = [("w", geometry.weight_shape), *([("b", (geometry.out_channels,))] if geometry.bias else [])]
    stored = [onnx.TensorProto(name=n, dims=dims, data_type=TensorProto.FLOAT) for n, dims in weights]
    x = (geometry.batch, geometry.in_channels, *geometry.in_size)
    graph = helper.make_graph(
        [helper.make_node(name, ["x", *(n for n, _ in weights)], ["y"], **attributes)],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        stored,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    return row(cost(Lowering(model, Given()).graph("one")).layers)


@settings(deadline=None)
@given(grouped())
def test_a_layer_line_and_the_same_layer_as_onnx_give_the_same_row(geometry: Conv) -> None:
    if any(before != after for before, after in geometry.padding):
        return  # torch has no argument for it
    call = f"{'ConvTranspose' if geometry.transposed else 'Conv'}{len(geometry.in_size)}d"
    arguments = {
        "stride": geometry.stride,
        "padding": tuple(before for before, _ in geometry.padding),
        "dilation": geometry.dilation,
        "groups": geometry.groups,
        "bias": geometry.bias,
    }
    listed = ", ".join(f"{name}={value}" for name, value in arguments.items())
    size = "x".join(map(str, (geometry.batch, geometry.in_channels, *geometry.in_size)))
    line = f"{call}({geometry.in_channels}, {geometry.out_channels}, {geometry.kernel_size}, {listed}) @ {size}"
    assert row(cost(load_lines([line])).layers) == as_onnx(geometry)
