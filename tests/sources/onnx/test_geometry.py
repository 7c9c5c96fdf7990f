"""Windows and convolutions have the geometry that ONNX defines; what contradicts itself is refused in one line."""

from math import prod

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx.shape_inference import infer_shapes

from groupcalc.conv import Conv
from groupcalc.errors import GeometryError, InputError
from groupcalc.sources.given import Given
from groupcalc.sources.onnx.load import load_onnx

POOLS = ("MaxPool", "AveragePool", "LpPool")


def window_model(op, x, w=None, opset=22, **attributes):
    """One node over float32[x]; `w` is the shape of its weight."""
    names, weights = ["x"], []
    if w is not None:
        names.append("w")
        weights.append(helper.make_tensor("w", TensorProto.FLOAT, w, bytes(4 * prod(w)), raw=True))
    graph = helper.make_graph(
        [helper.make_node(op, names, ["y"], name="node", **attributes)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
        [onnx.ValueInfoProto(name="y")],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def layer_of(model):
    graph = load_onnx(model.SerializeToString(), Given(), "m")
    assert graph.unresolved == ()
    (layer,) = graph.layers
    return layer


def shape_of(model):
    (y,) = layer_of(model).outputs
    return y.shape


def inferred(model):
    model = infer_shapes(model, strict_mode=True)
    return tuple(dim.dim_value for dim in model.graph.output[0].type.tensor_type.shape.dim)


def at_runtime(model):
    ort = pytest.importorskip("onnxruntime")
    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.zeros(session.get_inputs()[0].shape, np.float32)})[0].shape


def numbers(least, most, count):
    return st.lists(st.integers(least, most), min_size=count, max_size=count)


@st.composite
def geometries(draw, transposed=False):
    """A rank, a size, a kernel and the attributes of a window over them."""
    rank = draw(st.integers(1, 3))
    size, kernel = draw(numbers(1, 12, rank)), draw(numbers(1, 4, rank))
    attributes = {}
    if draw(st.booleans()):
        attributes["strides"] = draw(numbers(1, 4, rank))
    auto_pad = draw(st.sampled_from([None, "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]))
    if auto_pad:
        attributes["auto_pad"] = auto_pad
    # With both, ONNX Runtime refuses the convolution and forgets the dilation of a pooling.
    if not str(auto_pad).startswith("SAME") and draw(st.booleans()):
        attributes["dilations"] = draw(numbers(1, 3, rank))
    if auto_pad in (None, "NOTSET") and draw(st.booleans()):
        attributes["pads"] = [draw(st.integers(0, kernel[axis % rank] - 1)) for axis in range(2 * rank)]
    if transposed and draw(st.booleans()):
        most = [max(pair) - 1 for pair in zip(stride_of(attributes, rank), dilation_of(attributes, rank), strict=True)]
        attributes["output_padding"] = [draw(st.integers(0, each)) for each in most]
    return size, kernel, attributes


def stride_of(attributes, rank):
    return attributes.get("strides", [1] * rank)


def dilation_of(attributes, rank):
    return attributes.get("dilations", [1] * rank)


def reaches_over(size, kernel, attributes):
    """The window is larger than the padded input, on some axis."""
    if str(attributes.get("auto_pad")).startswith("SAME"):
        return False
    pads, rank = attributes.get("pads", [0] * 2 * len(size)), len(size)
    reach = [d * (k - 1) + 1 for d, k in zip(dilation_of(attributes, rank), kernel, strict=True)]
    return any(span > have + pads[i] + pads[i + rank] for i, (span, have) in enumerate(zip(reach, size, strict=True)))


several = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])


@several
@given(geometries(), st.sampled_from([(1, False), (2, True), (4, False), (4, True)]))
def test_a_convolution_has_the_shape_that_onnx_and_the_runtime_give_it(geometry, grouping):
    size, kernel, attributes = geometry
    groups, said = grouping
    assume(not reaches_over(*geometry))
    if said:
        attributes |= {"group": groups, "kernel_shape": kernel}
    model = window_model("Conv", [2, 4, *size], [8, 4 // (groups if said else 1), *kernel], **attributes)
    assert shape_of(model) == inferred(model) == at_runtime(model)


@several
@given(geometries(transposed=True), st.sampled_from([1, 2, 4]))
def test_a_transposed_convolution_has_the_shape_that_the_runtime_gives_it(geometry, groups):
    size, kernel, attributes = geometry
    model = window_model("ConvTranspose", [2, 4, *size], [4, 3, *kernel], group=groups, **attributes)
    try:
        real = at_runtime(model)
    except Exception:
        assume(False)
    assert shape_of(model) == real


@several
@given(st.integers(1, 3).flatmap(lambda rank: st.tuples(*[numbers(1, 4, rank)] * 4)), st.data())
def test_output_shape_decides_the_size_of_a_transposed_convolution(numbers_, data):
    size, kernel, stride, _ = numbers_
    natural = [(s - 1) * step + k for s, step, k in zip(size, stride, kernel, strict=True)]
    wanted = [data.draw(st.integers(1, each)) for each in natural]
    model = window_model("ConvTranspose", [1, 4, *size], [4, 3, *kernel], strides=stride, output_shape=wanted)
    assert shape_of(model) == at_runtime(model) == (1, 3, *wanted)
    conv = Conv.of(layer_of(model))
    assert conv.out_size == tuple(wanted)


@several
@given(geometries(), st.sampled_from(POOLS), st.booleans())
def test_a_pooling_has_the_shape_that_the_runtime_gives_it(geometry, op, up):
    size, kernel, attributes = geometry
    assume(not reaches_over(*geometry))
    model = window_model(op, [2, 4, *size], kernel_shape=kernel, ceil_mode=int(up), **attributes)
    try:
        real = at_runtime(model)
    except Exception:  # it refuses SAME where the stride skips past the kernel
        assume(False)
    assert shape_of(model) == real
    if not up:
        assert shape_of(model) == inferred(model)


def test_a_pooling_that_rounds_up_drops_a_window_behind_the_input():
    # Windows of 1 start at 0, 2, 4, 6 and 8: the last is behind the 8 elements.
    assert shape_of(window_model("MaxPool", [1, 1, 8], kernel_shape=[1], strides=[2], ceil_mode=1)) == (1, 1, 4)


def test_a_pooling_that_rounds_up_may_have_a_window_larger_than_the_input():
    assert shape_of(window_model("MaxPool", [1, 1, 2], kernel_shape=[3], strides=[3], ceil_mode=1)) == (1, 1, 1)


def test_the_mask_of_a_pooling_has_the_shape_of_its_output():
    model = window_model("MaxPool", [1, 1, 8], kernel_shape=[1], strides=[2], ceil_mode=1)
    model.graph.node[0].output.append("indices")
    values, indices = layer_of(model).outputs
    assert (values.shape, indices.shape, indices.dtype) == ((1, 1, 4), (1, 1, 4), "int64")


# What SAME takes off, worked out by hand: out = ceil(in / stride), total = (out - 1) · stride + kernel - in.
@pytest.mark.parametrize(
    ("auto_pad", "pads"), [("SAME_UPPER", ((0, 1), (1, 2))), ("SAME_LOWER", ((1, 0), (2, 1))), ("VALID", ((0, 0),) * 2)]
)
def test_automatic_padding_becomes_numbers(auto_pad, pads):
    model = window_model("Conv", [1, 4, 8, 9], [8, 4, 3, 4], auto_pad=auto_pad, strides=[2, 1])
    assert layer_of(model).attributes["padding"] == pads
    model = window_model("AveragePool", [1, 4, 8, 9], kernel_shape=[3, 4], auto_pad=auto_pad, strides=[2, 1])
    assert layer_of(model).attributes["padding"] == pads


# in 5, stride 2, kernel 3: 11 without padding, 10 with SAME, so 1 is taken off.
@pytest.mark.parametrize(("auto_pad", "pads"), [("SAME_UPPER", (0, 1)), ("SAME_LOWER", (1, 0))])
def test_automatic_padding_of_a_transposed_convolution(auto_pad, pads):
    model = window_model("ConvTranspose", [1, 4, 5], [4, 8, 3], auto_pad=auto_pad, strides=[2])
    assert layer_of(model).attributes["padding"] == (pads,)


def test_geometry_goes_by_its_torch_names_and_all_of_it_is_resolved():
    model = window_model("Conv", [2, 8, 9, 9], [16, 4, 3, 3], group=2, pads=[0, 1, 2, 3])
    layer = layer_of(model)
    assert layer.attributes == {
        "stride": (1, 1),
        "padding": ((0, 2), (1, 3)),  # ONNX: all befores, then all afters
        "dilation": (1, 1),
        "groups": 2,
        "kernel_size": (3, 3),
    }
    assert Conv.of(layer).out_size == (9, 11)


def test_what_is_no_geometry_stays_as_the_file_has_it():
    model = window_model("AveragePool", [1, 4, 8], kernel_shape=[2], count_include_pad=1)
    assert layer_of(model).attributes == {
        "kernel_size": (2,),
        "stride": (1,),
        "dilation": (1,),
        "padding": ((0, 0),),
        "count_include_pad": 1,
    }


HUGE = 2**62
CONTRADICTIONS = {
    "groups=0 is not a positive number": {"group": 0},
    "groups=-1 is not a positive number": {"group": -1},
    "groups=3 does not divide in_channels=4": {"group": 3},
    "groups=4611686018427387904 does not divide in_channels=4": {"group": HUGE},
    "group=2 should be a whole number": {"group": "2"},
    "group=2.0 should be a whole number": {"group": 2.0},
    "group=(2,) should be a whole number": {"group": [2]},
    "weight 8×4×3×3 does not fit input 1×4×8×8 in 2 groups": {"group": 2},
    "kernel_shape=3.0 should have 2 whole numbers": {"kernel_shape": 3.0},
    "kernel_shape=33 should have 2 whole numbers": {"kernel_shape": "33"},
    "kernel_shape=(3,) should have 2 whole numbers": {"kernel_shape": [3]},
    "kernel_shape 2×2 contradicts the weight 8×4×3×3": {"kernel_shape": [2, 2]},
    "strides=(1.5, 2.0) should have 2 whole numbers": {"strides": [1.5, 2.0]},
    "strides=a\\nb should have 2 whole numbers": {"strides": "a\nb"},
    "stride=(0, 1) is too small": {"strides": [0, 1]},
    "strides=(0, 0) is too small": {"strides": [0, 0], "auto_pad": "SAME_UPPER"},
    "dilation=(0, 1) is too small": {"dilations": [0, 1]},
    "the kernel reaches over 9223372036854775809×9223372036854775809": {"dilations": [HUGE, HUGE]},
    "pads=(1, 1) should have 4 whole numbers": {"pads": [1, 1]},
    "padding=-1 is negative": {"pads": [-1] * 4},
    "has 2^63 elements or more": {"pads": [HUGE, 0, 0, 0]},
    "auto_pad=FULL is none of ONNX's": {"auto_pad": "FULL"},
    "auto_pad=\\x1b[31m is none of ONNX's": {"auto_pad": "\x1b[31m"},
    "auto_pad=3 is none of ONNX's": {"auto_pad": 3},
}


@pytest.mark.parametrize("fact", CONTRADICTIONS)
def test_a_convolution_that_contradicts_itself_is_refused_in_one_line(fact):
    with pytest.raises(GeometryError) as caught:
        layer_of(window_model("Conv", [1, 4, 8, 8], [8, 4, 3, 3], **CONTRADICTIONS[fact]))
    message = str(caught.value)
    assert message.startswith(f"node 'node' (Conv): {fact}" if not fact.startswith("has") else "node 'node' (Conv): ")
    assert fact in message
    assert message.isprintable()
    assert caught.value.way_out


def test_a_long_attribute_is_not_shown_whole():
    with pytest.raises(GeometryError) as caught:
        layer_of(window_model("Conv", [1, 4, 8, 8], [8, 4, 3, 3], strides=[1] * 100_000))
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("x", "w", "fact"),
    [
        ([1, 4, 2, 2], [8, 4, 3, 3], "the kernel reaches over 3×3 but the padded input is only 2×2"),
        ([1, 4, 8, 8], [8, 5, 3, 3], "weight 8×5×3×3 does not fit input 1×4×8×8 in 1 groups"),
        ([1, 4, 8], [8, 4, 3, 3], "are no convolution"),
        ([1, 4], [8, 4], "are no convolution"),
        ([], [8, 4], "are no convolution"),
        ([1, 0, 8, 8], [8, 0, 3, 3], "in_channels=0"),
        ([1, 4, 8, 8], [0, 4, 3, 3], "out_channels=0"),
        ([1, 4, 8, 8], [8, 4, 0, 3], "kernel_size=(0, 3)"),
    ],
)
def test_shapes_that_are_no_convolution_are_refused(x, w, fact):
    with pytest.raises(GeometryError, match=r"^node 'node' \(Conv\): ") as caught:
        layer_of(window_model("Conv", x, w))
    assert fact in str(caught.value)


def test_a_convolution_without_a_weight_is_refused():
    with pytest.raises(InputError, match="a convolution needs an input and a weight"):
        layer_of(window_model("Conv", [1, 4, 8, 8]))


@pytest.mark.parametrize(
    ("attributes", "fact"),
    [
        ({"output_shape": 5}, "output_shape=5 should have 2 whole numbers"),
        ({"output_shape": "ab"}, "output_shape=ab should have 2 whole numbers"),
        ({"output_shape": [0, 0]}, "leaves no output"),
        ({"output_shape": [HUGE, HUGE]}, "has 2^63 elements or more"),
        ({"output_padding": [-1, 0]}, "output_padding=(-1, 0) is too small"),
        ({"pads": [9] * 4}, "padding=9 leaves no output"),
        ({"group": 3}, "groups=3 does not divide in_channels=4"),
    ],
)
def test_a_transposed_convolution_that_contradicts_itself_is_refused(attributes, fact):
    with pytest.raises(GeometryError) as caught:
        layer_of(window_model("ConvTranspose", [1, 4, 8, 8], [4, 8, 3, 3], **attributes))
    assert fact in str(caught.value)


@pytest.mark.parametrize("op", POOLS)
@pytest.mark.parametrize(
    ("attributes", "fact"),
    [
        ({}, "kernel_shape=() should have 2 whole numbers"),
        ({"kernel_shape": 3.0}, "kernel_shape=3.0 should have 2 whole numbers"),
        ({"kernel_shape": [3]}, "kernel_shape=(3,) should have 2 whole numbers"),
        ({"kernel_shape": [9, 3]}, "the window 9×3 is larger than the padded input 8×8"),
        ({"kernel_shape": [0, 3]}, "kernel_shape=(0, 3) is too small"),
        ({"kernel_shape": [HUGE, HUGE], "pads": [HUGE] * 4, "dilations": [HUGE, HUGE]}, "is larger than the padded"),
        ({"kernel_shape": [3, 3], "strides": [0, 1]}, "strides=(0, 1) is too small"),
        ({"kernel_shape": [3, 3], "dilations": [0, 1]}, "dilations=(0, 1) is too small"),
        ({"kernel_shape": [3, 3], "pads": [-3] * 4}, "the window 3×3 is larger than the padded input 8×8"),
    ],
)
def test_a_pooling_that_contradicts_itself_is_refused(op, attributes, fact):
    with pytest.raises(GeometryError, match=rf"^node 'node' \({op}\): ") as caught:
        layer_of(window_model(op, [1, 4, 8, 8], **attributes))
    assert fact in str(caught.value)


@pytest.mark.parametrize(("op", "x", "attributes"), [
    ("Reshape", [2, 4, 8], {}),
    ("DepthToSpace", [1, 4, 8, 8], {"blocksize": 3}),
    ("SpaceToDepth", [1, 4, 8, 8], {"blocksize": 3}),
])  # fmt: skip
def test_elements_neither_come_nor_go_in_another_shape(op, x, attributes, build, read):
    """A model exported for a batch of 1 and given one of 2, say; the runtime refuses it too."""
    if op == "Reshape":
        model = build("(float[2,4,8] x) => (y) { to = Constant<value_ints=[1, 32]>() y = Reshape(x, to) }")
    else:
        model = window_model(op, x, **attributes)
    with pytest.raises(GeometryError, match=f"{prod(x)} elements and cannot become"):
        read(model)
