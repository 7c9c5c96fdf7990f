"""Layer files: how they wire layers, and what is said of those that mean nothing."""

from __future__ import annotations

import json
from contextlib import suppress
from math import prod
from typing import Any

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from groupcalc.costs.model import cost
from groupcalc.errors import GroupcalcError
from groupcalc.graph import Graph
from groupcalc.sources.given import Given
from groupcalc.sources.onnx.load import load_onnx
from groupcalc.sources.spec import MAX_LAYERS, load_lines, load_text


def load(text: str, kind: str = "toml") -> Graph:
    return load_text(text, kind=kind, name="net", place=f"net.{'txt' if kind == 'lines' else kind}")


def refusal(text: str, kind: str = "toml") -> str:
    with pytest.raises(GroupcalcError) as caught:
        load(text, kind)
    assert "\n" not in str(caught.value)
    return str(caught.value)


NET = """\
schema = 1
[defaults]
dtype = "float16"
batch = 2

[[layer]]
name = "stem"
op = "Conv2d"
in_channels = 3
out_channels = 8
kernel_size = [3, 3]
padding = 1
bias = false
input = [8, 8]

[[layer]]
op = "nn.MaxPool2d"
kernel_size = 2

[[layer]]
name = "side"
op = "MaxPool2d"
kernel_size = 2
input = "stem"

[[layer]]
op = "Add"
input = ["prev", "layer2"]

[[layer]]
op = "Concat"
input = ["layer4", "side", "side"]
repeat = 2
"""


def test_a_file_wires_layers_by_name() -> None:
    graph = load(NET)
    stem, left, side, add, concat = graph.layers
    assert [layer.name for layer in graph.layers] == ["stem", "layer2", "side", "layer4", "layer5"]
    assert add.inputs == (side.outputs[0], left.outputs[0])
    assert concat.outputs[0].shape == (2, 3 * 8, 4, 4)
    assert concat.repeat == 2
    assert stem.inputs[0] == graph.inputs[0]
    assert (graph.inputs[0].shape, graph.inputs[0].dtype) == ((2, 3, 8, 8), "float16")
    assert graph.outputs == ("layer5",)


def test_toml_json_and_lines_say_the_same() -> None:
    lines = ["stem = Conv2d(3, 8, 3, padding=1) @ 8x8", "MaxPool2d(kernel_size=2)", "Flatten()", "Linear(128, 10) *2"]
    convolution = {"in_channels": 3, "out_channels": 8, "kernel_size": 3, "padding": 1}
    document: dict[str, Any] = {
        "schema": 1,
        "layer": [
            {"name": "stem", "op": "Conv2d", "input": [8, 8]} | convolution,
            {"op": "MaxPool2d", "kernel_size": 2, "input": "prev"},
            {"op": "Flatten"},
            {"op": "Linear", "in_features": 128, "out_features": 10, "repeat": 2},
        ],
    }

    def table(layer: dict[str, Any]) -> str:
        return "[[layer]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in layer.items())

    graphs = [
        load_lines(lines, name="net"),
        load("# a net\n\n" + "\r\n".join(lines), "lines"),
        load("schema = 1\n" + "".join(map(table, document["layer"]))),
        load(f"schema = 1\nlayers = {json.dumps(lines)}"),
        load(json.dumps(document), "json"),
        load("\ufeff" + json.dumps({"schema": 1, "layers": lines}), "json"),
    ]
    assert all(graph == graphs[0] for graph in graphs)
    # 8 filters of 3·3·3 at 8·8, then 128·10 twice
    assert cost(graphs[0]).totals.macs == 8 * 27 * 64 + 2 * 128 * 10


WRITE = "(write either [[layer]] tables or a list layers = ['Conv2d(…) @ 56x56', …])"
BEYOND = "a number is beyond 2^63 (use a smaller one)"

TOML_REFUSED = [
    ("", ": there is no schema (put schema = 1 at the top)"),
    ("schema = 2", ": schema=2 is not known (put schema = 1 at the top)"),
    ("schema = true", ": schema=True is not known (put schema = 1 at the top)"),
    ("schema = 1", f": it has no layers {WRITE}"),
    ("schema = 1\nlayers = []\n[[layer]]", f": it has both layer and layers {WRITE}"),
    ("schema = 1\nlayers = []", ": the file has 0 layers (write 1 to 100,000)"),
    ("schema = 1\nlayers = 'ReLU()'", ": layers is no list (write [[layer]] tables or layers = […])"),
    ("schema = 1\nlayer = 1", ": layer is no list (write [[layer]] tables or layers = […])"),
    ("schema = 1\nlayesr = []", ": the file has no key 'layesr' (did you mean 'layer'?)"),
    ("schema = 1\nlayers = []\ndefaults = 1", ": defaults is no table (write [defaults])"),
    ("schema = 1\nlayers = []\ndefaults.btch = 1", ": [defaults] has no key 'btch' (did you mean 'batch'?)"),
    ("schema = 1\nlayers = []\ndefaults.batch = 0", ": batch=0 is not a positive whole number (use 1 or more)"),
    ("schema = 1\nlayers = []\ndefaults.dtype = 'float15'", ": dtype='float15' is not known (did you mean 'float16'?)"),
    ("schema = 1\nschema = 1", ":2: Cannot overwrite a value"),
    ("schema = 1\n\nx = [", ":3: Invalid value"),
    (f"schema = 1\nx = {'9' * 5000}", f": {BEYOND}"),
    (f"schema = 1\nx = {'[' * 5000}", ": it is nested too deeply"),
    (
        "schema = 1\nlayers = [\n  'ReLU() @ 4',\n  1,\n]",
        ": layer 2: 1 is no text (write layers = ['Conv2d(…) @ 56x56', …])",
    ),
    (
        "schema = 1\nlayers = [\n  'ReLU() @ 4',\n  'RLU()',\n]",
        ":4: unknown layer 'RLU' (did you mean 'ReLU'?)",
    ),
    ("schema = 1\n[[layer]]\n[[layer]]", ':2: layer 1: there is no op (write op = "Conv2d")'),
    (
        "schema = 1\n[[layer]]\nop = 'ReLU'\ninput = [4]\n[[layer]]\nname = 'b'\nop = 'Rlu'",
        ":5: layer 'b': unknown layer 'Rlu' (did you mean 'ReLU'?)",
    ),
    (
        "schema = 1\n[[layer]]\nname = 'conv3'\nop = 'Conv2d'\nin_channels = 64\nout_channels = 64\nkernel_size = 3\n"
        "groups = 3\ninput = [5, 5]",
        ":2: layer 'conv3': groups=3 does not divide in_channels=64 (use 1, 2, 4, 8, …)",
    ),
]


@pytest.mark.parametrize(("text", "message"), TOML_REFUSED, ids=[text[:60] for text, _ in TOML_REFUSED])
def test_a_file_that_means_nothing_is_refused_at_its_place(text: str, message: str) -> None:
    assert refusal(text) == f"net.toml{message}"


INPUT = '(write input = [56, 56], the name of a layer, or ["a", "b"])'
RELU = "{op = 'ReLU', name = 'stem', input = [4]}"

TABLES_REFUSED = [
    ("{op = 'ReLU', inpt = [4]}", "layer 1: ReLU has no argument 'inpt' (did you mean 'input'?)"),
    ("{op = 'ReLU', input = 4}", f"layer 1: input=4 is no input {INPUT}"),
    ("{op = 'ReLU', input = []}", f"layer 1: input=[] is no input {INPUT}"),
    ("{op = 'ReLU', input = [true]}", f"layer 1: input=[True] is no input {INPUT}"),
    ("{op = 'ReLU', input = [0]}", "layer 1: input=0 is not a positive whole number (use 1 or more)"),
    ("{op = 'ReLU', input = 'a'}", "layer 1: there is no layer 'a' (there is none)"),
    (
        "{op = 'ReLU', input = [4], repeat = 1.0}",
        "layer 1: repeat=1.0 is not a positive whole number (use 1 to 1000000)",
    ),
    ("{op = 'ReLU', input = [4], name = ''}", "layer 1: name='' is no name (give a text)"),
    (
        "{op = 'ReLU', input = 'stem'}, " + RELU,
        "layer 1: its input 'stem' stands further down (put layers in the order they run)",
    ),
    (RELU + ", {op = 'ReLU', input = 'stm'}", "layer 2: there is no layer 'stm' (did you mean 'stem'?)"),
    (RELU + ", " + RELU, "layer 'stem': the name 'stem' is given to two layers (give each its own)"),
    (
        RELU + ", {op = 'Add'}",
        'layer 2: Add takes two inputs, not 1 (in a file, input = "a" for one layer, input = ["a", "b"] for two)',
    ),
    (
        RELU + ", {op = 'MaxPool2d', kernel_size = 2}",
        "layer 2: MaxPool2d takes N×C×H×W, but its input is 4",
    ),
    (
        RELU + ", {op = 'ReLU'}, {op = 'Linear', in_features = 4, out_features = 4, dtype = 'float16'}",
        "layer 3: dtype=float16 but its input is float32 (set dtype under [defaults])",
    ),
    (
        f"{{op = 'ReLU', input = [0x{'f' * 5000}]}}",
        "layer 1: input=what it is given is not a positive whole number (use 1 or more)",
    ),
]


@pytest.mark.parametrize(("tables", "message"), TABLES_REFUSED, ids=[message for _, message in TABLES_REFUSED])
def test_a_table_that_means_nothing_is_refused_by_its_name(tables: str, message: str) -> None:
    assert refusal(f"schema = 1\nlayer = [{tables}]") == f"net.toml: {message}"


JSON_REFUSED = [
    ('{"schema_version": 1, "models": []}', ": is a saved result, and no layers (name what it was made from)"),
    ("[]", ': this is no table (write {"schema": 1, "layer": […]})'),
    ('{"schema": 1,\n "schema": 1}', ": key 'schema' is given twice (give it once)"),
    ('{"schema": 1, "defaults": {"batch": 1, "batch": 2}}', ": key 'batch' is given twice (give it once)"),
    ('{"schema": 1,\n "layers": ["ReLU() @ 4",]}', ":2: "),
    (
        '{"schema": 1,\n "layers": ["ReLU() @ 4",\n "RLU()"]}',
        ":3: unknown layer 'RLU' (did you mean 'ReLU'?)",
    ),
    (
        '{"schema": 1, "layer": [\n{"op": "ReLU", "input": [4]},\n{"op": "RLU"}]}',
        ":3: layer 2: unknown layer 'RLU' (did you mean 'ReLU'?)",
    ),
    ('{"schema": 1, "layer": [{"op": "ELU", "alpha": NaN}]}', ":1: layer 1: alpha=nan is not a number"),
    ('{"schema": 1, "layer": [{"op": "ELU", "alpha": null}]}', ":1: layer 1: alpha=None is not a number"),
    ('{"schema": 1, "layer": [{"op": "\\u001b[31m\\ud800"}]}', ":1: layer 1: unknown layer '\\x1b[31m\\ud800' (there"),
    (f'{{"schema": {"9" * 5000}}}', f": {BEYOND}"),
    ("[" * 100_000, ": it is nested too deeply"),
]


@pytest.mark.parametrize(("text", "message"), JSON_REFUSED, ids=[text[:60] for text, _ in JSON_REFUSED])
def test_json_is_refused_like_toml(text: str, message: str) -> None:
    assert refusal(text, "json").startswith(f"net.json{message}")


def test_a_line_of_a_file_is_named_by_its_number() -> None:
    # 8 channels of (8 - 2)·(8 - 2)
    message = refusal("# a net\n\nConv2d(3, 8, 3) @ 8x8\nLinear(288, 10)\n", "lines")
    assert message == "net.txt:4: in_features=288 does not fit its input 1×8×6×6 (put Flatten() before it)"
    assert refusal("# none\n", "lines") == "net.txt: the file has 0 layers (write 1 to 100,000)"


def test_files_are_bounded() -> None:
    assert (
        refusal("ReLU()\n" * (MAX_LAYERS + 1), "lines") == "net.txt: the file has 100,001 layers (write 1 to 100,000)"
    )
    message = refusal(" " * (2**23 + 1))
    assert message == "net.toml: the file has 8,388,609 characters (a layer file has at most 8,388,608)"


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just("ReLU() @ 4")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(("op", "name", "input", "repeat", "kernel_size", "dtype")), inner, max_size=3),
    ),
    max_leaves=8,
)
DOCUMENTS = st.fixed_dictionaries(
    {"schema": st.just(1)}, optional={"layer": VALUES, "layers": VALUES, "defaults": VALUES}
)


@settings(deadline=None, max_examples=200)
@given(DOCUMENTS, st.text(max_size=60))
def test_no_document_does_more_harm_than_an_error(document: dict[str, Any], text: str) -> None:
    for content, kind in ((json.dumps(document), "json"), (text, "json"), (text, "toml"), (text, "lines")):
        with suppress(GroupcalcError):
            load(content, kind)


def onnx_row(op: str, x: tuple[int, ...], weights: dict[str, tuple[int, ...]], **attributes: Any) -> tuple[Any, ...]:
    """The row of one ONNX node."""
    y = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    stored = [
        helper.make_tensor(name, onnx.TensorProto.FLOAT, shape, [0.0] * prod(shape)) for name, shape in weights.items()
    ]
    node = helper.make_node(op, ["x", *weights], ["y"], **attributes)
    start = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, x)
    model = helper.make_model(helper.make_graph([node], "net", [start], [y], stored))
    return row(load_onnx(model.SerializeToString(), Given(), "net"))


def row(graph: Graph) -> tuple[Any, ...]:
    """All of the only row but its name."""
    (found,) = cost(graph).layers
    return found.op, found.groups, found.inputs, found.outputs, found.cost, found.repeat


BN = {"scale": (8,), "bias": (8,), "mean": (8,), "var": (8,)}

SAME = [
    (
        "Conv2d(8, 16, 3, stride=2, padding=(1, 2), dilation=2, groups=4) @ 2x8x9x11",
        ("Conv", (2, 8, 9, 11), {"w": (16, 2, 3, 3), "b": (16,)}),
        {"strides": [2, 2], "pads": [1, 2, 1, 2], "dilations": [2, 2], "group": 4},
    ),
    (
        "Conv1d(8, 8, 4, padding='same', groups=8, bias=False) @ 9",
        ("Conv", (1, 8, 9), {"w": (8, 1, 4)}),
        {"auto_pad": "SAME_UPPER", "group": 8},
    ),
    (
        "ConvTranspose2d(8, 6, 3, stride=2, padding=1, output_padding=1, groups=2) @ 5x5",
        ("ConvTranspose", (1, 8, 5, 5), {"w": (8, 3, 3, 3), "b": (6,)}),
        {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1], "group": 2},
    ),
    ("Linear(8, 5) @ 3x8", ("Gemm", (3, 8), {"w": (5, 8), "b": (5,)}), {"transB": 1}),
    ("Linear(8, 5, bias=False) @ 2x3x8", ("MatMul", (2, 3, 8), {"w": (8, 5)}), {}),
    ("BatchNorm2d(8) @ 5x5", ("BatchNormalization", (1, 8, 5, 5), BN), {}),
    (
        "MaxPool2d(3, 2, 1, ceil_mode=True) @ 8x8x8",
        ("MaxPool", (1, 8, 8, 8), {}),
        {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "ceil_mode": 1},
    ),
    ("AdaptiveAvgPool2d(1) @ 8x7x7", ("GlobalAveragePool", (1, 8, 7, 7), {}), {}),
    ("PReLU(8) @ 1x8x5x5", ("PRelu", (1, 8, 5, 5), {"slope": (8, 1, 1)}), {}),
]


@pytest.mark.parametrize(("line", "node", "attributes"), SAME, ids=[line for line, _, _ in SAME])
def test_a_line_and_the_same_layer_as_onnx_give_the_same_row(
    line: str, node: tuple[str, tuple[int, ...], dict[str, tuple[int, ...]]], attributes: dict[str, Any]
) -> None:
    assert row(load_lines([line])) == onnx_row(*node, **attributes)
