"""Layers written by hand: a TOML or JSON file, a file of layer lines, or lines on the command, to one Graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, TypeVar

from groupcalc.errors import GroupcalcError, InputError
from groupcalc.graph import Graph, Tensor
from groupcalc.sources.arguments import cut, suggest
from groupcalc.sources.builder import Builder
from groupcalc.sources.calls import IGNORED, Call, Entry
from groupcalc.sources.documents import Written, read_document
from groupcalc.sources.lines import is_blank, looks_like_layer, parse_line
from groupcalc.units import show_name, show_shape

__all__ = ["load_lines", "load_text", "looks_like_layer"]

MAX_TEXT = 8 * 2**20
MAX_LAYERS = 100_000

T = TypeVar("T")
U = TypeVar("U")


def load_text(text: str, *, kind: str, name: str, place: str) -> Graph:
    """The network of a file of `kind` toml, json or lines; an error begins with `place` and the line."""
    if len(text) > MAX_TEXT:
        raise InputError(f"the file has {len(text):,} characters", f"a layer file has at most {MAX_TEXT:,}", place)
    text = text.removeprefix("\ufeff")
    written = _numbered(text, place) if kind == "lines" else read_document(text, kind, place)
    if not 0 < len(written.items) <= MAX_LAYERS:
        raise InputError(f"the file has {len(written.items):,} layers", f"write 1 to {MAX_LAYERS:,}", place)
    return _build(written, name)


def load_lines(lines: Sequence[str], *, name: str = "command line") -> Graph:
    """The network of the layer lines of one command; an error begins with its line."""
    return _build(Written(items=lines, parse=parse_line, place=lambda index: cut(lines[index].strip())), name)


def _numbered(text: str, place: str) -> Written:
    found = [(number, line) for number, line in enumerate(text.split("\n"), 1) if not is_blank(line)]
    lines = [line for _, line in found]
    return Written(items=lines, parse=parse_line, place=lambda index: f"{place}:{found[index][0]}")


def _build(written: Written, name: str) -> Graph:
    """Read every layer before building the first, so that names made up do not clash with names given."""
    entries = _each(written.items, written.parse, written.place)
    model = _Model(name, entries, written)
    _each(entries, model.add, written.place)
    return model.net.graph()


def _each(items: Sequence[T], do: Callable[[T], U], place: Callable[[int], str]) -> list[U]:
    done = []
    for index, item in enumerate(items):
        try:
            done.append(do(item))
        except GroupcalcError as error:
            raise error.within(place(index)) from error.__cause__
    return done


class _Model:
    """The network while its entries are added one after the other."""

    def __init__(self, name: str, entries: Sequence[Entry], written: Written) -> None:
        self.net = Builder(name, dtype=written.dtype)
        self.batch = written.batch
        self.given = {entry.name for entry in entries if entry.name}
        self.made: dict[str, Tensor] = {}
        self.count = 0

    def add(self, entry: Entry) -> None:
        self.count += 1
        name = entry.name or self._made_up()
        if name == "prev":
            raise InputError("'prev' cannot be a name", "it stands for the layer above")
        if name in self.made:
            raise InputError(f"the name '{show_name(name)}' is given to two layers", "give each its own")
        call = entry.call
        xs = self._inputs(entry, name)
        for x in xs:
            _check_input(call, entry.arguments, x)
        self.net.repeat = entry.repeat
        kept = {key: value for key, value in entry.arguments.items() if key not in IGNORED and key != call.channels}
        self.made[name] = self.made["prev"] = call.build(self.net, name, *xs, **kept)

    def _made_up(self) -> str:
        name = f"layer{self.count}"
        while name in self.given:
            name += "_"
        return name

    def _inputs(self, entry: Entry, name: str) -> list[Tensor]:
        call, wanted = entry.call, entry.inputs
        if call.inputs == 2 and len(wanted) == 1 and not isinstance(wanted[0], str):
            wanted *= 2  # Add() @ 1x64x56x56: two of that size
        if len(wanted) != call.inputs and (call.inputs or len(wanted) < 2):
            needs = {0: "two or more inputs", 1: "one input", 2: "two inputs"}[call.inputs]
            fact = f"{call.name} takes {needs}, not {len(wanted)}"
            raise InputError(fact, 'in a file, input = "a" for one layer, input = ["a", "b"] for two')
        labels = [f"{name}.x"] if len(wanted) == 1 else [f"{name}.x{number}" for number in range(1, len(wanted) + 1)]
        return [self._input(entry, source, label) for source, label in zip(wanted, labels, strict=True)]

    def _input(self, entry: Entry, source: str | tuple[int, ...], label: str) -> Tensor:
        dtype = entry.arguments.get("dtype")
        if not isinstance(source, str):
            return self.net.source(label, full_shape(entry.call, entry.arguments, source, self.batch), dtype)
        if source not in self.made:
            raise self._unknown(source)
        x = self.made[source]
        if dtype not in (None, x.dtype):
            raise InputError(f"dtype={dtype} but its input is {x.dtype}", "set dtype under [defaults]")
        return x

    def _unknown(self, source: str) -> InputError:
        if source == "prev":
            return InputError("there is no input size", "add one: @ 56x56, in a table input = [56, 56]")
        if source in self.given:
            return InputError(f"its input {cut(source)!r} stands further down", "put layers in the order they run")
        names = [name for name in self.made if name != "prev"]
        return InputError(f"there is no layer {cut(source)!r}", suggest(source, names))


_AXES = {1: "N×C×L", 2: "N×C×H×W", 3: "N×C×D×H×W"}


def full_shape(call: Call, arguments: Mapping[str, Any], size: tuple[int, ...], batch: int) -> tuple[int, ...]:
    """The whole shape that a size stands for: the spatial axes, with channels before them, with batch before those.

    A call that takes any number of axes is given its whole shape; only `Linear(512, 10) @ 512` may leave out the batch.
    """
    if min(size) < 1:
        raise InputError(f"the size {show_shape(size)} has a 0", "use 1 or more")
    count = arguments[call.channels] if call.channels else None
    if call.rank is None:
        return (batch, *size) if count is not None and len(size) == 1 else size
    match len(size) - call.rank:
        case 2:
            return size
        case 1:
            return (batch, *size)
        case 0 if count is not None:
            return (batch, count, *size)
        case 0:
            fact = f"{call.name} does not say how many channels {show_shape(size)} has"
            raise InputError(fact, f"write C×{show_shape(size)} or N×C×{show_shape(size)}")
    least = call.rank + (count is None)
    way_out = f"give {least} to {call.rank + 2} numbers of {_AXES[call.rank]}"
    raise InputError(f"{show_shape(size)} is no size for {call.name}", way_out)


def _check_input(call: Call, arguments: Mapping[str, Any], x: Tensor) -> None:
    if call.rank is not None and len(x.shape) != call.rank + 2:
        raise InputError(f"{call.name} takes {_AXES[call.rank]}, but its input is {show_shape(x.shape)}")
    if not call.channels:
        return
    wanted = arguments[call.channels]
    if len(x.shape) <= max(call.axis, 0):
        raise InputError(f"{call.name} takes N×C×…, but its input is {show_shape(x.shape)}")
    if x.shape[call.axis] != wanted:
        flat = call.axis == -1 and len(x.shape) > 2 and prod(x.shape[1:]) == wanted
        way_out = "put Flatten() before it" if flat else f"use {call.channels}={x.shape[call.axis]}"
        raise InputError(f"{call.channels}={wanted} does not fit its input {show_shape(x.shape)}", way_out)
