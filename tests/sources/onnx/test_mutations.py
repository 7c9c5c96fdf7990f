"""Mutations of small valid models: each is refused in one line or costed, and what is costed adds up."""

from __future__ import annotations

import random
import resource
import signal
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import onnx
import pytest
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import TensorProto, helper, parser

from groupcalc.costs.cost import KEYS, GraphCost
from groupcalc.costs.model import cost
from groupcalc.costs.rules import RULES
from groupcalc.errors import GroupcalcError, MissingDimsError
from groupcalc.graph import Graph, Layer
from groupcalc.sources.given import Given, parse_given
from groupcalc.sources.onnx.load import load_onnx

ROUNDS = 1500
"""Mutations of each kind."""

LIMIT_S = 20
LIMIT_BYTES = 2**30

EXPORTS = Path(__file__).parents[2] / "data" / "torch"
SMALL = 4000
"""Bytes of the largest seed: most of what is changed should be structure."""

Mutation = Callable[[bytes, random.Random, Sequence[bytes]], bytes]

# --- what is mutated --------------------------------------------------------------------------------------------------

HEAD = '<ir_version: 10, opset_import: ["": 21, "acme": 1]> '

WRITTEN = (
    """g (float[1,4,8,8] x) => (y) <float[8,2,3,3] w, float[8] b> {
        y = Conv<group = 2, pads = [1,1,1,1], strides = [2,2]>(x, w, b) }""",
    """g (float[N,16] x, bool on) => (y) <float[16,4] w> {
        y = If(on) <
            then_branch = t () => (u) { u = MatMul(x, w) },
            else_branch = e () => (v) { k = Constant<value = float[16,4] {}>()  v = MatMul(x, k) }> }""",
    """g (float[2,8] x) => (y, ys) <float[8,8] w> {
        n = Constant<value_int = 5>()
        on = Constant<value = bool {1}>()
        y, ys = Loop(n, on, x) <body = b (int64 i, bool c, float[2,8] h) => (c, z, z) { z = MatMul(h, w) }> }""",
    """g (float[5,3,8] x, float[3,8] h) => (y, ys) <float[8,8] w> {
        y, ys = Scan(h, x) <num_scan_inputs = 1, body = b (float[3,8] s, float[3,8] e) => (t, u) {
            a = Add(s, e)  t = MatMul(a, w)  u = Relu(t) }> }""",
    """g (float[1,8,4,4] x) => (y) <float[8,8,1,1] w> {
        a = acme.Block<k = 1>(x, w)  y = acme.Block<k = 3>(a, w) }
    <opset_import: ["": 21], domain: "acme">
    Block <k> (x, w) => (y) { a = Conv(x, w)  b = Relu(a)  c = acme.Half(b)  y = Add(c, x) }
    <opset_import: ["": 21], domain: "acme">
    Half (x) => (y) { h = Constant<value_float = 0.5>()  y = Mul(x, h) }""",
    """g (uint8[1,4,8,8] x) => (y) <float s = {0.5}, uint8 z = {1}, int8[8,4,1,1] w, int8 zw = {0}, int32[8] b> {
        c = QLinearConv(x, s, z, w, s, zw, s, z, b)  y = DequantizeLinear(c, s, z) }""",
    """g (float[B,3,8,8] x) => (y) <int64[2] s = {0, -1}, float[10,192] w, float[10] b> {
        n = Shape(x)  i = Constant<value_ints = [0]>()  k = Gather<axis = 0>(n, i)
        m = Constant<value_ints = [-1]>()  t = Concat<axis = 0>(k, m)
        a = Reshape(x, t)  y = Gemm<transB = 1>(a, w, b) }""",
    """g (float[3,8,16] x) => (y) <float[1,64,16] w, float[1,64,16] r, float[1,128] b> {
        y, h, c = LSTM<hidden_size = 16>(x, w, r, b) }""",
    """g (float[2,4,6] a, float[2,6,5] b) => (y, s) {
        y = Einsum<equation = "bij,bjk->bik">(a, b)  p, q = Split<axis = 2, num_outputs = 2>(a)  s = Sub(p, q) }""",
    """g (float[1,4,9,9] x) => (y) <float[4,2,3,3] w> {
        a = ConvTranspose<group = 2, strides = [2,2], auto_pad = "SAME_UPPER">(x, w)
        y = MaxPool<kernel_shape = [3,3], ceil_mode = 1>(a) }""",
    """g (float[4,8] x) => (y) {
        q = SplitToSequence<axis = 0>(x)
        r = SequenceMap(q) <body = b (float[1,8] e) => (f) { f = Relu(e) }>
        y = ConcatFromSequence<axis = 0>(r) }""",
)
"""A convolution, an If, a Loop, a Scan, functions, quantised and shape arithmetic, a cell, einsum, sequences."""


def model_of(text: str) -> onnx.ModelProto:
    """The model of a text; what it declares and gives no value is a weight without a payload."""
    found = parser.parse_model(HEAD + text)
    stored = {tensor.name for tensor in found.graph.initializer}
    for info in found.graph.value_info:
        if info.name not in stored:
            kind = info.type.tensor_type
            dims = [dim.dim_value for dim in kind.shape.dim]
            found.graph.initializer.append(TensorProto(name=info.name, dims=dims, data_type=kind.elem_type))
    del found.graph.value_info[:]
    return found


def built() -> Iterator[onnx.ModelProto]:
    """What the text form of ONNX cannot say: sparse and external tensors, fields in pieces, attribute graphs."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 6])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    values = helper.make_tensor("s", TensorProto.FLOAT, [3], [1, 2, 3])
    sparse = onnx.SparseTensorProto(
        values=values, indices=helper.make_tensor("i", TensorProto.INT64, [3], [0, 7, 11]), dims=[6, 4]
    )
    outside = TensorProto(name="e", dims=[4, 5], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    outside.external_data.add(key="location", value="../../../etc/passwd")
    packed = helper.make_tensor("p", TensorProto.INT4, [5, 3], [1] * 15)
    nodes = [
        helper.make_node("MatMul", ["x", "s"], ["a"]),
        helper.make_node("MatMul", ["a", "e"], ["b"]),
        helper.make_node("DequantizeLinear", ["p", "scale"], ["d"]),
        helper.make_node("MatMul", ["b", "d"], ["c"]),
        helper.make_node("Constant", [], ["k"], sparse_value=sparse),
        helper.make_node("MatMul", ["x", "k"], ["m"]),
        helper.make_node("Concat", ["c", "m"], ["y"], axis=1),
    ]
    scale = helper.make_tensor("scale", TensorProto.FLOAT, [], [0.5])
    graph = helper.make_graph(nodes, "g", [x], [y], [outside, packed, scale], sparse_initializer=[sparse])
    yield helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def seeds() -> list[bytes]:
    """Small models of every make: written above, PyTorch's, onnx's own node cases."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # making the cases divides by zero, on purpose, in onnx's own code
        from onnx.backend.test.case.node import collect_testcases

        cases = [case.model.SerializeToString() for case in collect_testcases(None)]
    written = [model.SerializeToString() for model in (*map(model_of, WRITTEN), *built())]
    exports = [path.read_bytes() for path in sorted(EXPORTS.glob("*.onnx"))]
    # A third of each make, so that two thousand cases of one node do not crowd out the rest.
    small = [[data for data in make if len(data) <= SMALL] for make in (cases, exports)]
    small.append(written)
    most = max(map(len, small))
    return [data for make in small for data in (make * -(-most // len(make)))[:most]]


# --- bytes ------------------------------------------------------------------------------------------------------------


def cut_short(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """An end is missing, or a piece in the middle."""
    start = rng.randrange(len(data))
    return data[:start] if rng.random() < 0.5 else data[:start] + data[start + rng.randint(1, 40) :]


def flipped(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Some bytes are others."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        place = rng.randrange(len(changed))
        changed[place] = (
            changed[place] ^ 1 << rng.randrange(8) if rng.random() < 0.7 else rng.choice(b"\x00\x7f\x80\xff")
        )
    return bytes(changed)


def pasted(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """A piece of this or another file stands where it does not belong."""
    source = rng.choice([data, rng.choice(others)])
    start, place = rng.randrange(len(source)), rng.randrange(len(data))
    piece = source[start : start + rng.randint(1, 80)]
    return data[:place] + piece + data[place + rng.choice([0, len(piece)]) :]


# --- wire format ------------------------------------------------------------------------------------------------------


def varint(value: int, length: int = 1) -> bytes:
    """The number in at least `length` bytes."""
    digits = []
    while value > 127 or len(digits) + 1 < length:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])


def fields(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int, int]]:
    """(start, start of the value, end) of every field of a valid message, and of what may be messages in them."""
    end = len(data) if end is None else end
    at = start
    found = []
    while at < end:
        tag, body = number(data, at)
        wire = tag & 7
        if wire == 0:
            _, stop = number(data, body)
        elif wire in (1, 5):
            stop = body + (8 if wire == 1 else 4)
        elif wire == 2:
            size, body = number(data, body)
            stop = body + size
        else:
            return
        if stop > end or not tag >> 3:
            return
        found.append((at, body, stop, wire))
        at = stop
    for at, body, stop, wire in found:
        yield at, body, stop
        if wire == 2:
            yield from fields(data, body, stop)


def number(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            break
    return value, at


HUGE = (0, 1, 127, 128, 2**14, 2**31 - 1, 2**31, 2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 1)


def blown_up(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """A number, a length or a field's number is another, or written longer than it need be."""
    at, body, stop = rng.choice([*fields(data)])
    tag, after = number(data, at)
    kind = rng.randrange(4)
    if kind == 0:
        return data[:at] + varint(rng.choice(HUGE) if rng.random() < 0.3 else rng.randrange(400)) + data[after:]
    if kind == 1:
        return data[:at] + varint(tag, rng.randint(2, 12)) + data[after:]
    if tag & 7 == 2:
        size = stop - body if kind == 2 else rng.choice([*HUGE, stop - body + 1, max(stop - body - 1, 0)])
        return data[:after] + varint(size, rng.randint(1, 11)) + data[body:]
    return data[:after] + varint(rng.choice(HUGE), rng.randint(1, 11)) + data[stop:]


# --- messages ---------------------------------------------------------------------------------------------------------

NUMBERS = (0, 1, -1, 2, 3, 7, 64, 65, 4096, 2**20, 2**31 - 1, 2**31, -(2**31), 2**32, 2**62, 2**63 - 1, -(2**63))
NAMES = (
    "",
    "x",
    "\x1b[31m",
    "\u202e",
    "a" * 300,
    "::error::",
    "Relu",
    "Conv",
    "If",
    "NonZero",
    "acme",
    "ai.onnx",
    "\0",
)


def messages(message: Any) -> Iterator[Any]:
    """This message and all below it."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for child in value if field.is_repeated else [value]:
                yield from messages(child)


def parsed(data: bytes) -> onnx.ModelProto:
    return onnx.ModelProto.FromString(data)


def grown(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Entries are doubled, deleted, exchanged."""
    model = parsed(data)
    for _ in range(rng.choice([1, 1, 2, 3])):
        held = [
            (m, f) for m in messages(model) for f, _ in m.ListFields() if f.message_type is not None or f.is_repeated
        ]
        if not held:
            break
        message, field = rng.choice(held)
        kind = rng.randrange(3)
        if not field.is_repeated:
            message.ClearField(field.name)
            continue
        entries = list(getattr(message, field.name))
        if not entries:  # what it held was cleared just now
            continue
        place = rng.randrange(len(entries))
        if kind == 0:
            entries[place:place] = [entries[place]] * rng.choice([1, 1, 2, 70])
        elif kind == 1:
            del entries[place]
        else:
            rng.shuffle(entries)
        entries = [copied(entry) for entry in entries] if field.message_type is not None else entries
        message.ClearField(field.name)
        getattr(message, field.name).extend(entries)
    return bytes(model.SerializeToString())


def copied(message: Any) -> Any:
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def rewritten(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Numbers and names are others: dims, attributes, element types, versions, inputs and outputs."""
    model = parsed(data)
    known = [name for m in messages(model) if isinstance(m, onnx.NodeProto) for name in (*m.input, *m.output)]
    for _ in range(rng.choice([1, 1, 2, 4])):
        plain = [(m, f) for m in messages(model) for f, _ in m.ListFields() if f.message_type is None]
        message, field = rng.choice(plain)
        old = getattr(message, field.name)
        entries = list(old) if field.is_repeated else [old]
        if entries:
            entries[rng.randrange(len(entries))] = other(entries[0], field, rng, known)
        if field.is_repeated:
            message.ClearField(field.name)
            getattr(message, field.name).extend(entries)
        elif entries:
            setattr(message, field.name, entries[0])
    return bytes(model.SerializeToString())


def other(old: Any, field: Any, rng: random.Random, known: Sequence[Any]) -> Any:
    if field.enum_type is not None:
        return rng.choice(field.enum_type.values).number
    if isinstance(old, float):
        return rng.choice([0.0, -1.0, float("nan"), float("inf"), 1e-45, 3e38])
    if isinstance(old, int):
        narrow = field.type in (field.TYPE_INT32, field.TYPE_UINT32)
        value = rng.choice(NUMBERS) if rng.random() < 0.7 else rng.randint(-3, 30)
        return value % 2**31 if narrow else value % 2**64 if field.type == field.TYPE_UINT64 else value
    names = [name for name in known if isinstance(name, str)]
    name = rng.choice(names) if names and rng.random() < 0.5 else rng.choice(NAMES)
    return name if isinstance(old, str) else name.encode()


def spliced(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """A message of another file stands in the place of one of its kind, or beside it."""
    model = parsed(data)
    for _ in range(rng.choice([1, 1, 2])):
        source = [*messages(parsed(rng.choice(others)))]
        target = rng.choice([*messages(model)][1:])
        same = [each for each in source if each.DESCRIPTOR is target.DESCRIPTOR]
        if same:
            chosen = copied(rng.choice(same))
            if rng.random() < 0.7:
                target.CopyFrom(chosen)
            else:
                target.MergeFrom(chosen)
    return bytes(model.SerializeToString())


MUTATIONS: tuple[Mutation, ...] = (cut_short, flipped, pasted, blown_up, grown, rewritten, spliced)

# --- what must hold ---------------------------------------------------------------------------------------------------


class HangError(Exception):
    """A mutation took longer than LIMIT_S."""


@contextmanager
def guarded() -> Iterator[None]:
    """HangError when the block does not end. It is no GroupcalcError, and so ends the test."""

    def ring(*_: object) -> None:
        raise HangError(f"longer than {LIMIT_S} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def flags(error: MissingDimsError) -> Given:
    """What the error asks for, as it suggests it."""
    import shlex

    words = shlex.split(" ".join(error.flags))
    pairs = [*pairwise(words)][::2]
    return parse_given(
        [value for flag, value in pairs if flag == "--shape"], [value for flag, value in pairs if flag == "--dim"]
    )


def outcome(data: bytes) -> str:
    """Load and cost one file; what is accepted must add up. The answer is what became of it."""
    try:
        try:
            graph = load_onnx(data, Given(), "m")
        except MissingDimsError as error:
            check_line(error)
            graph = load_onnx(data, flags(error), "m")
        found = cost(graph)
    except GroupcalcError as error:
        check_line(error)
        return "refused"
    check_sums(found)
    check_rows(graph, found)
    return "partly counted" if found.uncounted else "counted"


def check_line(error: GroupcalcError) -> None:
    assert str(error).isprintable(), ascii(str(error))
    assert error.fact


def check_sums(found: GraphCost) -> None:
    for key in KEYS:
        figures = [getattr(row.cost, key) for row in found.layers]
        assert all(type(figure) is int and figure >= 0 for figure in figures), key
        assert getattr(found.totals, key) == sum(figures), key
    assert found.peak_activation_bytes >= 0
    for row in found.layers:
        assert row.cost.flops >= 2 * row.cost.macs
        assert row.cost.dense_macs >= row.cost.macs
    assert all(node.reason for node in found.uncounted)


def check_rows(graph: Graph, found: GraphCost) -> None:
    """Every layer that is no view is a row, or uncounted by its name."""
    seen = Counter(row.name for row in found.layers) + Counter(node.name for node in found.uncounted)
    wanted = Counter(layer.name for layer in flat(graph.layers) if layer.op not in RULES or not RULES[layer.op].view)
    wanted += Counter(node.name for node in graph.unresolved)
    assert not wanted - seen


def flat(layers: Sequence[Layer]) -> Iterator[Layer]:
    """The layers that stand in rows: those of branches, and a call as one."""
    for layer in layers:
        if len(layer.blocks) > 1:
            for block in layer.blocks:
                yield from flat(block)
        else:
            yield layer


def peak_bytes() -> int:
    """The most memory that this process has ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.fixture(scope="module")
def corpus() -> list[bytes]:
    return seeds()


def test_the_seeds_are_counted(corpus: list[bytes]) -> None:
    assert len(corpus) > 3000
    written = [*map(model_of, WRITTEN), *built()]
    assert [outcome(model.SerializeToString()) for model in written] == ["counted"] * len(written)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_a_mutation_is_refused_or_costed(corpus: list[bytes], mutation: Mutation) -> None:
    rng = random.Random(mutation.__name__)
    became: Counter[str] = Counter()
    before = peak_bytes()
    for turn in range(ROUNDS):
        seed = rng.choice(corpus)
        try:
            data = mutation(seed, rng, corpus)
        except DecodeError:  # this build of protobuf checks UTF-8 where another does not
            continue
        try:
            with guarded():
                became[outcome(data)] += 1
        except Exception as error:
            raise AssertionError(f"turn {turn}: {len(data)} bytes: {data.hex() if len(data) < 2000 else ''}") from error
    # A test that refused all, or nothing, would test nothing.
    assert became["refused"] > 0
    assert became["counted"] + became["partly counted"] > 0
    assert peak_bytes() - before < LIMIT_BYTES
