"""Text for a terminal or its log: made inert, measured in cells, cut in the middle, wrapped."""

from __future__ import annotations

import re
from functools import lru_cache
from unicodedata import category, east_asian_width

from groupcalc.units import show_name

COMMAND = re.compile(r"(?<!\S):(?=:)|#(?=#\w*\[)")
"""Where a workflow command begins: `::error::` in front of a line, which may be wrapped anywhere, `##[error]` and
`##vso[…]` within one (actions/runner ActionCommand, azure-pipelines-agent Command)."""


def inert(text: str) -> str:
    """The text as one line that neither a terminal nor the reader of a build's log obeys."""
    shown = show_name(text)
    if "::" not in shown and "##" not in shown:
        return shown
    return COMMAND.sub(lambda match: f"\\x{ord(match[0]):x}", shown)


def width_of(text: str) -> int:
    """Cells that printable text takes: two for East Asian wide characters, none for combining marks."""
    return len(text) if text.isascii() else sum(map(_cell, text))


@lru_cache(maxsize=4096)
def _cell(character: str) -> int:
    if category(character) in ("Mn", "Me"):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


def pad(text: str, width: int, align: str) -> str:
    """The text filled with spaces up to `width` cells."""
    fill = " " * (width - width_of(text))
    return fill + text if align == "right" else text + fill


def cut_middle(text: str, width: int) -> str:
    """At most `width` cells; what is cut leaves `…`. Names of layers differ at their ends, so two thirds stay there."""
    if width_of(text) <= width:
        return text
    tail = max(0, width - 1) * 2 // 3
    return _take(text, max(0, width - 1 - tail)) + "…" + _take(text[::-1], tail)[::-1]


def _take(text: str, width: int) -> str:
    taken = 0
    for index, character in enumerate(text):
        taken += _cell(character)
        if taken > width:
            return text[:index]
    return text


GLUE = "\u00a0"
"""Stands for a space that does not break; never part of a text, since `show_name` escapes it."""


def wrap(text: str, width: int, indent: int = 2) -> list[str]:
    """Lines of at most `width` cells, the later ones indented; longer words are cut in the middle.

    Broken at spaces; not within a short phrase between ` · `, where `11 layers` belongs together.
    """
    phrases = (phrase if width_of(phrase) > width // 2 else phrase.replace(" ", GLUE) for phrase in text.split(" · "))
    lines: list[str] = []
    line = ""
    for word in f"{GLUE}· ".join(phrases).split(" "):
        room = width - (indent if lines else 0)
        if line and width_of(line) + 1 + width_of(word) > room:
            lines.append(" " * (indent if lines else 0) + line)
            line = cut_middle(word, width - indent)
        else:
            line = f"{line} {word}" if line else cut_middle(word, room)
    lines.append(" " * (indent if lines else 0) + line)
    return [kept for line in lines if (kept := line.replace(GLUE, " ").rstrip())]
