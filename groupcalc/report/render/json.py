"""JSON: the data of a report, whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from groupcalc.report.document import Report

DEEPEST = 4
"""Below this depth a value stands on one line: a layer's row, a shape. It reads better, and json's encoder in C,
which knows no indentation, does the bulk: 100,000 layers take a tenth of the time."""


def json(report: Report) -> str:
    """The data as JSON: raw integers of any size, no NaN, and names that no terminal obeys."""
    return text_of(report.data)


def text_of(data: Any) -> str:
    """JSON-ready data as text, for every format that is JSON."""
    return _inert("".join(_write(data, 0))) + "\n"


def _write(value: Any, depth: int) -> Iterator[str]:
    if depth >= DEEPEST or not isinstance(value, dict | list | tuple) or _flat(value):
        yield _dumps(value)
        return
    pad = "  " * (depth + 1)
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    items = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    between = f"{opening}\n{pad}"
    for key, item in items:
        yield between if key is None else f"{between}{_dumps(key)}: "
        yield from _write(item, depth + 1)
        between = f",\n{pad}"
    yield f"\n{'  ' * depth}{closing}"


def _flat(value: dict[str, Any] | list[Any] | tuple[Any, ...]) -> bool:
    """Empty, or a list of numbers or words."""
    if isinstance(value, dict):
        return not value
    return not any(isinstance(item, dict | list | tuple) for item in value)


def _dumps(value: Any) -> str:
    from json import dumps  # loaded only by who asks for JSON

    return dumps(value, ensure_ascii=False, allow_nan=False)


def _inert(text: str) -> str:
    """Escape what does not print (C1 controls, bidirectional overrides, lone surrogates), and what orders the reader
    of a build's log about (`##[error]`): it stands in strings only."""
    text = text.replace("##", "#\\u0023")
    if text.isascii() and "\x7f" not in text:
        return text
    import re
    from json import dumps

    def escape(match: re.Match[str]) -> str:
        character = match[0]
        if character == "\x7f":
            return "\\u007f"  # ASCII, which json leaves as it is
        return character if character.isprintable() else dumps(character)[1:-1]

    return re.sub(r"[^\x00-\x7e]", escape, text)
