"""Which file configures a folder: the nearest upward."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from groupcalc.config.values import Config
from groupcalc.errors import InputError, UsageError
from groupcalc.units import show_name

OWN, SHARED = "groupcalc.toml", "pyproject.toml"

MAX_BYTES = 2**22


def find(path: str | None = None) -> Config:
    """The configuration of `path`, or else the nearest; an empty one when there is none. Raises InputError."""
    if path is not None:
        text = _text(path)
        if text is None:
            raise UsageError("no such file", "check the path", show_name(path))
        config = _read(path, text)
        if not config.path:
            raise InputError("has no [tool.groupcalc]", "write one, or name another file", show_name(path))
        return config
    for candidate in _candidates():
        text = _text(candidate)
        # A pyproject.toml of others is not even parsed: whoever analyzes a file does not wait for it.
        if text is not None and (os.path.basename(candidate) == OWN or _mentions(text)):
            config = _read(candidate, text)
            if config.path:
                return config
    return Config()


def _read(path: str, text: str) -> Config:
    from groupcalc.config.read import read

    return read(text, path)


def _mentions(text: str) -> bool:
    return "groupcalc" in text and "tool" in text


def _candidates() -> Iterator[str]:
    """groupcalc.toml and pyproject.toml here and in every folder above, by paths as people would write them."""
    try:
        here = Path.cwd()
    except FileNotFoundError:  # the folder is gone
        return
    for index, folder in enumerate((here, *here.parents)):
        for name in (OWN, SHARED):
            if (folder / name).is_file():
                yield os.path.join(*[os.pardir] * index, name)


def _text(path: str) -> str | None:
    """The text of a file; None when there is none."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=show_name(path)) from error
    if len(data) > MAX_BYTES:
        raise InputError(f"is larger than {MAX_BYTES} bytes", "a configuration is small", show_name(path))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8 text", "save it as UTF-8", show_name(path)) from error
