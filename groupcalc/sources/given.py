"""What the user gives for dynamic inputs: `--shape x=1x3x224x224`, `--dim batch=1`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TypeVar

from groupcalc.errors import UsageError
from groupcalc.units import show_name

T = TypeVar("T")
_SIZES = re.compile(r"\d{1,19}(?:[x×]\d{1,19}){0,63}")
_SIZE = re.compile(r"\d{1,19}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Shapes by input name ("" for the only input) and sizes by dimension name."""

    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    dims: Mapping[str, int] = field(default_factory=dict)


def parse_given(shapes: Iterable[str], dims: Iterable[str]) -> Given:
    """Read the values of --shape and --dim, each repeatable or comma-joined; UsageError for what is neither."""
    return Given(
        shapes=_collect(shapes, "--shape", _parse_shape),
        dims=_collect(dims, "--dim", _parse_dim),
    )


def _collect(texts: Iterable[str], flag: str, parse: Callable[[str], tuple[str, T]]) -> dict[str, T]:
    found: dict[str, T] = {}
    for item in (item for text in texts for item in text.split(",")):
        name, value = parse(item.strip())
        if found.setdefault(name, value) != value:
            raise UsageError(f"'{show_name(name)}' is given twice, with different values", "give it once", flag)
    return found


def _parse_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """NAME=1x3x8x8, trtexec's NAME:1x3x8x8, or 1x3x8x8 alone: split at the first `=`, else at the last `:`."""
    name, sign, sizes = text.partition("=") if "=" in text else text.rpartition(":")
    if not _SIZES.fullmatch(sizes) or (sign and not name):
        raise UsageError(f"'{show_name(text)}' is not a shape", "write x=1x3x224x224", "--shape")
    return name, tuple(int(size) for size in re.split("[x×]", sizes))


def _parse_dim(text: str) -> tuple[str, int]:
    name, _, size = text.partition("=")
    if not name or not _SIZE.fullmatch(size):
        raise UsageError(f"'{show_name(text)}' is not a dimension", "write batch=1", "--dim")
    return name, int(size)


def check_used(given: Given, inputs: Iterable[str], symbols: Iterable[str]) -> None:
    """UsageError for a name that none of the models has."""
    for flag, names, known in (("--shape", given.shapes, set(inputs)), ("--dim", given.dims, set(symbols))):
        for name in names:
            if name and name not in known:
                close = get_close_matches(name, known, n=1)
                has = ", ".join(show_name(each) for each in sorted(known)[:8]) or "none"
                way_out = f"did you mean '{show_name(close[0])}'?" if close else f"there is: {has}"
                what = "input" if flag == "--shape" else "dimension"
                raise UsageError(f"no model has {what} '{show_name(name)}'", way_out, flag)
