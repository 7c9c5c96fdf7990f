"""What the user gives for dynamic inputs: `--shape x=1x3x224x224`, `--dim batch=1`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from groupcalc.errors import UsageError
from groupcalc.graph import MAX_ELEMENTS
from groupcalc.units import show_name

_SIZES = "[0-9]{1,19}(?:[x×][0-9]{1,19}){0,63}"
_SHAPE = re.compile(rf"(?:(.+?)[=:])?({_SIZES})\s*(?:,(?=.)|$)", re.DOTALL)
_DIM = re.compile(r"(.+?)=([0-9]{1,19})\s*(?:,(?=.)|$)", re.DOTALL)
"""One item of a value. A name reaches to the first sign before sizes that end the item, so it may hold commas and
signs: PyTorch calls a dimension `Max(1, s0)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Shapes by input name ("" for the only input) and sizes by dimension name; names as they are shown to people."""

    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    dims: Mapping[str, int] = field(default_factory=dict)


def parse_given(shapes: Iterable[str], dims: Iterable[str]) -> Given:
    """Read the values of --shape and --dim, each repeatable or comma-joined; UsageError for what is neither."""
    sizes = _collect(dims, "--dim", _DIM, "a dimension", "write batch=1")
    return Given(
        shapes=_collect(shapes, "--shape", _SHAPE, "a shape", "write x=1x3x224x224"),
        dims={name: size for name, (size,) in sizes.items()},
    )


def _collect(
    texts: Iterable[str], flag: str, item: re.Pattern[str], what: str, way_out: str
) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for text in texts:
        items = _items(text, item)
        if not items or max(size for _, sizes in items for size in sizes) > MAX_ELEMENTS:
            raise UsageError(f"'{show_name(text)}' is not {what}", way_out, flag)
        for name, sizes in items:
            if found.setdefault(name, sizes) != sizes:
                whose = f"'{name}'" if name else "the shape"
                raise UsageError(f"{whose} is given twice, with different values", "give it once", flag)
    return found


def _items(text: str, item: re.Pattern[str]) -> list[tuple[str, tuple[int, ...]]]:
    """The names and sizes in one value; none when it cannot be read. What has no name stands alone."""
    found, at = [], 0
    while at < len(text):
        match = item.match(text, at)
        if match is None or not (match[1] or match[0] == text):
            return []
        found.append((show_name(match[1] or ""), tuple(int(size) for size in re.split("[x×]", match[2]))))
        at = match.end()
        while text[at : at + 1].isspace():  # behind a comma; in front of all a space is one of the name
            at += 1
    return found


def check_used(given: Given, inputs: Iterable[str], symbols: Iterable[str]) -> None:
    """UsageError for a name that none of the models has."""
    for flag, what, names, all_names in (
        ("--shape", "input", given.shapes, inputs),
        ("--dim", "dimension", given.dims, symbols),
    ):
        known = set(map(show_name, all_names))
        for name in names:
            if name and name not in known:
                close = get_close_matches(name, known, n=1)
                has = ", ".join(sorted(known)[:8]) or "none"
                way_out = f"did you mean '{close[0]}'?" if close else f"there is: {has}"
                raise UsageError(f"no model has {what} '{name}'", way_out, flag)
