"""The renderers: one function a format, Report in, text out."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from groupcalc.report.document import Report

Renderer = Callable[[Report], str]
"""A renderer called with the report alone writes what belongs into a file or a pipe."""

FORMATS = ("table", "json", "csv", "markdown", "html", "github", "gitlab", "junit", "sarif", "svg")
"""Every format of `-o`: the name of its module here, and of the function in it."""


def renderer(name: str) -> Renderer:
    """The renderer of one of FORMATS. Loaded only now: a run writes a format or two."""
    function: Renderer = getattr(import_module(f"{__name__}.{name}"), name)
    return function
