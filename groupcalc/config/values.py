"""A configuration as plain values, and what it says of one model."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from groupcalc.sources.given import Given
from groupcalc.sources.targets import fits

if TYPE_CHECKING:  # who only analyzes does not wait for budgets
    from groupcalc.budget import Budget

PREFIXES = ("arch:", "git:")
"""What begins so is no path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Shapes and sizes for the models whose path fits `match`."""

    match: str
    given: Given


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a file configures; every path in it is relative to its folder.

    path       of the file; "" when there is none
    models     inputs and globs, to be read when a command names none
    base       what `check` compares with
    given      shapes and sizes for all models
    overrides  those for some, the later the stronger
    groups     the group counts of `analyze`
    """

    path: str = ""
    models: tuple[str, ...] = ()
    base: str = ""
    given: Given = field(default_factory=Given)
    overrides: tuple[Override, ...] = ()
    groups: tuple[int, ...] = ()
    strict: bool = False
    cache_dir: str = ""
    budgets: tuple[Budget, ...] = ()

    @property
    def root(self) -> str:
        """The folder of the file, as the current directory sees it."""
        return os.path.dirname(self.path) or "."

    @property
    def inputs(self) -> list[str]:
        """The models as a command run here would name them."""
        return [self.located(text) for text in self.models]

    def located(self, text: str) -> str:
        """A path or glob of the file as the current directory sees it; a layer line and an architecture as they are."""
        negated, text = ("!", text[1:]) if text.startswith("!") else ("", text)
        if not text or self.root == "." or text.startswith(PREFIXES) or "(" in text or os.path.isabs(text):
            return negated + text
        root = self.root
        if set(text) & set("*?["):
            from glob import escape

            root = escape(root)
        return negated + os.path.normpath(os.path.join(root, text))

    def relative(self, path: str) -> str:
        """The path of a model as the file sees it, which its globs match."""
        if path.startswith(PREFIXES):
            return path
        if not os.path.lexists(path):  # of a saved result, or of another revision
            return Path(os.path.normpath(path)).as_posix()
        return Path(os.path.relpath(os.path.abspath(path), os.path.abspath(self.root))).as_posix()

    def given_for(self, path: str, flags: Given) -> Given:
        """The shapes and sizes of one model: those of the command line beat an override beats those for all."""
        shapes: dict[str, tuple[int, ...]] = dict(self.given.shapes)
        dims: dict[str, int] = dict(self.given.dims)
        for override in self.overrides:
            if fits(self.relative(path), override.match):
                shapes |= override.given.shapes
                dims |= override.given.dims
        if "" in flags.shapes:  # the only input, whatever it is called
            shapes.clear()
        return Given(shapes=shapes | dict(flags.shapes), dims=dims | dict(flags.dims))
