"""Reading ONNX without weights: large payloads are cut out of the bytes before anything parses them."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, NamedTuple

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from groupcalc.errors import InputError
from groupcalc.sources.onnx.foreign import AGAIN, foreign
from groupcalc.sources.onnx.payload import entry_field, fault
from groupcalc.units import show_bytes

SMALL_BYTES = 4096
"""The largest payload that is kept: arithmetic on shapes needs small constants, and nothing needs the others."""

KEPT_BYTES = 2**28
"""The most that is handed to protobuf: it stands in memory three times, in the file, without payloads, and read."""

TEXT_BYTES = 2**22
"""The longest name: an exporter's has some hundred bytes, and each is shown."""

MAX_FIELDS = 2**23
"""The most fields that are looked at: a file made of nothing but fields takes seconds, not hours."""

MAX_NODES = 100_000
"""The most nodes of a graph: one of a shape of its own takes some 150 µs, and four kilobytes."""

MAX_OUTPUTS = 400_000
"""The most outputs of all nodes of a graph together."""

MAX_OPSETS = 1000
"""The most operator sets of a model: they are handed to ONNX's inference with every node."""

MAX_MESSAGES = 2**21
"""The most messages that are handed to protobuf: of an empty one, two bytes in the file, it makes 150."""

LISTED_BYTES = 2**25
"""The most bytes of numbers in lists, such as a forest of trees has: of one in a byte protobuf makes eight bytes."""

MAX_DEPTH = 100
"""Messages within messages; protobuf stops here too."""

MAX_PIECES = 1000
"""Occurrences of a field that stands once: they merge, and no writer makes more than one."""

NAMED_FAULTS = 20
"""The most faulty tensors that are named."""

Data = bytes | mmap
Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """A model as it was read.

    model     the file less its large payloads and large documentation. A tensor keeps its whole payload or none of
              it, and one that lost it looks like one that never had any: the value is not known
    warnings  dropped payloads that are shorter or longer than their dims say, a line each. `payload_fault` tells it
              of a payload that was kept, at some microseconds each: ask it of the tensors that are used
    """

    model: onnx.ModelProto
    warnings: tuple[str, ...] = ()


def read_model(path: Path) -> Pruned:
    """Read a model of any size. Raises InputError, to which the caller adds the path."""
    try:
        status = path.stat()  # before it is opened: opening a pipe waits for its writer
        if not stat.S_ISREG(status.st_mode):
            raise InputError("is not a file", "name a .onnx file, or - for standard input")
        with path.open("rb") as file:
            # Never closed by hand: that fails while a traceback still holds a view. It goes with its last user.
            data: Data = mmap(file.fileno(), 0, access=ACCESS_READ) if status.st_size else b""
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path, or a file emptied just now
        raise InputError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return parse_model(data)


def parse_model(data: Data) -> Pruned:
    """Read a model from its bytes. Raises InputError, to which the caller adds where they come from."""
    try:
        return _parse(data)
    except InputError as error:
        way_out = foreign(bytes(data[:512]))
        if not way_out:
            raise
        raise InputError("is not an ONNX model", way_out) from error


def _parse(data: Data) -> Pruned:
    if not data:
        raise InputError("is empty", AGAIN)
    pruner = _Pruner(data)
    try:
        kept = pruner.prune()
        if len(kept) > 2 * MAX_MESSAGES:
            _check_messages(kept)
        model = onnx.ModelProto.FromString(kept)
    except IndexError as error:
        raise InputError("is cut short in the middle of a field", AGAIN) from error
    except DecodeError as error:
        raise InputError("is not an ONNX model, or a damaged one", AGAIN) from error
    for name in ("ir_version", "graph"):
        if not model.HasField(name):
            raise InputError(f"is not an ONNX model, or a part of one: it has no {name}", AGAIN)
    for what, count, most in (
        ("nodes", len(model.graph.node), MAX_NODES),
        ("outputs of nodes", sum(len(node.output) for node in model.graph.node), MAX_OUTPUTS),
        ("operator sets", len(model.opset_import), MAX_OPSETS),
    ):
        if count > most:
            raise InputError(f"has {count:,} {what}; {most:,} are the most", "split the model")
    more = pruner.faults - len(pruner.named)
    return Pruned(model=model, warnings=(*pruner.named, *([f"… and {more} more tensors"] if more else ())))


LENGTH = 2
"""The wire type of what has a length: messages, strings, packed numbers. The others are numbers."""

VARINT, FIXED64, FIXED32 = 0, 1, 5

TENSOR, MODEL = str(onnx.TensorProto.DESCRIPTOR.full_name), str(onnx.ModelProto.DESCRIPTOR.full_name)

PROSE = frozenset({"doc_string", "metadata_props"})
"""Never read: a large entry is dropped, as is one of a field that this version of onnx does not know."""

PACKED = {
    "float_data": (FIXED32, 4, 4),
    "double_data": (FIXED64, 8, 8),
    "int32_data": (VARINT, 1, 10),
    "int64_data": (VARINT, 1, 10),
    "uint64_data": (VARINT, 1, 10),
}
"""Payloads of numbers: the wire type of a number by itself, the least and the most bytes of a packed one."""


def _payload_tags() -> dict[int, str]:
    """Tag -> payload field. Numbers come packed or one by one, and a reader takes both."""
    numbers = {field.name: field.number << 3 for field in onnx.TensorProto.DESCRIPTOR.fields}
    tags = {numbers[name] | LENGTH: name for name in ("raw_data", "string_data", *PACKED)}
    return tags | {numbers[name] | wire: name for name, (wire, _, _) in PACKED.items()}


PAYLOADS = _payload_tags()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What becomes of the large fields of one message, by tag: `number << 3 | wire type`.

    names  of all fields, by number
    once   holders of tensors that stand once -> message name. Occurrences merge, so they are pruned as one
    many   holders of tensors that repeat -> message name
    kept   all others that are kept
    texts  those of them that are names, or hold names
    """

    names: Mapping[int, str]
    once: Mapping[int, str]
    many: Mapping[int, str]
    kept: frozenset[int]
    texts: frozenset[int]


def _fields_of_all() -> dict[str, list[Any]]:
    """The fields of each message that a model may hold, as the descriptors of this version of onnx tell."""
    fields: dict[str, list[Any]] = {}
    pending = [onnx.ModelProto.DESCRIPTOR]
    while pending:
        message = pending.pop()
        if message.full_name not in fields:
            fields[message.full_name] = list(message.fields)
            pending += [field.message_type for field in message.fields if field.message_type]
    return fields


def _plans() -> dict[str, _Plan]:
    """A plan for each message that can hold a tensor at any depth."""
    fields = _fields_of_all()
    holders = {TENSOR}
    for _ in fields:  # the longest way from a message to a tensor is shorter than this
        holders |= {name for name, held in fields.items() if any(_message_name(field) in holders for field in held)}
    return {name: _plan(fields[name], holders) for name in holders}


def _message_name(field: Any) -> str:
    return str(field.message_type.full_name) if field.message_type else ""


def _plan(fields: list[Any], holders: set[str]) -> _Plan:
    held = [field for field in fields if _message_name(field) in holders]
    others = [field for field in fields if field not in held and field.name not in PROSE]
    return _Plan(
        names={field.number: str(field.name) for field in fields},
        once={field.number << 3 | LENGTH: _message_name(field) for field in held if field.has_presence},
        many={field.number << 3 | LENGTH: _message_name(field) for field in held if not field.has_presence},
        kept=frozenset(field.number << 3 | LENGTH for field in others),
        texts=frozenset(
            field.number << 3 | LENGTH for field in others if field.type in (field.TYPE_STRING, field.TYPE_MESSAGE)
        ),
    )


PLANS = _plans()


@dataclass(slots=True, kw_only=True)
class _Stored:
    """One payload field of a tensor as it is met, in one piece or many.

    size         bytes
    least, most  entries that they can make; between them where a packed number has no fixed length
    copy         the fields as they stand, as long as they are small
    """

    size: int = 0
    least: int = 0
    most: int = 0
    copy: bytearray = field(default_factory=bytearray)


class _Pruner:
    """One walk over the bytes that collects the pieces to keep and looks into no payload.

    An entry of at most SMALL_BYTES is not entered, and neighbours are kept as one piece: a million small tensors cost
    one step each.
    """

    def __init__(self, data: Data) -> None:
        self.named: list[str] = []
        self.faults = 0
        self._data = data
        self._view = memoryview(data)
        self._pieces: list[bytes | bytearray | memoryview] = []
        self._kept = 0
        self._turns = iter(range(MAX_FIELDS))

    def prune(self) -> bytes:
        """The same model without its large payloads."""
        self._message(MODEL, [(0, len(self._data))], 0)
        return b"".join(self._pieces)

    def _message(self, name: str, spans: list[Span], depth: int) -> int:
        """Collect what stays of a message that comes in these spans; the answer is its size."""
        plan = PLANS[name]
        once: dict[int, list[Span]] = {}
        size = 0
        for start, end in spans:
            kept = start
            for tag, at, body, stop in self._fields(plan, start, end, SMALL_BYTES):
                if tag in plan.kept:
                    _check_text(plan, tag, stop - body)
                    continue
                size += self._keep(self._view[kept:at])
                kept = stop
                if tag in plan.once:
                    once.setdefault(tag, []).append((body, stop))
                elif tag in plan.many:
                    size += self._entry(tag, plan.many[tag], [(body, stop)], depth)
            size += self._keep(self._view[kept:end])
        return size + sum(self._entry(tag, plan.once[tag], pieces, depth) for tag, pieces in once.items())

    def _entry(self, tag: int, name: str, spans: list[Span], depth: int) -> int:
        """Collect a field with what stays of its message; the length in front is known only afterwards."""
        if depth == MAX_DEPTH:
            raise InputError(f"has messages nested more than {MAX_DEPTH} deep", AGAIN)
        if len(spans) > MAX_PIECES:
            raise InputError(f"has a {name} in more than {MAX_PIECES} pieces", AGAIN)
        slot = len(self._pieces)
        self._pieces.append(b"")
        size = self._tensor(spans) if name == TENSOR else self._message(name, spans, depth + 1)
        self._pieces[slot] = prefix = _varint(tag) + _varint(size)
        return len(prefix) + size

    def _tensor(self, spans: list[Span]) -> int:
        """Collect a tensor, with its payload if that is small."""
        plan = PLANS[TENSOR]
        header = bytearray()
        stored: dict[str, _Stored] = {}
        for start, end in spans:
            for tag, at, body, stop in self._fields(plan, start, end, 0):
                if tag in PAYLOADS:
                    self._store(stored, tag, at, body, stop)
                elif stop - at <= SMALL_BYTES or tag in plan.kept:
                    _check_text(plan, tag, stop - body)
                    self._check_room(len(header) + stop - at)
                    header += self._view[at:stop]
        if sum(payload.size for payload in stored.values()) <= SMALL_BYTES:
            return self._keep(header + b"".join(payload.copy for payload in stored.values()))
        self._check_payload(onnx.TensorProto.FromString(bytes(header)), stored)
        return self._keep(header)

    def _store(self, stored: dict[str, _Stored], tag: int, at: int, body: int, stop: int) -> None:
        """Count one payload field. `raw_data` stands once, so its last occurrence is the one that holds."""
        name = PAYLOADS[tag]
        if name == "raw_data" or name not in stored:
            stored[name] = _Stored()
        payload, size = stored[name], stop - body
        payload.size += size
        if name in PACKED and tag & 7 == LENGTH:
            _, shortest, longest = PACKED[name]
            payload.least += -(-size // longest)
            payload.most += size // shortest
        else:
            payload.least += 1
            payload.most += 1
        if payload.size <= SMALL_BYTES:
            payload.copy += self._view[at:stop]

    def _check_payload(self, tensor: onnx.TensorProto, stored: dict[str, _Stored]) -> None:
        raw = stored.get("raw_data", _Stored())
        entries = stored.get(entry_field(tensor), _Stored())
        found = fault(tensor, raw.size, entries.least, entries.most)
        if found:
            self.faults += 1
            if len(self.named) < NAMED_FAULTS:
                self.named.append(found)

    def _keep(self, piece: bytes | bytearray | memoryview) -> int:
        self._check_room(len(piece))
        self._kept += len(piece)
        if piece:
            self._pieces.append(piece)
        return len(piece)

    def _check_room(self, size: int) -> None:
        if self._kept + size > KEPT_BYTES:
            raise InputError(f"has more than {show_bytes(KEPT_BYTES)} besides its large tensors", "split the model")

    def _fields(self, plan: _Plan, pos: int, end: int, over: int) -> Iterator[tuple[int, int, int, int]]:
        """Fields of more than `over` bytes and those that stand once, as (tag, start, start of the value, end)."""
        data, once = self._data, plan.once
        for _ in self._turns:
            if pos == end:
                return
            at = pos
            tag = data[pos]
            pos += 1
            if tag > 127:  # the general case is a call; nearly all tags and most lengths are one byte
                tag, pos = _number(data, at)
            body, wire = pos, tag & 7
            if wire == LENGTH:
                size = data[pos]
                body = pos + 1
                if size > 127:
                    size, body = _number(data, pos)
                pos = body + size
            elif wire == VARINT:
                _, pos = _number(data, pos)
            elif wire in (FIXED32, FIXED64):
                pos += 4 if wire == FIXED32 else 8
            else:
                raise InputError(f"is not an ONNX model, or a damaged one: a field has wire type {wire}", AGAIN)
            if pos > end or tag < 8:
                raise _damage(plan.names.get(tag >> 3, str(tag >> 3)), pos - body, end - body)
            if pos - at > over or tag in once:
                yield tag, at, body, pos
        raise InputError(f"has more than {MAX_FIELDS} fields", AGAIN)


def _check_text(plan: _Plan, tag: int, size: int) -> None:
    if size > TEXT_BYTES and tag in plan.texts:
        raise InputError(f"has a {plan.names[tag >> 3]} of {size:,} bytes; {TEXT_BYTES:,} are the most", AGAIN)


def _check_messages(data: bytes) -> None:
    """InputError for more than MAX_MESSAGES, or LISTED_BYTES of numbers in lists, at any depth. Damage is left to
    protobuf, which says it better."""
    kinds = {name: _kind(fields) for name, fields in _fields_of_all().items()}
    outer: list[tuple[_Kind, int, int]] = []
    kind = kinds[MODEL]
    pos, end, count, listed = 0, len(data), 0, 0
    while pos < end or outer:
        if pos >= end:
            kind, pos, end = outer.pop()
            continue
        tag, pos = _number(data, pos)
        wire = tag & 7
        if wire == LENGTH:
            size, pos = _number(data, pos)
            if tag in kind.messages:
                count += 1
                outer.append((kind, pos + size, end))
                kind, end = kinds[kind.messages[tag]], pos + size
            else:
                listed += size if tag in kind.lists else 0
                pos += size
            if count > MAX_MESSAGES:
                raise InputError(f"has more than {MAX_MESSAGES:,} messages", "split the model")
            if listed > LISTED_BYTES:
                fact = f"has more than {show_bytes(LISTED_BYTES)} of numbers in attributes"
                raise InputError(fact, "split the model")
        elif wire == VARINT:
            _, pos = _number(data, pos)
        elif wire in (FIXED32, FIXED64):
            pos += 4 if wire == FIXED32 else 8
        else:
            return


class _Kind(NamedTuple):
    """Of one message, by tag: the messages that it holds, and its lists of numbers."""

    messages: Mapping[int, str]
    lists: frozenset[int]


def _kind(fields: list[Any]) -> _Kind:
    tags = {field.number << 3 | LENGTH: field for field in fields}
    return _Kind(
        messages={tag: _message_name(field) for tag, field in tags.items() if field.message_type},
        lists=frozenset(
            tag
            for tag, field in tags.items()
            if not field.message_type and field.type not in (field.TYPE_STRING, field.TYPE_BYTES)
        ),
    )


def _number(data: Data, pos: int) -> tuple[int, int]:
    """The varint at `pos`, and where it ends."""
    value = data[pos]
    if value < 128:
        return value, pos + 1
    value &= 127
    for shift in range(7, 70, 7):
        pos += 1
        byte = data[pos]
        value |= (byte & 127) << shift
        if byte < 128:
            return value, pos + 1
    raise InputError("is not an ONNX model, or a damaged one: a number has more than 10 bytes", AGAIN)


def _varint(value: int) -> bytes:
    digits = bytearray()
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])


def _damage(name: str, promised: int, left: int) -> InputError:
    if promised > left:
        return InputError(f"is cut short: field {name} promises {promised} bytes, {max(left, 0)} are left", AGAIN)
    return InputError("is not an ONNX model, or a damaged one: a field has number 0", AGAIN)
