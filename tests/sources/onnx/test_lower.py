"""Each node becomes a layer, a constant, or an entry that says why it is neither."""

import os
from itertools import pairwise
from math import prod

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from groupcalc.errors import GeometryError, GroupcalcError, InputError
from groupcalc.sources.given import Given
from groupcalc.sources.onnx.load import load_onnx
from groupcalc.sources.onnx.scope import INNER

X = "(float[1,4,8,8] x) => (y)"


def ops(graph):
    return [layer.op for layer in graph.layers]


def reasons(graph):
    return {each.name: each.reason for each in graph.unresolved}


def shapes(graph):
    """Output shape of each layer by name."""
    return {layer.name: layer.outputs[0].shape for layer in graph.layers}


def held(graph, op="Conv", slot=1):
    """What stands behind an operand of the only layer of that operator: name and shape of each stored tensor."""
    (layer,) = (layer for layer in graph.layers if layer.op == op)
    return {tensor.name: tensor.shape for tensor in layer.inputs[slot].stored}


# --- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "op", "shown"),
    [
        ("/layer1/layer1.0/conv1/Conv", "Conv", "layer1/layer1.0/conv1"),  # torch.onnx, TorchScript
        ("node_conv2d", "Conv", "node_conv2d"),  # torch.onnx, dynamo
        ("/layer1/Conv_1", "Conv", "layer1/Conv_1"),
        ("/Conv", "Conv", "Conv"),
        ("StatefulPartitionedCall/model/Conv2D", "Conv", "StatefulPartitionedCall/model/Conv2D"),  # tf2onnx
        ("", "Conv", "y"),
    ],
)
def test_a_node_is_called_what_its_exporter_means(name, op, shown, build, read):
    model = build(f"{X} {{ y = {op}(x, w) }}", w=(8, 4, 3, 3))
    model.graph.node[0].name = name
    assert list(shapes(read(model))) == [shown]


def test_a_node_without_a_name_is_called_by_the_first_output_that_has_one(read):
    # Y of a recurrent cell may be left out
    graph = read("(float[7,2,4] x) => (h) { , h = GRU<hidden_size=5>(x, w, r) }", w=(1, 15, 4), r=(1, 15, 5))
    assert [layer.name for layer in graph.layers] == ["h"]


def test_nodes_with_equal_names_are_all_kept(build, read):
    model = build(f"{X} {{ a = Relu(x) b = Relu(a) y = Relu(b) }}")
    for node in model.graph.node:
        node.name = "relu"
    assert [layer.name for layer in read(model).layers] == ["relu"] * 3


def replaced(model, *names):
    """The serialised model with each name replaced by as many bytes that are no UTF-8."""
    data = model.SerializeToString()
    for name in names:
        assert name.encode() in data
        data = data.replace(name.encode(), b"\xff" * len(name))
    return data


@pytest.mark.parametrize(
    "name", ["the_input", "the_relu", "the_between", "the_weight", "the_conv", "the_batch", "the_domain", "the_output"]
)
def test_names_that_are_not_utf_8_are_names_like_others(name, build, read):
    model = build(
        """(float[the_batch,4,8,8] the_input) => (float[the_batch,8,6,6] the_output) {
        [the_relu] the_between = Relu(the_input)  [the_conv] the_output = Conv(the_between, the_weight) }""",
        the_weight=(8, 4, 3, 3),
    )
    model.opset_import.append(helper.make_opsetid("the_domain", 1))
    dim = "\\xff" * len(name) if name == "the_batch" else "the_batch"
    graph = read(replaced(model, name), dims=[f"{dim}=2"])
    assert graph.unresolved == ()
    assert [layer.outputs[0].shape for layer in graph.layers] == [(2, 4, 8, 8), (2, 8, 6, 6)]
    assert all(layer.name.isprintable() for layer in graph.layers)


@pytest.mark.parametrize(("text", "name"), [
    ("the_op = Foo(x)  y = Relu(x)", "Foo"),
    ("z = acme.Foo<the_attribute=1>(x)  y = Relu(x)", "the_attribute"),
    ("z = acme.Foo(x)  y = Relu(x)", "acme"),
    ("z = Softmax<axis=1>(x)  y = Relu(x)", "axis"),
])  # fmt: skip
def test_operators_domains_and_attributes_that_are_not_utf_8_are_not_counted(text, name, build, read):
    graph = read(replaced(build(f"{X} {{ {text} }}"), name))
    assert (len(graph.unresolved), ops(graph)) == (1, ["Relu"])


def test_shape_arithmetic_over_names_that_are_not_utf_8_is_computed(build, read):
    model = build(
        f"""{X} {{ the_shape = Shape<end=2>(x)  m = Constant<value_ints=[-1]>()
        the_to = Concat<axis=0>(the_shape, m)  y = Reshape(x, the_to) }}"""
    )
    assert shapes(read(replaced(model, "the_shape", "the_to"))) == {"y": (1, 4, 64)}


def test_names_with_control_characters_stay_whole(build, read):
    model = build(f"{X} {{ y = Relu(x) }}")
    model.graph.node[0].name = "a\x1b[31m\nb"
    assert [layer.name for layer in read(model).layers] == ["a\x1b[31m\nb"]
    model.graph.node[0].input[0] = "no\x1b[31m\nsuch"
    with pytest.raises(InputError) as caught:
        read(model)
    assert str(caught.value).isprintable()


def test_very_long_names_are_kept(build, read):
    model = build(f"{X} {{ y = Relu(x) }}")
    model.graph.node[0].name = "n" * 100_000
    assert [len(layer.name) for layer in read(model).layers] == [100_000]


# --- where weights are held -----------------------------------------------------------------------------------------

W = np.arange(8 * 4 * 3 * 3, dtype=np.float32).reshape(8, 4, 3, 3)
HOLDERS = {
    "Identity": ("w = Identity(stored)", W),
    "Cast": ("w = Cast<to=1>(stored)", W.astype(np.float16)),
    "CastLike": ("w = CastLike(stored, x)", W.astype(np.float16)),
    "Transpose": ("w = Transpose<perm=[3, 2, 0, 1]>(stored)", W.transpose(2, 3, 1, 0)),
    "Reshape": ("to = Constant<value_ints=[8, 4, 3, 3]>()  w = Reshape(stored, to)", W.reshape(8, 36)),
    "Squeeze": ("w = Squeeze(stored)", W[None]),
    "Unsqueeze": ("ax = Constant<value_ints=[0]>()  w = Unsqueeze(stored, ax)", W[0]),
    "Slice": (
        "a = Constant<value_ints=[0]>()  b = Constant<value_ints=[8]>()  w = Slice(stored, a, b)",
        np.concatenate([W, W[:1]]),
    ),
    "Split": ("w, rest = Split<axis=0>(stored)", np.concatenate([W, W])),
    "Expand": ("to = Constant<value_ints=[8, 4, 3, 3]>()  w = Expand(stored, to)", W[:, :1]),
    "a chain": ("a = Identity(stored)  b = Cast<to=10>(a)  c = Cast<to=1>(b)  w = Identity(c)", W),
}


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("absent", [False, True], ids=["in the file", "without its payload"])
def test_a_weight_is_the_stored_tensor_behind_what_gives_it_another_form(holder, absent, build, read):
    nodes, array = HOLDERS[holder]
    model = build(f"{X} {{ {nodes}  y = Conv(x, w) }}", stored=array)
    if absent:
        model.graph.initializer[0].ClearField("raw_data")
    graph = read(model)
    assert ops(graph) == ["Conv"]
    assert held(graph) == {"stored": array.shape}
    assert graph.warnings == ()


def test_a_weight_joined_from_two_holds_both(read):
    graph = read(f"{X} {{ w = Concat<axis=0>(a, b)  y = Conv(x, w) }}", a=(6, 4, 3, 3), b=(2, 4, 3, 3))
    assert held(graph) == {"a": (6, 4, 3, 3), "b": (2, 4, 3, 3)}
    assert graph.layers[0].inputs[1].shape == (8, 4, 3, 3)


def test_a_quantised_weight_is_held_as_it_is_stored(read):
    graph = read(
        f"{X} {{ w = DequantizeLinear<axis=0>(q, scale, zero)  y = Conv(x, w) }}",
        q=W.astype(np.int8),
        scale=np.ones(8, np.float32),
        zero=np.zeros(8, np.int8),
    )
    (weight,) = graph.layers[0].inputs[1].stored
    assert (weight.name, weight.dtype, weight.size) == ("q", "int8", 8 * 4 * 3 * 3)


def test_a_weight_in_a_sparse_initializer_holds_the_elements_that_are_stored(build, read):
    values = helper.make_tensor("w", TensorProto.FLOAT, [5], range(5))
    indices = helper.make_tensor("", TensorProto.INT64, [5], range(5))
    model = build(f"{X} {{ y = Conv(x, w) }}")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [8, 4, 3, 3]))
    graph = read(model)
    assert graph.layers[0].inputs[1].shape == (8, 4, 3, 3)
    assert [tensor.shape for tensor in graph.layers[0].inputs[1].stored] == [(5,)]


CONSTANTS = {
    "value": helper.make_tensor("", TensorProto.FLOAT, [3], [1, 2, 3]),
    "value_floats": [1.0, 2.0, 3.0],
    "value_ints": [1, 2, 3],
    "value_strings": ["a", "b", "c"],
    "sparse_value": helper.make_sparse_tensor(
        helper.make_tensor("", TensorProto.FLOAT, [2], [1, 2]),
        helper.make_tensor("", TensorProto.INT64, [2], [0, 2]),
        [3],
    ),
}  # fmt: skip


@pytest.mark.parametrize("attribute", CONSTANTS)
def test_a_constant_node_is_a_stored_tensor_whatever_attribute_holds_it(attribute, build, read):
    model = build(f"{X} {{ y = acme.Use(x, c) }}")
    node = helper.make_node("Constant", [], ["c"], **{attribute: CONSTANTS[attribute]})
    model.graph.node.insert(0, node)
    model.graph.value_info.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1]))
    (layer,) = read(model).layers
    constant = layer.inputs[1]
    assert (constant.shape, constant.constant, constant.literal) == ((3,), True, False)
    assert constant.dtype == {"value_ints": "int64", "value_strings": "string"}.get(attribute, "float32")


@pytest.mark.parametrize("attribute", ["value_float=0.5", "value_int=2", 'value_string="a"', "value = float {0.5}"])
def test_a_scalar_constant_node_is_a_number_of_the_formula(attribute, read):
    graph = read(f"{X} <float[1] y> {{ c = Constant<{attribute}>()  y = acme.Use(x, c) }}")
    assert graph.layers[0].inputs[1].literal


def test_a_constant_node_without_a_value_is_refused(read):
    with pytest.raises(InputError, match=r"node 'c' \(Constant\): holds no value"):
        read(f"{X} {{ c = Constant()  y = Add(x, c) }}")


def test_a_constant_node_without_an_output_is_not_counted(build, read):
    model = build(f"{X} {{ y = Relu(x) }}")
    model.graph.node.append(helper.make_node("Constant", [], [], value_int=1))
    assert list(reasons(read(model))) == ["Constant"]


def test_a_constant_of_shape_is_stored_if_its_shape_is(read):
    graph = read(f"{X} {{ w = ConstantOfShape(s)  y = Conv(x, w) }}", s=np.array([8, 4, 3, 3]))
    assert held(graph) == {"w": (8, 4, 3, 3)}


def test_tied_weights_are_one_stored_tensor_directly_and_through_a_transpose(read):
    graph = read(
        "(int64[2,5] ids) => (y) { e = Gather(w, ids)  t = Transpose(w)  y = MatMul(e, t) }",
        w=np.ones((9, 6), np.float32),
    )
    gather, matmul = graph.layers
    assert gather.inputs[0].stored == matmul.inputs[1].stored
    assert matmul.inputs[1].shape == (6, 9)


def test_arithmetic_on_weights_is_work(read):
    # as weight normalisation is exported: the scale follows from the weight at run time
    graph = read(f"{X} {{ n = Mul(w, g)  y = Conv(x, n) }}", w=(8, 4, 3, 3), g=(8, 1, 1, 1))
    assert ops(graph) == ["Mul", "Conv"]
    assert graph.layers[1].inputs[1].stored == ()


def test_arithmetic_on_literals_is_none(read):
    graph = read(f"{X} {{ c = Constant<value_float=64.0>()  r = Sqrt(c)  y = Div(x, r) }}")
    assert ops(graph) == ["Div"]
    assert graph.layers[0].inputs[1].literal


def test_initializers_that_are_inputs_too_are_weights(build, read):
    model = build(f"{X} {{ y = Conv(x, w) }}", w=(8, 4, 3, 3))
    model.ir_version = 3
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, ["out", 4, 3, 3]))
    graph = read(model)
    assert [tensor.name for tensor in graph.inputs] == ["x"]
    assert held(graph) == {"w": (8, 4, 3, 3)}


# --- payloads -------------------------------------------------------------------------------------------------------


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """A folder in which opening `weights.bin` waits for ever."""
    os.mkfifo(tmp_path / "weights.bin")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def external(tensor, location):
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)


@pytest.mark.parametrize("location", ["weights.bin", "/etc/passwd", "../../../etc/passwd", "no-such-file", ""])
@pytest.mark.parametrize("left", [False, True], ids=["", "its payload left in the file"])
def test_external_data_are_never_opened(location, left, trap, build, read):
    model = build(
        f"""{X} {{
        c = Constant<value = int64[2] {{1, 256}}>()  a = Reshape(x, c)  b = Reshape(x, stored)
        hw = Shape<start=2>(x)  f = ConstantOfShape<value = int64[1] {{3}}>(hw)  g = Mul(f, f)
        d = If(on) <then_branch = t () => (u) {{ u = Relu(x) }}, else_branch = e () => (v) {{ v = Neg(x) }}>
        y = Conv(x, w) }}""",
        stored=np.array([1, 256]),
        on=np.array(True),
        w=(8, 4, 3, 3),
    )
    for tensor in (*model.graph.initializer, *(a.t for n in model.graph.node for a in n.attribute if a.HasField("t"))):
        external(tensor, location)
        if not left:
            for field in ("raw_data", "int64_data", "int32_data"):
                tensor.ClearField(field)
    graph = read(model)
    assert held(graph) == {"w": (8, 4, 3, 3)}
    assert set(reasons(graph)) == {"a", "b"}
    assert "whose values are not in the file" in reasons(graph)["b"]


@pytest.mark.parametrize("size", [7, 9, 3 * 4096])
def test_a_payload_that_is_not_as_long_as_its_dims_say_is_warned_about_by_name(size, build, read):
    model = build(f"{X} {{ y = Add(x, bias) }}", bias=(8,))
    model.graph.initializer[0].raw_data = bytes(4 * size)
    (warning,) = read(model).warnings
    assert warning == f"tensor 'bias': holds {4 * size} bytes, float32[8] takes 32"


def test_a_small_index_with_a_wrong_payload_is_not_believed(build, read):
    model = build(f"{X} {{ y = Reshape(x, to) }}", to=np.array([1, -1]))
    model.graph.initializer[0].raw_data = np.array([1]).tobytes()
    graph = read(model)
    assert len(graph.warnings) == 1
    assert reasons(graph) == {"y": "the shape of 'y' follows from 'to', whose values are not in the file"}


def test_stored_tensors_that_no_node_reads_are_warned_about(read):
    graph = read(f"{X} {{ y = Relu(x) }}", a=(2,), b=(3,), c=(4,), d=(5,))
    assert graph.warnings == ("4 stored tensors are read by no node, and not counted: a, b, c, …",)


@pytest.mark.parametrize(
    ("dims", "kind", "fact"),
    [
        ((8, -4, 3, 3), 1, "tensor 'w' has a negative dimension: 8×-4×3×3"),
        ((2**32, 2**31), 1, "tensor 'w' has 2^63 elements or more"),
        ((1,) * 65, 1, "tensor 'w' has 65 dimensions; 64 are the most"),
        ((8, 4, 3, 3), 0, "element type 0 is not one of ONNX's"),
        ((8, 4, 3, 3), 99, "element type 99 is not one of ONNX's"),
        ((8, 4, 3, 3), -1, "element type -1 is not one of ONNX's"),
    ],
)
def test_a_stored_tensor_that_cannot_be_is_refused_where_it_is_read(dims, kind, fact, build, read):
    model = build(f"{X} {{ y = Conv(x, w) }}", w=dims)
    model.graph.initializer[0].data_type = kind
    with pytest.raises(GroupcalcError, match=r"^node 'y' \(Conv\): ") as caught:
        read(model)
    assert fact in str(caught.value)


# --- control flow ---------------------------------------------------------------------------------------------------

IF = "y = If({}) <then_branch = t () => (u) {{ u = Relu(x) }}, else_branch = e () => (v) {{ n = Neg(x)  v = Relu(n) }}>"


@pytest.mark.parametrize(("condition", "expected"), [(True, ["y/u"]), (False, ["y/n", "y/v"])])
def test_an_if_whose_condition_is_known_is_the_branch_that_is_taken(condition, expected, read):
    graph = read(f"{X} {{ {IF.format('on')}  z = Abs(y) }}", on=np.array(condition))
    assert [layer.name for layer in graph.layers] == [*expected, "z"]
    assert graph.unresolved == ()


def test_branches_within_branches_see_the_names_around_them(read):
    graph = read(
        f"""{X} {{ a = Relu(x)
        y = If(on) <then_branch = t () => (u) {{
              b = Neg(a)
              u = If(off) <then_branch = tt () => (p) {{ p = Abs(b) }},
                           else_branch = ee () => (q) {{ q = Add(a, b) }}> }},
            else_branch = e () => (v) {{ v = Neg(x) }}> }}""",
        on=np.array(True),
        off=np.array(False),
    )
    assert [layer.name for layer in graph.layers] == ["a", "y/b", "y/u/q"]
    add = graph.layers[-1]
    assert [tensor.name for tensor in add.inputs] == ["a", f"y/{INNER}b"]
    assert graph.outputs == (add.outputs[0].name,)


def test_a_branch_may_hand_on_a_name_from_around_it(read):
    graph = read(
        f"""{X} {{ a = Relu(x)  y = If(on) <then_branch = t () => (a) {{ }}, else_branch = e () => (v) {{ v = Neg(x) }}>
        z = Neg(y) }}""",
        on=np.array(True),
    )
    assert [tensor.name for tensor in graph.layers[-1].inputs] == ["a"]


def test_names_of_a_branch_are_not_those_around_it(read):
    graph = read(
        f"""{X} {{ y = If(on) <then_branch = t () => (u) {{ x = Constant<value_floats=[7.0]>()  u = Relu(x) }},
        else_branch = e () => (v) {{ v = Neg(x) }}>  z = Relu(x) }}""",
        on=np.array(True),
    )
    assert shapes(graph) == {"y/u": (1,), "z": (1, 4, 8, 8)}


def test_weights_of_a_branch_are_counted_where_it_is_taken(read):
    graph = read(
        f"""{X} {{ y = If(on) <then_branch = t () => (u) <float[4,1,1] k = {{1, 2, 3, 4}}> {{ u = Mul(x, k) }},
        else_branch = e () => (v) {{ v = Neg(x) }}> }}""",
        on=np.array(True),
    )
    assert held(graph, "Mul") == {f"0.then_branch/{INNER}k": (4, 1, 1)}


def test_a_branch_that_is_missing_is_refused(build, read):
    model = build(f"{X} {{ {IF.format('on')} }}", on=np.array(True))
    del model.graph.node[0].attribute[:]
    with pytest.raises(InputError, match=r"node 'y' \(If\): has no then_branch"):
        read(model)


# --- what cannot be known -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "nodes",
    [
        "n = NonZero(x)",
        "n = NonMaxSuppression(boxes, scores)",
        "n = Unique(x)",
        "n = Compress(x, on)",
        "s = ReduceSum<keepdims=0>(x)  k = Cast<to=7>(s)  a = Constant<value_int=0>()  n = Range(a, k, k)",
    ],
    ids=["NonZero", "NonMaxSuppression", "Unique", "Compress", "Range"],
)
def test_a_shape_that_depends_on_data_takes_with_it_what_follows_and_nothing_else(nodes, read):
    graph = read(
        f"""(float[6] x, float[1,6,4] boxes, float[1,1,6] scores, bool[6] on) => (y) {{
        {nodes}  follows = Cast<to=1>(n)  known = ReduceSum<keepdims=0>(follows)  y = Add(x, known) }}"""
    )
    unresolved = reasons(graph)
    assert list(unresolved) == ["n", "follows", "known"]
    assert unresolved["n"] == "the shape of 'n' depends on data"
    assert unresolved["follows"] == "no shape for 'n': it depends on data"
    assert shapes(graph)["y"] == (6,)  # the sum over all is a scalar, whatever it sums


def test_a_custom_operator_without_a_shape_is_not_counted_nor_is_what_follows(read):
    graph = read(f"{X} {{ a = acme.Foo(x)  b = Relu(a)  y = Relu(x) }}")
    assert reasons(graph) == {"a": "no rule, and no shape for 'a'", "b": "no shape for 'a': its own node is uncounted"}
    assert graph.unresolved[0].op == "acme::Foo"
    assert ops(graph) == ["Relu"]


def test_the_file_may_say_the_shape_of_what_a_custom_operator_makes(read):
    graph = read(f"{X} <float[3,5] a> {{ a = acme.Foo(x)  y = Relu(a) }}")
    assert shapes(graph) == {"a": (3, 5), "y": (3, 5)}
    assert ops(graph) == ["acme::Foo", "Relu"]


@pytest.mark.parametrize(("kind", "dims"), [(1, [-1, 5]), (1, ["N", 5]), (0, [3, 5]), (99, [3, 5]), (1, None)])
def test_a_shape_that_the_file_says_by_halves_is_not_known(kind, dims, build, read):
    model = build(f"{X} {{ a = acme.Foo(x)  y = Relu(a) }}")
    model.graph.value_info.append(helper.make_tensor_value_info("a", kind, dims))
    assert list(reasons(read(model))) == ["a", "y"]


def test_what_inference_knows_goes_before_what_the_file_says(read):
    assert shapes(read(f"{X} <float[3,5] a> {{ a = Relu(x)  y = Relu(a) }}")) == dict.fromkeys("ay", (1, 4, 8, 8))


def test_the_file_may_say_the_size_of_what_depends_on_data(read):
    graph = read("(float[6] x) => (y) <int64[1,5] n> { n = NonZero(x)  y = Cast<to=1>(n) }")
    assert shapes(graph) == {"n": (1, 5), "y": (1, 5)}


def test_inputs_that_are_no_tensors_are_named_where_they_are_read(build, read):
    model = build(f"{X} {{ a = SequenceAt(s, i)  b = OptionalGetElement(o)  c = acme.Get(m)  y = Relu(x) }}", opset=18)
    make = helper.make_tensor_type_proto
    model.graph.input.extend(
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_value_info("s", helper.make_sequence_type_proto(make(1, [2, 3]))),
            helper.make_value_info("o", helper.make_optional_type_proto(make(1, [2, 3]))),
            helper.make_value_info("m", helper.make_map_type_proto(TensorProto.INT64, make(1, [2, 3]))),
        ]
    )
    graph = read(model)
    assert reasons(graph) == {
        "a": "no shape for 's': it is no tensor",
        "b": "no shape for 'o': it is no tensor",
        "c": "no shape for 'm': it is no tensor",
    }
    assert [tensor.name for tensor in graph.inputs] == ["x", "i"]
    assert ops(graph) == ["Relu"]


# --- graphs that are odd or broken ----------------------------------------------------------------------------------


def test_a_name_that_nothing_makes_is_refused(read):
    with pytest.raises(InputError, match=r"^node 'y' \(Relu\): reads 'nowhere', which nothing makes \(export"):
        read(f"{X} {{ y = Relu(nowhere) }}")


@pytest.mark.parametrize("nodes", ["y = Relu(a)  a = Relu(x)", "a = Relu(b)  b = Relu(a)  y = Relu(x)", "y = Relu(y)"])
def test_nodes_out_of_order_or_in_a_circle_are_refused(nodes, read):
    with pytest.raises(InputError, match="which a later node makes, or the node itself"):
        read(f"{X} {{ {nodes} }}")


@pytest.mark.parametrize("name", ["a", "x", "w"])
def test_a_name_made_twice_is_refused(name, read):
    with pytest.raises(InputError, match=f"makes '{name}', which is there already"):
        read(f"{X} {{ a = Relu(x)  {name} = Flatten(x)  y = Neg(a) }}", w=(1,))


def test_two_stored_tensors_of_one_name_are_refused(build, read):
    model = build(f"{X} {{ y = Mul(x, w) }}", w=(1,))
    model.graph.initializer.append(model.graph.initializer[0])
    with pytest.raises(InputError, match="two stored tensors are named 'w'"):
        read(model)


def test_a_graph_without_nodes_has_no_layers(read):
    graph = read("(float[1,4] x) => (x) { }")
    assert (graph.layers, graph.outputs, graph.unresolved) == ((), ("x",), ())


def test_a_weight_may_be_an_output(read):
    graph = read(f"{X} {{ y = Mul(x, w) }}".replace("(y)", "(y, w)"), w=(4, 1, 1))
    assert graph.outputs == ("y",)


@pytest.mark.parametrize("opsets", [[], [0], [-5], [1]])
def test_an_operator_set_that_knows_no_such_operator_leaves_it_uncounted(opsets, build, read):
    model = build("(float[2,3] x) => (y) { y = LayerNormalization(x, w) }", w=(3,))
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid("", version) for version in opsets)
    assert list(reasons(read(model))) == ["y"]


@pytest.mark.parametrize("version", [1000, 2**31, 2**62])
def test_an_operator_set_of_the_future_is_read_as_the_newest(version, build, read):
    model = build(f"{X} {{ y = Relu(x) }}")
    model.opset_import[0].version = version
    assert ops(read(model)) == ["Relu"]


def test_both_names_of_the_default_domain_are_one(build, read):
    model = build(f"{X} {{ y = Relu(x) }}")
    model.graph.node[0].domain = model.opset_import[0].domain = "ai.onnx"
    assert ops(read(model)) == ["Relu"]


def test_zero_sized_tensors_have_layers(read):
    assert shapes(read("(float[0,4,8,8] x) => (y) { y = Conv(x, w) }", w=(8, 4, 3, 3))) == {"y": (0, 8, 6, 6)}


@pytest.mark.parametrize(
    ("nodes", "fact"),
    [
        ("to = Constant<value_ints=[2147483648, 2147483648]>()  y = Reshape(x, to)", "cannot become"),
        (
            "to = Constant<value_ints=[4294967296, 4294967296, 1, 4, 8, 8]>()  y = Expand(x, to)",
            "2^63 elements or more",
        ),
        ("r = Constant<value_ints=[4611686018427387904, 1, 1, 1]>()  y = Tile(x, r)", "2^63 elements or more"),
        ("by = Constant<value_floats=[1.0, 1.0, 1e9, 1e9]>()  y = Resize(x, , by)", "2^63 elements or more"),
        ("by = Constant<value_floats=[1.0, 1.0, 1e30, 1e30]>()  y = Resize(x, , by)", "a negative dimension"),
        ("p = Constant<value_ints=[0, 0, -9, 0, 0, 0, 0, 0]>()  y = Pad(x, p)", "a negative dimension"),
        ("ax = Constant<value_ints=[" + ", ".join(map(str, range(64))) + "]>()  y = Unsqueeze(x, ax)", "68 dimensions"),
    ],
)
def test_a_tensor_that_no_runtime_can_hold_is_refused(nodes, fact, read):
    with pytest.raises(GeometryError, match=r"^node 'y' ") as caught:
        read(f"{X} {{ {nodes} }}")
    assert fact in str(caught.value)


@pytest.mark.parametrize(
    "nodes",
    [
        "y = Relu(x, x)",
        "y = Relu()",
        "y, z = Relu(x)",
        "y = MatMul(x)",
        "y = Relu<axis=1>(x)",
        'y = Softmax<axis="1">(x)',
        "y = Softmax<axis=9>(x)",
        "y = Transpose<perm=[0, 0, 1, 2]>(x)",
        "to = Constant<value_ints=[3, -1]>()  y = Reshape(x, to)",
        "to = Constant<value_ints=[-1, -1]>()  y = Reshape(x, to)",
        "r = Constant<value_ints=[1, 4611686018427387904, 1, 1]>()  y = Tile(x, r)",
        "y = Cast<to=0>(x)",
        "y = Shape()",
        "y, z = Shape(x)",
        "y = ConstantOfShape()",
    ],
)
def test_a_node_that_onnx_refuses_is_not_counted_and_says_why(nodes, read):
    graph = read(f"{X} {{ {nodes} }}")
    assert graph.layers == ()
    assert graph.unresolved[-1].reason.isprintable()


def test_a_node_without_outputs_does_nothing_that_could_be_counted(build, read):
    model = build(f"{X} {{ y = Relu(x) }}")
    model.graph.node.append(helper.make_node("Relu", ["x"], []))
    model.graph.node.append(helper.make_node("Relu", ["x"], [""]))
    assert [each.op for each in read(model).unresolved] == ["Relu", "Relu"]


def test_an_optional_output_may_be_left_out(read):
    graph = read(f"{X} {{ y, mask = Dropout(x) }}")
    assert [tensor.shape for tensor in graph.layers[0].outputs] == [(1, 4, 8, 8)] * 2
    assert len(read(f"{X} {{ y = Dropout(x) }}").layers[0].outputs) == 1


def test_an_input_that_is_left_out_keeps_its_place(read):
    graph = read(f"{X} {{ lo = Constant<value_float=0.0>()  y = Clip(x, , lo) }}")
    assert [tensor and tensor.shape for tensor in graph.layers[0].inputs] == [(1, 4, 8, 8), None, ()]


def test_twenty_thousand_equal_nodes_are_resolved_once(build):
    model = build("(float[1,4] x) => (y) { }")
    names = ["x", *(f"t{i}" for i in range(20_000))]
    model.graph.node.extend(onnx.NodeProto(op_type="Relu", input=[a], output=[b]) for a, b in pairwise(names))
    graph = load_onnx(model.SerializeToString(), Given(), "m")
    assert len(graph.layers) == 20_000
    assert sum(prod(layer.outputs[0].shape) for layer in graph.layers) == 20_000 * 4


def test_stored_arrays_of_every_type_are_read(build, read):
    for number in helper.get_all_tensor_dtypes():
        if number in (TensorProto.UNDEFINED, TensorProto.STRING):
            continue
        array = np.ones((2, 3), helper.tensor_dtype_to_np_dtype(number))
        model = build("(float[2,3] x) => (y) <float[1] y> { y = acme.Use(x, w) }")
        model.graph.initializer.append(numpy_helper.from_array(array, "w"))
        graph = read(model)
        assert graph.warnings == ()
        assert graph.layers[0].inputs[1].dtype == array.dtype.name
