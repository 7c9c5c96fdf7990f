"""Pruning cuts large payloads out wherever they hide and changes nothing else; damage is refused in one line."""

import os
import random
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from groupcalc.errors import InputError
from groupcalc.sources.onnx import payload, prune
from groupcalc.sources.onnx.payload import payload_fault
from groupcalc.sources.onnx.prune import SMALL_BYTES, parse_model, read_model

PAYLOADS = ("raw_data", "float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")
DTYPES = sorted(payload.DTYPES)

# --- what the answer must be, by way of the whole proto -------------------------------------------------------------


def varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def entry(number: int, body: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(body)) + body


def payload_size(tensor: TensorProto) -> int:
    size = 0
    for name in PAYLOADS:
        value = getattr(tensor, name)
        if name in ("raw_data", "string_data"):
            size += sum(map(len, [value] if name == "raw_data" else value))
        elif name in ("float_data", "double_data"):
            size += len(value) * (4 if name == "float_data" else 8)
        else:
            size += sum(len(varint(number % 2**64)) for number in value)
    return size


def cleared(message: Any) -> Any:
    """The same message without large payloads and prose, in place: the slow and plain way."""
    if isinstance(message, TensorProto) and payload_size(message) > SMALL_BYTES:
        for name in PAYLOADS:
            message.ClearField(name)
    for field, value in message.ListFields():
        if field.name == "doc_string" and message.DESCRIPTOR.full_name in prune.PLANS and len(value) > SMALL_BYTES:
            message.ClearField("doc_string")
        if field.message_type:
            for child in [value] if field.has_presence else value:
                cleared(child)
    return message


def tensors(message: Any) -> Iterator[TensorProto]:
    if isinstance(message, TensorProto):
        yield message
    for field, value in message.ListFields():
        if field.message_type:
            for child in [value] if field.has_presence else value:
                yield from tensors(child)


def same(data: bytes) -> bool:
    """Equal to the whole proto less its large payloads, as serialised: equality that sees unknown fields too."""
    model = cleared(onnx.ModelProto.FromString(data))
    return bool(
        parse_model(data).model.SerializeToString(deterministic=True) == model.SerializeToString(deterministic=True)
    )


# --- models ---------------------------------------------------------------------------------------------------------


def raw(size: int, name: str = "w") -> TensorProto:
    return TensorProto(name=name, dims=[size], data_type=TensorProto.INT8, raw_data=b"\xaa" * size)


def graph(*nodes: onnx.NodeProto, initializer: tuple[TensorProto, ...] = ()) -> onnx.GraphProto:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, "n"])
    return helper.make_graph(list(nodes), "g", [x], [], initializer=list(initializer))


def model_of(main: onnx.GraphProto, **more: Any) -> onnx.ModelProto:
    return helper.make_model(main, producer_name="test", **more)


def model_with(tensor: TensorProto) -> onnx.ModelProto:
    """A model that holds this tensor everywhere that anyone holds one."""
    sparse = onnx.SparseTensorProto(values=tensor, indices=tensor, dims=[99])
    branch = graph(initializer=(tensor,))
    nodes = [
        helper.make_node("Constant", [], ["c"], value=tensor),
        helper.make_node("Constant", [], ["s"], sparse_value=sparse),
        helper.make_node("Many", [], ["m"], tensors=[tensor, tensor], sparse=[sparse], domain="d"),
        helper.make_node(
            "If", ["x"], ["y"], then_branch=branch, else_branch=graph(helper.make_node("If", [], [], g=branch))
        ),
        helper.make_node("Graphs", [], [], graphs=[branch, branch], domain="d"),
    ]
    main = graph(*nodes, initializer=(tensor, raw(3, "little")))
    main.sparse_initializer.append(sparse)
    model = model_of(main, functions=[helper.make_function("d", "Many", [], [], nodes[:3], [])])
    model.functions[0].attribute_proto.append(helper.make_attribute("default", tensor))
    model.training_info.add(initialization=branch, algorithm=branch)
    return model


SMALL_MODEL = model_with(raw(5)).SerializeToString()
LARGE_MODEL = model_of(
    graph(helper.make_node("Constant", [], ["c"], value=raw(5000)), initializer=(raw(4500), raw(7)))
).SerializeToString()

# --- nothing else changes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 4000, SMALL_BYTES - 1, SMALL_BYTES, SMALL_BYTES + 1, 10_000])
def test_a_payload_goes_wherever_it_is_held_and_only_if_it_is_large(size: int) -> None:
    data = model_with(raw(size)).SerializeToString()
    assert same(data)
    held = {len(tensor.raw_data) for tensor in tensors(parse_model(data).model)}
    assert held == {3, size if size <= SMALL_BYTES else 0}


def test_a_model_without_large_payloads_is_read_as_it_is() -> None:
    assert parse_model(SMALL_MODEL).model == onnx.load_model_from_string(SMALL_MODEL)
    assert parse_model(SMALL_MODEL).warnings == ()


def paths_to_tensors() -> list[tuple[Any, ...]]:
    """Every field of this version of onnx that leads to a tensor, at the end of the shortest way to it."""
    ways: dict[str, tuple[Any, ...]] = {"onnx.ModelProto": ()}
    pending, found = [onnx.ModelProto.DESCRIPTOR], []
    while pending:
        message = pending.pop(0)
        for field in message.fields:
            if field.message_type is not None:
                way = (*ways[message.full_name], field)
                if field.message_type.full_name == "onnx.TensorProto":
                    found.append(way)
                elif field.message_type.full_name not in ways:
                    ways[field.message_type.full_name] = way
                    pending.append(field.message_type)
    return found


@pytest.mark.parametrize("path", paths_to_tensors(), ids=lambda path: ".".join(field.name for field in path))
def test_every_field_that_can_hold_a_tensor_is_known(path: tuple[Any, ...]) -> None:
    model = onnx.ModelProto(ir_version=8, graph=graph())
    message: Any = model
    for field in path:
        message = getattr(message, field.name) if field.has_presence else getattr(message, field.name).add()
    message.CopyFrom(raw(5000))
    assert [tensor.raw_data for tensor in tensors(parse_model(model.SerializeToString()).model)] == [b""]


@st.composite
def any_tensor(draw: st.DrawFn) -> TensorProto:
    count = draw(st.sampled_from([0, 1, 7, 400, 512, 513, 1024, 1025, 4096, 4097]))
    tensor = TensorProto(name=draw(st.text(max_size=5)), dims=draw(st.sampled_from([[], [count], [count, 1]])))
    tensor.data_type = draw(st.sampled_from(DTYPES))
    name = draw(st.sampled_from(PAYLOADS))
    if name == "raw_data":
        tensor.raw_data = bytes(count)
    elif name == "string_data":
        tensor.string_data.extend([draw(st.binary(max_size=9))] * count)
    elif name in ("float_data", "double_data"):
        getattr(tensor, name).extend([draw(st.floats(width=32, allow_nan=False))] * count)
    else:
        getattr(tensor, name).extend([draw(st.sampled_from([0, 127, 128, 2**31 - 1]))] * count)
    return tensor


@st.composite
def any_graph(draw: st.DrawFn, depth: int = 2) -> onnx.GraphProto:
    nodes = [
        helper.make_node("Constant", [], ["c"], value=tensor) for tensor in draw(st.lists(any_tensor(), max_size=2))
    ]
    if depth and draw(st.booleans()):
        nodes.append(helper.make_node("Loop", ["c"], ["y"], body=draw(any_graph(depth - 1)), doc_string="d"))
    return graph(*nodes, initializer=tuple(draw(st.lists(any_tensor(), max_size=3))))


@given(any_graph(), st.lists(any_tensor(), max_size=1))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_any_model_keeps_all_but_its_large_payloads(main: onnx.GraphProto, defaults: list[TensorProto]) -> None:
    function = helper.make_function("d", "F", [], [], list(main.node), [])
    function.attribute_proto.extend(helper.make_attribute("a", tensor) for tensor in defaults)
    assert same(model_of(main, functions=[function]).SerializeToString())


def test_large_prose_is_dropped_and_long_names_and_numbers_are_kept() -> None:
    long = "n" * 5000
    node = helper.make_node("Op", ["x"], [long], numbers=list(range(5000)), text=long, doc_string=long)
    model = model_of(graph(node), doc_string=long)
    model.graph.metadata_props.add(key="k", value=long)
    read = parse_model(model.SerializeToString()).model
    model.doc_string = model.graph.node[0].doc_string = ""
    for message, name in ((model, "doc_string"), (model.graph.node[0], "doc_string"), (model.graph, "metadata_props")):
        message.ClearField(name)
    assert read == model


def test_external_data_stays_text_that_nobody_opens(tmp_path: Path) -> None:
    tensor = TensorProto(name="w", dims=[10**9], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../no/such/file")
    path = tmp_path / "model.onnx"
    path.write_bytes(model_of(graph(initializer=(tensor,))).SerializeToString())
    read = read_model(path)
    assert read.model.graph.initializer[0] == tensor
    assert (read.warnings, payload_fault(tensor)) == ((), None)


# --- what protobuf also allows --------------------------------------------------------------------------------------

HEAD = TensorProto(name="w", dims=[2000], data_type=TensorProto.INT64).SerializeToString()
ONE_BY_ONE = b"\x38\x01"  # int64_data, not packed: 1


def constant(*pieces: bytes) -> bytes:
    """A model with one Constant whose attribute holds its tensor in these pieces."""
    attribute = entry(1, b"value") + b"".join(entry(5, piece) for piece in pieces)
    return b"\x08\x08" + entry(7, entry(1, entry(4, b"Constant") + entry(5, attribute)))


@pytest.mark.parametrize(
    ("pieces", "kept"),
    [
        ([HEAD + entry(7, bytes(1000)), entry(7, bytes(1000))], 2000),
        ([HEAD + entry(7, bytes(3000)), entry(7, bytes(3000))], 0),
        ([HEAD + entry(7, bytes(9000)), entry(7, bytes(10))], 0),
        ([HEAD, entry(7, bytes(10)), entry(7, bytes(9000))], 0),
        ([HEAD + entry(7, bytes(2500)) + entry(7, bytes(2500))], 0),
        ([HEAD + ONE_BY_ONE * 2000], 2000),
        ([HEAD + ONE_BY_ONE * 5000], 0),
        ([ONE_BY_ONE * 2500 + HEAD, entry(7, bytes(2500))], 0),
    ],
)
def test_a_tensor_in_pieces_keeps_its_whole_payload_or_none(pieces: list[bytes], kept: int) -> None:
    data = constant(*pieces)
    assert same(data)
    assert len(parse_model(data).model.graph.node[0].attribute[0].t.int64_data) == kept


@pytest.mark.parametrize(("sizes", "kept"), [((9000, 10), 10), ((10, 9000), 0), ((3000, 3000), 3000)])
def test_of_two_raw_payloads_the_last_one_holds(sizes: tuple[int, int], kept: int) -> None:
    head = TensorProto(name="w", dims=[10], data_type=TensorProto.INT8).SerializeToString()
    data = constant(head + entry(9, bytes(sizes[0])) + entry(9, bytes(sizes[1])))
    assert same(data)
    assert len(parse_model(data).model.graph.node[0].attribute[0].t.raw_data) == kept


def test_two_models_in_a_row_are_one_merged() -> None:
    data = LARGE_MODEL + SMALL_MODEL
    assert same(data)
    merged = parse_model(data).model.graph
    assert len(merged.initializer) == len(onnx.ModelProto.FromString(data).graph.initializer)


def test_lengths_and_tags_may_be_written_long() -> None:
    body = b"\xaa\x80\x00" + b"\x8c\xa7\x80\x00" + HEAD + entry(7, bytes(5004 - len(HEAD) - 3))
    assert same(b"\x88\x00\x08" + entry(7, body))


# --- what a payload holds against what its dims say -------------------------------------------------------------------


def typed(dtype: int, count: int) -> TensorProto:
    value: Any = b"a" if dtype == TensorProto.STRING else 1
    return helper.make_tensor("w", dtype, [count], [value] * count)


@pytest.mark.parametrize("dtype", DTYPES, ids=TensorProto.DataType.Name)
def test_every_type_is_counted_as_onnx_stores_it(dtype: int) -> None:
    tensor = typed(dtype, 5)
    assert payload_fault(tensor) is None
    tensor.dims[0] = 9
    dtype_name, field = payload.DTYPES[dtype], payload.ENTRY_FIELDS[dtype]
    wanted = {"complex64": 18, "complex128": 18, "int4": 5, "uint4": 5, "float4_e2m1fn": 5, "int2": 3, "uint2": 3}
    fault = f"entries in {field}, {dtype_name}[9] takes {wanted.get(dtype_name, 9)}"
    assert payload_fault(tensor) == f"tensor 'w': holds {len(getattr(tensor, field))} {fault}"


@pytest.mark.parametrize("dtype", sorted({*DTYPES} - {TensorProto.STRING}), ids=TensorProto.DataType.Name)
def test_raw_bytes_of_every_type_are_counted_as_onnx_stores_them(dtype: int) -> None:
    tensor = onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(typed(dtype, 5)), "w")
    assert tensor.HasField("raw_data")
    assert payload_fault(tensor) is None
    tensor.raw_data += b"?"
    size = len(tensor.raw_data)
    assert payload_fault(tensor) == f"tensor 'w': holds {size} bytes, {payload.DTYPES[dtype]}[5] takes {size - 1}"


@pytest.mark.parametrize("dtype", DTYPES, ids=TensorProto.DataType.Name)
@pytest.mark.parametrize("count", [20_001, 20_000])
def test_dropped_payloads_are_counted_too(dtype: int, count: int) -> None:
    tensor = typed(dtype, 20_001)
    tensor.dims[0] = count
    assert payload_size(tensor) > SMALL_BYTES
    read = parse_model(model_of(graph(initializer=(tensor,))).SerializeToString())
    # Counting packed integers would mean reading them: 20,001 bytes may well be 20,000 numbers.
    unseen = payload.ENTRY_FIELDS[dtype] in ("int32_data", "int64_data", "uint64_data")
    assert len(read.warnings) == (count != 20_001 and not unseen)
    assert payload_size(read.model.graph.initializer[0]) == 0


def test_packed_integers_too_few_for_their_bytes_are_a_fault() -> None:
    tensor = typed(TensorProto.INT64, 5000)
    for dim in (499, 500, 5000, 5001):
        tensor.dims[0] = dim
        warnings = parse_model(model_of(graph(initializer=(tensor,))).SerializeToString()).warnings
        fault = f"tensor 'w': holds 500 to 5000 entries in int64_data, int64[{dim}] takes {dim}"
        assert warnings == (() if dim in (500, 5000) else (fault,))


def test_no_payload_and_what_onnx_does_not_define_are_no_fault() -> None:
    assert payload_fault(TensorProto(name="w", dims=[3], data_type=TensorProto.FLOAT)) is None
    assert payload_fault(TensorProto(name="w", dims=[3], data_type=999, raw_data=b"?")) is None
    assert payload_fault(TensorProto(name="w", dims=[3], raw_data=b"?")) is None
    assert payload_fault(TensorProto(name="w", dims=[-3], data_type=TensorProto.FLOAT, raw_data=b"?")) is None
    assert (
        payload_fault(TensorProto(name="w", dims=[2**62] * 100_000, data_type=TensorProto.FLOAT, raw_data=b"?")) is None
    )


def test_only_the_first_faulty_tensors_are_named() -> None:
    faulty = [raw(5000, f"w{i}") for i in range(25)]
    for tensor in faulty:
        tensor.dims[0] += 1
    warnings = parse_model(model_of(graph(initializer=tuple(faulty))).SerializeToString()).warnings
    assert warnings[0] == "tensor 'w0': holds 5000 bytes, int8[5001] takes 5001"
    assert warnings[-1] == "… and 5 more tensors"
    assert len(warnings) == prune.NAMED_FAULTS + 1


def test_a_name_that_is_not_utf8_is_shown_inert() -> None:
    body = raw(5000).SerializeToString().replace(b"\x42\x01w", b"\x42\x04\xff\x1b[m")
    warnings = parse_model(b"\x08\x08" + entry(7, entry(5, body + b"\x08\x02"))).warnings
    assert len(warnings) == 1
    assert warnings[0].isprintable()


# --- files ------------------------------------------------------------------------------------------------------------


def write_sparse(path: Path, payload: int, count: int) -> None:
    """A model whose weights are holes in the file."""
    head = (
        TensorProto(name="w", dims=[payload], data_type=TensorProto.INT8).SerializeToString()
        + b"\x4a"
        + varint(payload)
    )
    tensor = b"\x2a" + varint(len(head) + payload) + head
    with path.open("wb") as file:
        file.write(b"\x08\x08\x3a" + varint(count * (len(tensor) + payload)))
        for _ in range(count):
            file.write(tensor)
            file.seek(payload, os.SEEK_CUR)
        file.truncate(file.tell())


def test_weights_of_three_gigabytes_are_not_looked_at(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "model.onnx"
    write_sparse(path, payload=2**28, count=12)
    before = resource.getrusage(resource.RUSAGE_SELF)
    tracemalloc.start()
    read = read_model(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert path.stat().st_size > 3 * 2**30
    assert [tuple(tensor.dims) for tensor in read.model.graph.initializer] == [(2**28,)] * 12
    assert read.warnings == ()
    assert peak < 2**20
    assert after.ru_minflt - before.ru_minflt < 2000, "a page each of a payload would be 786,432 faults"


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "cannot be read: No such file or directory"),
        (Path.mkdir, "is not a file (name a .onnx file, or - for standard input)"),
        (make_pipe, "is not a file (name a .onnx file, or - for standard input)"),
        (Path.touch, "is empty (export or download it again)"),
        (
            lambda path: path.write_text("# a model\n"),
            "is not an ONNX model (it is text: export or download it again)",
        ),
        (
            lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\n"),
            "is not an ONNX model (it is a Git LFS pointer: run git lfs pull)",
        ),
    ],
)
def test_what_is_no_model_file_is_refused_in_one_line(
    tmp_path: Path, make: Callable[[Path], Any], message: str
) -> None:
    path = tmp_path / "model.onnx"
    make(path)
    with pytest.raises(InputError) as caught:
        read_model(path)
    assert str(caught.value) == message


def test_a_path_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_model(Path("a\0b.onnx"))


# --- hostile bytes ----------------------------------------------------------------------------------------------------

AGAIN = "(export or download it again)"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (entry(7, bytes(2000))[:-500], f"is cut short: field graph promises 2000 bytes, 1500 are left {AGAIN}"),
        (b"\x08\x08", f"is not an ONNX model, or a part of one: it has no graph {AGAIN}"),
        (entry(7, graph().SerializeToString()), "it has no ir_version"),
        (b"\x08", f"is cut short in the middle of a field {AGAIN}"),
        (b"\x08" + b"\x80" * 10 + b"\x01", "a number has more than 10 bytes"),
        (b"\x00\x01", "a field has number 0"),
        (b"\x08\x08\x3b\x3c", "a field has wire type 3"),
        (b"\x3c", "is not an ONNX model (it is text"),
        (b"\x08\x08\x3e", "a field has wire type 6"),
        (b"\x08\x08\x3f", "a field has wire type 7"),
        (b"\x3a" + b"\xff" * 9 + b"\x01" + b"\x00", "is cut short: field graph promises"),
        (b"\x09\x00", "is cut short: field ir_version promises 8 bytes, 1 are left"),
        (b"\x08\x08" + entry(7, b"\x0a\x01\x0f"), "or a damaged one"),
    ],
)
def test_damage_is_told_in_one_line(data: bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_model(data)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def nested(levels: int) -> bytes:
    body = raw(5000).SerializeToString()
    main = entry(5, body)
    for _ in range(levels):
        main = entry(1, entry(5, entry(6, main)))
    return b"\x08\x08" + entry(7, main)


def test_subgraphs_may_be_nested_as_deep_as_protobuf_goes() -> None:
    assert same(nested(30))
    with pytest.raises(InputError, match="nested more than 100 deep"):
        parse_model(nested(500))


@pytest.mark.parametrize(
    ("name", "limit", "data"),
    [
        ("KEPT_BYTES", 10_000, b"\x08\x08" + entry(7, entry(2, bytes(20_000)))),
        ("KEPT_BYTES", 10_000, b"\x08\x08" + entry(7, entry(5, entry(8, bytes(20_000)) + entry(9, bytes(5000))))),
        ("MAX_FIELDS", 4000, constant(HEAD + ONE_BY_ONE * 5000)),
        ("MAX_PIECES", 50, b"\x08\x08" + entry(7, b"") * 51),
    ],
)
def test_every_bound_is_an_error(monkeypatch: pytest.MonkeyPatch, name: str, limit: int, data: bytes) -> None:
    assert parse_model(data)
    monkeypatch.setattr(prune, name, limit)
    with pytest.raises(InputError, match="more than"):
        parse_model(data)


def read_or_refuse(data: bytes) -> bool:
    try:
        return bool(parse_model(data))
    except InputError as error:
        refusal = str(error)
    assert "\n" not in refusal
    return False


@pytest.mark.parametrize("data", [SMALL_MODEL, LARGE_MODEL], ids=["small", "large"])
def test_a_model_cut_anywhere_is_read_or_refused(data: bytes) -> None:
    for length in range(len(data)):
        read_or_refuse(data[:length])


def mutated(data: bytes, rng: random.Random, places: list[int]) -> bytes:
    """Some of the bytes at these places are flipped, replaced, taken out or doubled."""
    bytes_ = bytearray(data)
    for place in sorted(rng.sample(places, rng.choice([1, 1, 1, 2, 4])), reverse=True):
        kind = rng.randrange(5)
        if kind == 0:
            bytes_[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            bytes_[place] = rng.choice([0, 127, 128, 255, rng.randrange(256)])
        elif kind == 2:
            del bytes_[place : place + rng.randint(1, 9)]
        elif kind == 3:
            bytes_[place:place] = rng.randbytes(rng.randint(1, 12))
        else:
            bytes_[place:place] = bytes_[place : place + rng.randint(1, 40)]
    return bytes(bytes_)


@pytest.mark.parametrize("data", [SMALL_MODEL, LARGE_MODEL], ids=["small", "large"])
def test_a_damaged_model_is_refused_or_read_as_protobuf_reads_it(data: bytes) -> None:
    rng = random.Random(0)
    places = [place for place, byte in enumerate(data) if byte != 0xAA]
    read = 0
    for _ in range(2000):
        damaged = mutated(data, rng, places)
        if not read_or_refuse(damaged):
            continue
        try:
            whole = cleared(onnx.ModelProto.FromString(damaged))
        except DecodeError:
            continue  # the damage lies in what was dropped
        read += 1
        pruned = parse_model(damaged).model
        for model in (whole, pruned):
            model.DiscardUnknownFields()
        assert pruned.SerializeToString(deterministic=True) == whole.SerializeToString(deterministic=True)
    assert read > 100
