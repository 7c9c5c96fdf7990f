"""Values of a TOML table, each of the type that its key has; InputError for another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from groupcalc.errors import InputError
from groupcalc.units import show_name

MAX_INT = 2**63 - 1
"""ONNX dimensions are int64."""


def check_keys(table: Mapping[str, Any], keys: Sequence[str], what: str) -> None:
    """InputError with a suggestion for a key that there is not."""
    for key in table:
        if key not in keys:
            close = get_close_matches(key, keys, n=1)
            way_out = f"did you mean '{close[0]}'?" if close else f"there is: {', '.join(keys)}"
            raise InputError(f"{what} has no key '{show_name(key)}'", way_out)


def tables_of(table: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """A list of tables; none where the key is not there."""
    tables = table.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        raise InputError(f"{key} is no list of tables", f"write [[tool.groupcalc.{key}]]")
    return tables


def table_of(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A table; an empty one where the key is not there."""
    found = table.get(key, {})
    if not isinstance(found, dict):
        example = "{batch = 1}" if key == "dims" else "{x = [1, 3, 224, 224]}"
        raise InputError(f"{key} is no table", f"write {key} = {example}")
    return found


def list_of(table: Mapping[str, Any], key: str) -> list[Any]:
    """A list; an empty one where the key is not there."""
    found = table.get(key, [])
    if not isinstance(found, list):
        raise InputError(f"{show_name(key)} = {shown(found)} is no list", "write […]")
    return found


def texts_of(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """A list of texts, or a single one."""
    found = [table[key]] if isinstance(table.get(key), str) else list_of(table, key)
    for each in found:
        if not isinstance(each, str):
            raise InputError(f"{key} holds {shown(each)}", f'write {key} = ["…"]')
    return tuple(found)


def text_of(table: Mapping[str, Any], key: str) -> str:
    """A text; an empty one where the key is not there."""
    found = table.get(key, "")
    if not isinstance(found, str):
        raise InputError(f"{key} = {shown(found)} is no text", f'write {key} = "…"')
    return found


def flag_of(table: Mapping[str, Any], key: str) -> bool:
    """True or false; false where the key is not there."""
    found = table.get(key, False)
    if not isinstance(found, bool):
        raise InputError(f"{key} = {shown(found)} is neither true nor false", f"write {key} = true")
    return found


def whole(name: str, value: Any) -> int:
    """A positive whole number."""
    if type(value) is not int or not 1 <= value <= MAX_INT:
        raise InputError(f"{show_name(name)} = {shown(value)} is not a positive whole number", "use 1 or more")
    return value


def shown(value: Any) -> str:
    """A value for an error, short and inert."""
    from reprlib import repr as short

    return show_name(short(value))
