"""The one table of formats."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from groupcalc.report.document import Report

Renderer = Callable[[Report], str]
"""A renderer called with the report alone writes what belongs into a file or a pipe."""

RENDERERS: dict[str, Renderer] = {}
"""Every format of `-o` by name."""

R = TypeVar("R", bound=Callable[..., str])


def renderer(name: str) -> Callable[[R], R]:
    """Enter the decorated function under the name of its format; a name is entered once."""

    def enter(function: R) -> R:
        if name in RENDERERS:
            raise ValueError(f"format {name!r} already has a renderer")
        RENDERERS[name] = function
        return function

    return enter
