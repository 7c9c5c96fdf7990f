"""TOML and JSON layer files: their keys checked, their tables and lines handed on with the place of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from groupcalc.errors import InputError
from groupcalc.sources.arguments import DTYPES, MAX_INT, bind, show, suggest
from groupcalc.sources.calls import Entry, find_call
from groupcalc.sources.lines import MAX_REPEAT, parse_line
from groupcalc.sources.toml import parse_toml
from groupcalc.units import show_name

SCHEMA = 1

KEYS = ("name", "op", "input", "repeat")
"""The keys of a [[layer]] that are no arguments of its op."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Layers as somebody wrote them, not yet understood.

    parse  what makes an Entry of an item
    place  where the item of an index stands, for errors
    """

    items: Sequence[Any]
    parse: Callable[[Any], Entry]
    place: Callable[[int], str]
    dtype: str = "float32"
    batch: int = 1


def read_document(text: str, kind: str, place: str) -> Written:
    """The layers of a file: either `[[layer]]` tables or `layers`, a list of layer lines."""
    try:
        document = parse_toml(text, place) if kind == "toml" else _parse_json(text, place)
    except RecursionError as error:
        raise InputError("it is nested too deeply", "", place) from error
    except ValueError as error:  # Python's limit on the digits of an integer
        raise InputError("a number is beyond 2^63", "use a smaller one", place) from error
    try:
        return _layers(document, text, kind, place)
    except InputError as error:
        raise error.within(place) from None


def _parse_json(text: str, place: str) -> object:
    import json

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value in pairs:
            if key in found:
                raise InputError(f"key {show(key)} is given twice", "give it once", place)
            found[key] = value
        return found

    try:
        return json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise InputError(error.msg, "", f"{place}:{error.lineno}") from error


def _layers(document: object, text: str, kind: str, place: str) -> Written:
    if not isinstance(document, dict):
        raise InputError("this is no table", 'write {"schema": 1, "layer": […]}')
    if "schema_version" in document:
        raise InputError("is a saved result, and no layers", "name what it was made from")
    schema = document.get("schema")
    if type(schema) is not int or schema != SCHEMA:
        fact = "there is no schema" if schema is None else f"schema={show(schema)} is not known"
        raise InputError(fact, f"put schema = {SCHEMA} at the top")
    _check_keys(document, ("schema", "$schema", "defaults", "layer", "layers"), "the file")
    if ("layer" in document) == ("layers" in document):
        fact = "it has both layer and layers" if "layer" in document else "it has no layers"
        raise InputError(fact, "write either [[layer]] tables or a list layers = ['Conv2d(…) @ 56x56', …]")
    tables = "layer" in document
    items = document["layer" if tables else "layers"]
    if not isinstance(items, list):
        raise InputError(f"{'layer' if tables else 'layers'} is no list", "write [[layer]] tables or layers = […]")
    names = [item.get("name") if isinstance(item, dict) else None for item in items]

    def where(index: int) -> str:
        line = _table_line(text, kind, items, index) if tables else _text_line(text, items, index)
        name = names[index] if isinstance(names[index], str) else ""
        layer = f"layer '{show_name(name)}'" if name else f"layer {index + 1}"
        return f"{place}{f':{line}' if line else ''}{f': {layer}' if tables or not line else ''}"

    parse = _parse_table if tables else _parse_text
    return Written(items=items, parse=parse, place=where, **_defaults(document.get("defaults", {})))


def _defaults(table: object) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise InputError("defaults is no table", "write [defaults]")
    _check_keys(table, ("dtype", "batch"), "[defaults]")
    if "dtype" in table and table["dtype"] not in DTYPES:
        raise InputError(f"dtype={show(table['dtype'])} is not known", suggest(str(table["dtype"]), DTYPES))
    if "batch" in table:
        _whole("batch", table["batch"], MAX_INT)
    return table


def _table_line(text: str, kind: str, items: Sequence[object], index: int) -> int:
    """The line of a layer's table, found by what every table has once; 0 when the counts do not agree."""
    pattern = r"^[ \t]*\[\[[ \t]*layer[ \t]*\]\]" if kind == "toml" else r'"op"\s*:'
    starts = [match.start() for match in re.finditer(pattern, text, re.MULTILINE)]
    return text.count("\n", 0, starts[index]) + 1 if len(starts) == len(items) else 0


def _text_line(text: str, items: Sequence[object], index: int) -> int:
    """The line of an entry of `layers`, found by its text; 0 when the file writes it with escapes."""
    start = 0
    for item in items[: index + 1]:
        found = text.find(item, start) if isinstance(item, str) else -1
        if found < 0:
            return 0
        start = found + len(item) if isinstance(item, str) else start
    return text.count("\n", 0, start) + 1


def _parse_text(item: object) -> Entry:
    if not isinstance(item, str):
        raise InputError(f"{show(item)} is no text", "write layers = ['Conv2d(…) @ 56x56', …]")
    return parse_line(item)


def _parse_table(item: object) -> Entry:
    """One [[layer]]: name, op, input and repeat; every other key is an argument of the op."""
    if not isinstance(item, dict):
        raise InputError(f"{show(item)} is no table", 'write op = "Conv2d" and its arguments')
    own = {key: item[key] for key in KEYS if key in item}
    op, name, repeat = own.get("op"), own.get("name"), own.get("repeat", 1)
    if not isinstance(op, str):
        raise InputError("there is no op" if op is None else f"op={show(op)} is no text", 'write op = "Conv2d"')
    if "name" in own and (not isinstance(name, str) or not name.strip()):
        raise InputError(f"name={show(name)} is no name", "give a text")
    call = find_call(op)
    named = ((key, value) for key, value in item.items() if key not in own)
    return Entry(
        name=name or "",
        call=call,
        arguments=bind(call.name, call.signature, (), named, beside=KEYS),
        inputs=_inputs(own["input"]) if "input" in own else ("prev",),
        repeat=_whole("repeat", repeat, MAX_REPEAT),
    )


def _inputs(value: object) -> tuple[str | tuple[int, ...], ...]:
    """A size, the name of a layer, or a list of such."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and value:
        if all(type(each) is int for each in value):
            return (tuple(_whole("input", each, MAX_INT) for each in value),)
        if all(isinstance(each, str) for each in value):
            return tuple(value)
    raise InputError(f"input={show(value)} is no input", 'write input = [56, 56], the name of a layer, or ["a", "b"]')


def _whole(name: str, value: object, most: int) -> int:
    if type(value) is not int or not 1 <= value <= most:
        way_out = f"use 1 to {most}" if most < MAX_INT else "use 1 or more"
        raise InputError(f"{name}={show(value)} is not a positive whole number", way_out)
    return value


def _check_keys(table: Mapping[str, object], known: Sequence[str], what: str) -> None:
    for key in table:
        if key not in known:
            raise InputError(f"{what} has no key {show(key)}", suggest(key, known))
