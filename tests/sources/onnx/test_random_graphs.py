"""Random graphs cost what a slow reference counts that walks them with NumPy, node by node, from the definitions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod

import numpy as np
import onnx
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from groupcalc.costs.cost import GraphCost
from groupcalc.costs.model import cost
from groupcalc.sources.given import parse_given
from groupcalc.sources.onnx.load import load_onnx

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
BYTES = 4
"""Of a float32, which all data here is."""

MOST = 3000
"""Elements of the largest tensor: the reference makes each of them."""

# --- the reference ----------------------------------------------------------------------------------------------------


@dataclass
class Reference:
    """What a graph costs, while it is built.

    arrays   zeros of the shape of every activation, so that NumPy says what fits and what comes out
    weights  the shape of each stored tensor
    used     those that a node reads as a weight
    macs     one for every product of an inner product
    written  bytes of the outputs of all nodes that are no view
    peak     the largest sum of live bytes: from the node that writes a tensor to the last that reads it
    """

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    weights: dict[str, tuple[int, ...]] = field(default_factory=dict)
    stored: list[TensorProto] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    macs: int = 0
    written: int = 0
    read: int = 0
    rows: int = 0

    def weight(self, shape: tuple[int, ...], name: str = "") -> str:
        """A stored tensor without a payload; its name."""
        name = name or f"w{len(self.weights)}"
        self.weights[name] = shape
        self.stored.append(TensorProto(name=name, dims=shape, data_type=FLOAT))
        return name

    def index(self, values: Sequence[int]) -> str:
        """A stored list of integers: an argument, and no parameter."""
        name = f"i{len(self.stored)}"
        self.stored.append(helper.make_tensor(name, INT64, [len(values)], list(values)))
        return name

    def add(
        self,
        op: str,
        ins: Sequence[str],
        made: Sequence[np.ndarray],
        macs: int = 0,
        view: bool = False,
        **attributes: object,
    ) -> list[str]:
        """A node and what it makes. Weights that it reads are those of `used`."""
        outs = [f"t{len(self.arrays) + place}" for place in range(len(made))]
        attributes = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(helper.make_node(op, list(ins), outs, name=f"n{len(self.nodes)}", **attributes))
        self.arrays.update(zip(outs, made, strict=True))
        self.macs += macs
        self.used |= set(ins) & set(self.weights)
        if not view:
            self.rows += 1
            self.written += sum(array.size for array in made) * BYTES
            self.read += sum(self.arrays[name].size for name in set(ins) & set(self.arrays)) * BYTES
        return outs

    @property
    def params(self) -> int:
        """Elements of the weights that are used, each weight once."""
        return sum(prod(self.weights[name]) for name in self.used)


def taps_of(size: int, kernel: int, stride: int, dilation: int, before: int, after: int) -> list[list[int]]:
    """For each place of a window on one axis, the positions of the padded input under its taps."""
    padded = size + before + after
    places = []
    start = 0
    while start + dilation * (kernel - 1) < padded:
        places.append([start + dilation * tap for tap in range(kernel)])
        start += stride
    return places


Axes = Sequence[tuple[int, ...]]
"""Of each axis: kernel, stride, dilation, padding before and after."""


def convolved(x: np.ndarray, w: tuple[int, ...], groups: int, axes: Axes) -> tuple[np.ndarray, int]:
    """The output of a convolution and its products, counted one filter, one channel, one tap at a time."""
    places = [taps_of(size, *axis) for size, axis in zip(x.shape[2:], axes, strict=True)]
    out = np.zeros((x.shape[0], w[0], *map(len, places)))
    per_group = x.shape[1] // groups
    macs = 0
    for _ in range(out.shape[0] * out.shape[1]):  # every output channel of every item
        for place in product(*places):
            for _ in range(per_group):  # the channels of its group
                macs += len(list(product(*place)))
    return out, macs


def transposed(x: np.ndarray, w: tuple[int, ...], groups: int, axes: Axes) -> tuple[np.ndarray, int]:
    """The output of a transposed convolution: every input element is spread over its taps."""
    macs = 0
    sizes = []
    for size, (kernel, stride, dilation, before, after) in zip(x.shape[2:], axes, strict=True):
        reached = {place * stride + dilation * tap for place in range(size) for tap in range(kernel)}
        sizes.append(max(reached) + 1 - before - after)
    for _ in range(x.size):
        for _ in range(w[1]):  # output channels of its group
            macs += prod(w[2:])
    return np.zeros((x.shape[0], w[1] * groups, *sizes)), macs


def same(size: int, kernel: int, stride: int, dilation: int, upper: bool) -> tuple[int, int]:
    """Padding so that there are ceil(size / stride) places; the odd one behind if `upper`."""
    for total in range(kernel * dilation + 1):
        if len(taps_of(size, kernel, stride, dilation, total, 0)) == -(-size // stride):
            small = total // 2
            return (small, total - small) if upper else (total - small, small)
    raise AssertionError("SAME can always be had")


def inner(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, int]:
    """NumPy's own product and the number of its products: as many as the inner axis is long, for every element."""
    made = np.matmul(a, b)
    return made, made.size * a.shape[-1]


# --- random graphs ----------------------------------------------------------------------------------------------------

Step = Callable[[st.DrawFn, Reference, str], list[str] | None]


def conv(draw: st.DrawFn, net: Reference, x: str) -> list[str] | None:
    array = net.arrays[x]
    if array.ndim not in (3, 4) or 0 in array.shape:
        return None
    channels, rank = array.shape[1], array.ndim - 2
    groups = draw(st.sampled_from([g for g in range(1, channels + 1) if channels % g == 0]))
    w = (groups * draw(st.integers(1, 3)), channels // groups, *(draw(st.integers(1, 3)) for _ in range(rank)))
    strides = [draw(st.integers(1, 3)) for _ in range(rank)]
    dilations = [draw(st.integers(1, 2)) for _ in range(rank)]
    auto = draw(st.sampled_from([None, "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]))
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        spans = zip(array.shape[2:], w[2:], strides, dilations, strict=True)
        pads = [same(*span, upper=auto == "SAME_UPPER") for span in spans]
    elif auto == "VALID":
        pads = [(0, 0)] * rank
    else:
        pads = [(draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(rank)]
    axes = [(k, s, d, *p) for k, s, d, p in zip(w[2:], strides, dilations, pads, strict=True)]
    if any(not taps_of(size, *axis) for size, axis in zip(array.shape[2:], axes, strict=True)):
        return None
    made, macs = convolved(array, w, groups, axes)
    ins = [x, shared(draw, net, w)] + ([shared(draw, net, (w[0],))] if draw(st.booleans()) else [])
    written = None if auto not in (None, "NOTSET") else [p[0] for p in pads] + [p[1] for p in pads]
    return net.add(
        "Conv", ins, [made], macs, group=groups, strides=strides, dilations=dilations, pads=written, auto_pad=auto,
        kernel_shape=list(w[2:]) if draw(st.booleans()) else None,
    )  # fmt: skip


def conv_transpose(draw: st.DrawFn, net: Reference, x: str) -> list[str] | None:
    array = net.arrays[x]
    if array.ndim not in (3, 4) or 0 in array.shape:
        return None
    channels, rank = array.shape[1], array.ndim - 2
    groups = draw(st.sampled_from([g for g in range(1, channels + 1) if channels % g == 0]))
    w = (channels, draw(st.integers(1, 3)), *(draw(st.integers(1, 3)) for _ in range(rank)))
    strides = [draw(st.integers(1, 2)) for _ in range(rank)]
    pads = [(draw(st.integers(0, 1)), draw(st.integers(0, 1))) for _ in range(rank)]
    axes = [(k, s, 1, *p) for k, s, p in zip(w[2:], strides, pads, strict=True)]
    if any((n - 1) * s + k - sum(p) < 1 for n, k, s, p in zip(array.shape[2:], w[2:], strides, pads, strict=True)):
        return None
    made, macs = transposed(array, w, groups, axes)
    written = [p[0] for p in pads] + [p[1] for p in pads]
    ins = [x, shared(draw, net, w)] + ([shared(draw, net, (made.shape[1],))] if draw(st.booleans()) else [])
    return net.add("ConvTranspose", ins, [made], macs, group=groups, strides=strides, pads=written)


def shared(draw: st.DrawFn, net: Reference, shape: tuple[int, ...]) -> str:
    """A weight of that shape: at times one that others use as well."""
    alike = [name for name, held in net.weights.items() if held == shape]
    if alike and draw(st.booleans()):
        return draw(st.sampled_from(alike))
    if draw(st.integers(0, 4)) == 0 and shape != (1,) * len(shape):  # as a Constant node
        name = net.weight(shape, f"c{len(net.weights)}")
        proto = helper.make_tensor("", FLOAT, shape, np.zeros(prod(shape)))
        net.stored.pop()
        net.nodes.append(helper.make_node("Constant", [], [name], value=proto))
        return name
    return net.weight(shape)


def matmul(draw: st.DrawFn, net: Reference, x: str) -> list[str] | None:
    a = net.arrays[x]
    if a.ndim < 2:
        return None
    others = [name for name, b in net.arrays.items() if b.ndim >= 2 and multiplies(a, b)]
    if others and draw(st.booleans()):
        y = draw(st.sampled_from(others))
        made, macs = inner(a, net.arrays[y])
        return net.add("MatMul", [x, y], [made], macs)
    lead = draw(st.sampled_from([(), a.shape[:-2], (1,) * (a.ndim - 2)]))
    w = (*lead, a.shape[-1], draw(st.integers(1, 4)))
    made, macs = inner(a, np.zeros(w))
    return net.add("MatMul", [x, shared(draw, net, w)], [made], macs)


def multiplies(a: np.ndarray, b: np.ndarray) -> bool:
    try:
        return np.matmul(a, b).size <= MOST
    except ValueError:
        return False


def gemm(draw: st.DrawFn, net: Reference, x: str) -> list[str] | None:
    a = net.arrays[x]
    if a.ndim != 2:
        return None
    trans_a, trans_b = draw(st.integers(0, 1)), draw(st.integers(0, 1))
    left = a.T if trans_a else a
    w = (left.shape[1], draw(st.integers(1, 5)))
    made, macs = inner(left, np.zeros(w))
    ins = [x, shared(draw, net, w[::-1] if trans_b else w)]
    ins += [shared(draw, net, (w[1],))] if draw(st.booleans()) else []
    return net.add("Gemm", ins, [made], macs, transA=trans_a, transB=trans_b)


def add(draw: st.DrawFn, net: Reference, x: str) -> list[str] | None:
    a = net.arrays[x]
    others = [name for name, b in net.arrays.items() if broadcasts(a, b)]
    y = draw(st.sampled_from(others))
    return net.add(draw(st.sampled_from(["Add", "Mul", "Sub"])), [x, y], [a + net.arrays[y]])


def broadcasts(a: np.ndarray, b: np.ndarray) -> bool:
    try:
        return prod(np.broadcast_shapes(a.shape, b.shape)) <= MOST
    except ValueError:
        return False


def relu(draw: st.DrawFn, net: Reference, x: str) -> list[str] | None:
    return net.add(draw(st.sampled_from(["Relu", "Sigmoid", "Tanh"])), [x], [net.arrays[x] * 1])


def clip(draw: st.DrawFn, net: Reference, x: str) -> list[str] | None:
    """Optional inputs: the lower bound is left out."""
    return net.add("Clip", [x, ""], [net.arrays[x] * 1])


def pool(draw: st.DrawFn, net: Reference, x: str) -> list[str] | None:
    array = net.arrays[x]
    if array.ndim not in (3, 4) or 0 in array.shape:
        return None
    rank = array.ndim - 2
    kernel = [draw(st.integers(1, 3)) for _ in range(rank)]
    strides = [draw(st.integers(1, 3)) for _ in range(rank)]
    places = [taps_of(n, k, s, 1, 0, 0) for n, k, s in zip(array.shape[2:], kernel, strides, strict=True)]
    if not all(places):
        return None
    made = np.zeros((*array.shape[:2], *map(len, places)))
    op = draw(st.sampled_from(["MaxPool", "AveragePool"]))
    return net.add(op, [x], [made], kernel_shape=kernel, strides=strides)


def global_pool(draw: st.DrawFn, net: Reference, x: str) -> list[str] | None:
    array = net.arrays[x]
    if array.ndim not in (3, 4) or 0 in array.shape:
        return None
    made = array.mean(axis=tuple(range(2, array.ndim)), keepdims=True)
    return net.add("GlobalAveragePool", [x], [made])


def reshape(draw: st.DrawFn, net: Reference, x: str) -> list[str] | None:
    array = net.arrays[x]
    axis = draw(st.integers(0, array.ndim))
    shape = (prod(array.shape[:axis]), prod(array.shape[axis:]))
    written = draw(st.sampled_from([shape, (-1, shape[1]), (shape[0], -1)])) if array.size else shape
    return net.add("Reshape", [x, net.index(written)], [array.reshape(shape)], view=True)


def transpose(draw: st.DrawFn, net: Reference, x: str) -> list[str] | None:
    array = net.arrays[x]
    perm = draw(st.permutations(range(array.ndim)))
    return net.add("Transpose", [x], [array.transpose(perm)], perm=perm)


def concat(draw: st.DrawFn, net: Reference, x: str) -> list[str] | None:
    array = net.arrays[x]
    axis = draw(st.integers(0, array.ndim - 1))
    fits = [
        name for name, other in net.arrays.items()
        if other.ndim == array.ndim and np.delete(other.shape, axis).tolist() == np.delete(array.shape, axis).tolist()
    ]  # fmt: skip
    names = [x, *draw(st.lists(st.sampled_from(fits), min_size=1, max_size=3))]
    made = np.concatenate([net.arrays[name] for name in names], axis=axis)
    return net.add("Concat", names, [made], axis=draw(st.sampled_from([axis, axis - array.ndim])))


def split(draw: st.DrawFn, net: Reference, x: str) -> list[str] | None:
    array = net.arrays[x]
    axis = draw(st.integers(0, array.ndim - 1))
    if array.shape[axis] < 2:
        return None
    first = draw(st.integers(1, array.shape[axis] - 1))
    made = np.split(array, [first], axis=axis)
    sizes = [first, array.shape[axis] - first]
    return net.add("Split", [x, net.index(sizes)], made, axis=axis)


STEPS: tuple[Step, ...] = (
    conv, conv, conv_transpose, matmul, matmul, gemm, add, relu, clip, pool, global_pool, reshape, transpose, concat,
    split,
)  # fmt: skip


@dataclass
class Built:
    """A model, what it costs, and the flags that its dynamic inputs take."""

    data: bytes
    net: Reference
    dims: tuple[str, ...]


@st.composite
def graphs(draw: st.DrawFn) -> Built:
    """Up to a dozen nodes behind one or two inputs, any of whose dimensions may be dynamic."""
    net = Reference()
    inputs, dims = [], {}
    for name in ("x", "y")[: draw(st.integers(1, 2))]:
        shape = tuple(draw(st.integers(1, 6)) for _ in range(draw(st.integers(2, 4))))
        net.arrays[name] = np.zeros(shape)
        written = [f"{name}{axis}" if draw(st.integers(0, 4)) == 0 else size for axis, size in enumerate(shape)]
        dims |= {key: size for key, size in zip(written, shape, strict=True) if isinstance(key, str)}
        inputs.append(helper.make_tensor_value_info(name, FLOAT, written))
    for _ in range(draw(st.integers(1, 12))):
        step = draw(st.sampled_from(STEPS))
        made = step(draw, net, draw(st.sampled_from(list(net.arrays))))
        if made is None:
            continue
        event(step.__name__)
        if sum(array.size for array in net.arrays.values()) > 4 * MOST:
            break
    for _ in range(draw(st.integers(0, 2))):
        net.weight((3, 2), f"dead{len(net.weights)}")
    ends = [helper.make_tensor_value_info(list(net.arrays)[-1], FLOAT, None)]
    graph = helper.make_graph(net.nodes, "g", inputs, ends, net.stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return Built(model.SerializeToString(), net, tuple(f"{name}={size}" for name, size in dims.items()))


def read(built: Built) -> GraphCost:
    return cost(load_onnx(built.data, parse_given([], built.dims), "m"))


MANY = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@MANY
@given(graphs())
def test_totals_are_those_of_the_slow_reference(built: Built) -> None:
    found, net = read(built), built.net
    assert found.uncounted == ()
    assert found.totals.macs == net.macs
    assert found.totals.params == net.params
    assert found.totals.output_bytes == net.written
    assert found.totals.input_bytes == net.read
    assert found.totals.weight_bytes == net.params * BYTES
    assert len(found.layers) == net.rows


@MANY
@given(graphs())
def test_shapes_are_those_that_numpy_makes(built: Built) -> None:
    graph = load_onnx(built.data, parse_given([], built.dims), "m")
    made = {tensor.name: tensor.shape for layer in graph.layers for tensor in layer.outputs}
    assert made == {name: array.shape for name, array in built.net.arrays.items() if name in made}
    assert set(made) == set(built.net.arrays) - {"x", "y"}


@MANY
@given(graphs())
def test_weights_that_no_node_reads_are_warned_of_and_not_counted(built: Built) -> None:
    dead = [name for name in built.net.weights if name.startswith("dead")]
    said = [warning for warning in read(built).warnings if "read by no node" in warning]
    assert len(said) == bool(dead)
    assert all(name in said[0] for name in dead)


@MANY
@given(graphs())
def test_rows_add_up_and_the_densest_row_is_at_least_the_row(built: Built) -> None:
    found = read(built)
    assert found.totals.macs == sum(row.cost.macs for row in found.layers)
    assert found.totals.params == sum(row.cost.params for row in found.layers)
    for row in found.layers:
        assert row.cost.dense_macs == row.cost.macs * row.groups
