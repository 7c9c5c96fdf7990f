"""Every way a network can be given, and the one table of them: `load(target)` is a Graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from groupcalc.errors import GroupcalcError, InputError
from groupcalc.graph import Graph
from groupcalc.sources.given import Given
from groupcalc.sources.targets import Target

MAX_TEXT_BYTES = 2**24
"""The largest layer file that is read."""


def load(target: Target, given: Given) -> Graph:
    """The network of a target. Raises GroupcalcError, placed at the target; imports onnx only for ONNX."""
    try:
        return LOADERS[target.kind](target, given)
    except GroupcalcError as error:
        if error.place.startswith(target.path):
            raise
        raise error.within(target.path) from error.__cause__


def read_text(target: Target) -> str:
    """The text of a target; InputError when it is too large or not UTF-8."""
    try:
        if target.data is not None:
            data = target.data
        else:
            with Path(target.path).open("rb") as file:
                data = file.read(MAX_TEXT_BYTES + 1)
        if len(data) > MAX_TEXT_BYTES:
            raise InputError(f"is larger than {MAX_TEXT_BYTES} bytes", "split it")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8 text", "save it as UTF-8") from error


def _onnx(target: Target, given: Given) -> Graph:
    from groupcalc.sources.onnx.load import load_onnx

    return load_onnx(target.data if target.data is not None else Path(target.path), given, target.name)


def _text(target: Target, given: Given) -> Graph:
    from groupcalc.sources.spec import load_text

    return load_text(read_text(target), kind=target.kind, name=target.name, place=target.path)


def _lines(target: Target, given: Given) -> Graph:
    from groupcalc.sources.spec import load_lines

    return load_lines(target.lines, name=target.name)


def _arch(target: Target, given: Given) -> Graph:
    from groupcalc.sources.archs.grammar import load_arch

    return load_arch(target.path)


LOADERS: Mapping[str, Callable[[Target, Given], Graph]] = {
    "onnx": _onnx,
    "toml": _text,
    "json": _text,
    "lines": _text,
    "command line": _lines,
    "arch": _arch,
}
