"""TOML as a document, or what is wrong with it and in which line."""

from __future__ import annotations

import re
from typing import Any

from groupcalc.errors import InputError

KEY_PARTS = 10
"""The most parts of a dotted key: reading one takes time by their square, and no file of ours needs four."""

_PART = r"""(?:[A-Za-z0-9_-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+"""
_LONG_KEY = re.compile(rf"(?:^|[\[{{,])[ \t]*+({_PART}(?:\.[ \t]*+{_PART}){{{KEY_PARTS}}})", re.MULTILINE)


def parse_toml(text: str, place: str) -> dict[str, Any]:
    """The document, or InputError with its line. RecursionError and ValueError for brackets and digits without end."""
    import tomllib

    found = _LONG_KEY.search(text)
    if found:
        from groupcalc.sources.arguments import cut  # loaded only for a mistake

        where = f"{place}:{text.count(chr(10), 0, found.start()) + 1}"
        raise InputError(f"key {cut(found[1])!r} has more than {KEY_PARTS} parts", "", where)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, _, line = str(error).partition(" (at line ")
        where = f"{place}:{line.partition(',')[0]}" if line else f"{place}:{text.count(chr(10)) + 1}"
        raise InputError(message.removesuffix(" (at end of document)"), "", where) from error
