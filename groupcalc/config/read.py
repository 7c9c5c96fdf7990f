"""From the text of a configuration file to a Config: keys and values checked, budgets with the line of each."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from groupcalc.config.typed import (
    check_keys,
    flag_of,
    list_of,
    shown,
    table_of,
    tables_of,
    text_of,
    texts_of,
    whole,
)  # fmt: skip
from groupcalc.config.values import Config, Override
from groupcalc.errors import InputError
from groupcalc.sources.given import Given
from groupcalc.sources.toml import parse_toml
from groupcalc.units import show_name

if TYPE_CHECKING:  # who states no budget does not wait for them
    from groupcalc.budget import Budget

KEYS = ("models", "base", "dims", "shapes", "groups", "strict", "cache_dir", "model", "budgets")
MODEL_KEYS = ("match", "shapes", "dims")
BUDGET_KEYS = ("model", "layer", "limits", "level", "message")
LEVELS = ("off", "warn", "error")


def read(text: str, path: str) -> Config:
    """The configuration that a file states; one without a path when it is a pyproject.toml without our table."""
    place = show_name(path)
    table = _table(text, path)
    if table is None:
        return Config()
    try:
        check_keys(table, KEYS, "groupcalc")
        return Config(
            path=path,
            models=texts_of(table, "models"),
            base=text_of(table, "base"),
            given=_given(table),
            overrides=tuple(_override(each) for each in tables_of(table, "model")),
            groups=tuple(whole("groups", each) for each in list_of(table, "groups")),
            strict=flag_of(table, "strict"),
            cache_dir=text_of(table, "cache_dir"),
            budgets=tuple(_budgets(tables_of(table, "budgets"), text, place)),
        )
    except InputError as error:
        if not error.place.startswith(f"{place}:"):
            error.within(place)
        raise


def _table(text: str, path: str) -> Mapping[str, Any] | None:
    place = show_name(path)
    try:
        document = parse_toml(text, place)
    except (RecursionError, ValueError) as error:
        raise InputError("it is nested too deeply, or a number is too long", "", place) from error
    if os.path.basename(path) != "pyproject.toml":
        return document
    tool = document.get("tool")
    found = tool.get("groupcalc") if isinstance(tool, dict) else None
    if found is not None and not isinstance(found, dict):
        raise InputError("tool.groupcalc is no table", "write [tool.groupcalc]", place)
    return found


def _given(table: Mapping[str, Any]) -> Given:
    shapes, dims = table_of(table, "shapes"), table_of(table, "dims")
    return Given(
        shapes={
            show_name(name): tuple(whole(f"shapes.{name}", each) for each in list_of(shapes, name)) for name in shapes
        },
        dims={show_name(name): whole(f"dims.{name}", size) for name, size in dims.items()},
    )


def _override(table: Mapping[str, Any]) -> Override:
    check_keys(table, MODEL_KEYS, "[[model]]")
    if not text_of(table, "match"):
        raise InputError("[[model]] has no match", 'write match = "models/detector*.onnx"')
    return Override(match=text_of(table, "match"), given=_given(table))


def _budgets(tables: Sequence[Mapping[str, Any]], text: str, place: str) -> list[Budget]:
    if not tables:
        return []
    from groupcalc.budget import Location, parse

    found: list[Budget] = []
    for table, spans in zip(tables, _spans(text, len(tables)), strict=True):
        start, end = spans
        for limit, line in _limits(table, text, start, end, place):
            location = Location(path=place, line=line)
            try:
                found.append(
                    parse(
                        limit,
                        model=text_of(table, "model"),
                        layer=text_of(table, "layer"),
                        level=_level(table),
                        message=text_of(table, "message"),
                        location=location,
                    )
                )
            except InputError as error:
                raise error.within(str(location)) from error.__cause__
    return found


def _limits(table: Mapping[str, Any], text: str, start: int, end: int, place: str) -> list[tuple[str, int]]:
    """The limits of one table with their lines; faults of the table are placed where it begins."""
    first = text.count("\n", 0, start) + 1
    try:
        check_keys(table, BUDGET_KEYS, "[[budgets]]")
        limits = texts_of(table, "limits")
        if not limits:
            raise InputError("[[budgets]] has no limits", 'write limits = ["macs <= 4.1G"]')
        _level(table)
    except InputError as error:
        raise error.within(f"{place}:{first}") from error.__cause__
    found, at = [], start
    for limit in limits:
        index = _index(text, limit, at, end)
        found.append((limit, first if index is None else text.count("\n", 0, index) + 1))
        at = at if index is None else index + len(limit)
    return found


def _index(text: str, limit: str, start: int, end: int) -> int | None:
    """Where a limit stands between quotes, outside of a comment; None when it is written with escapes."""
    for match in re.compile(f"[\"']{re.escape(limit)}[\"']").finditer(text, start, end):
        if not text[text.rfind("\n", 0, match.start()) + 1 : match.start()].lstrip().startswith("#"):
            return match.start()
    return None


def _level(table: Mapping[str, Any]) -> Any:
    level = table.get("level", "error")
    if level not in LEVELS:
        close = get_close_matches(str(level)[:100], LEVELS, n=1)
        way_out = f"did you mean '{close[0]}'?" if close else f"use {', '.join(LEVELS)}"
        raise InputError(f"level = {shown(level)} is not known", way_out)
    return level


def _spans(text: str, count: int) -> list[tuple[int, int]]:
    """Where each [[budgets]] table begins and ends in the text; the whole text where they are written otherwise."""
    header = r"^[ \t]*\[\[[ \t]*(?:tool[ \t]*\.[ \t]*groupcalc[ \t]*\.[ \t]*)?budgets[ \t]*\]\]"
    starts = [match.start() for match in re.finditer(header, text, re.MULTILINE)]
    if len(starts) != count:
        inline = re.search(r"^[ \t]*(?:tool\.groupcalc\.)?budgets[ \t]*=", text, re.MULTILINE)
        return [(inline.start() if inline else 0, len(text))] * count
    return [*pairwise([*starts, len(text)])]
