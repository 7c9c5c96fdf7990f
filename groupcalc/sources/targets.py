"""From the words of a command line to the networks they name."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO

from groupcalc.errors import GroupcalcError, InputError, UsageError

KINDS = {".onnx": "onnx", ".toml": "toml", ".json": "json", ".txt": "lines"}
"""What a file is, by its suffix."""

COMMAND_LINE = "command line"

ARCH = "arch:"
"""How an architecture by name begins; a file of such a name is `./arch:…`."""

MAX_PIPED_BYTES = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One network to read.

    path   the input as given; `command line` for layer lines, `-` for standard input
    kind   a key of `groupcalc.sources.LOADERS`
    lines  the layer lines of a command
    data   what came through a pipe, such as standard input
    """

    path: str
    kind: str
    lines: tuple[str, ...] = ()
    data: bytes | None = None

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return Path(self.path).stem if self.kind in KINDS.values() else self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An input that could not be read, and why."""

    path: str
    error: GroupcalcError


def expand(inputs: Sequence[str]) -> tuple[list[Target], list[Failure]]:
    """The targets of all inputs in their order, each once, and a failure for each input that names none.

    Layer lines on one command are one network. `!PATTERN` takes away what it matches.
    """
    lines = tuple(text for text in inputs if _is_layer(text))
    refused = [os.path.normpath(text[1:]) for text in inputs if text.startswith("!")]
    targets: dict[str, Target] = {}
    failures: list[Failure] = []
    for text in dict.fromkeys(inputs):  # a pipe can be read once
        try:
            for target in _targets(text, lines):
                if not any(fnmatchcase(os.path.normpath(target.path), pattern) for pattern in refused):
                    targets.setdefault(target.path, target)
        except GroupcalcError as error:
            failures.append(Failure(path=text, error=error))
    if not targets and not failures:
        raise UsageError("none is left", "a !GLOB only takes away from what the others name", place="INPUT")
    return list(targets.values()), failures


def fits(path: str, pattern: str) -> bool:
    """A path fits a glob in which `*` crosses "/", and `**/` may stand for no folder at all."""
    fewer = pattern.removeprefix("**/").replace("/**/", "/")
    return fnmatchcase(path, pattern) or (fewer != pattern and fnmatchcase(path, fewer))


def names_input(text: str) -> bool:
    """Whether a word is meant as an input."""
    return (
        text == "-"
        or text.startswith(ARCH)
        or _is_layer(text)
        or Path(text).suffix.lower() in KINDS
        or os.path.lexists(text)
    )


def _is_layer(text: str) -> bool:
    if "(" not in text:  # who names files does not wait for the layers to load
        return False
    from groupcalc.sources.lines import looks_like_layer

    return looks_like_layer(text)


def _targets(text: str, lines: tuple[str, ...]) -> list[Target]:
    if text.startswith("!"):
        return []
    if not text:
        raise InputError("is empty", "name a file, or quote a layer line", place="INPUT")
    if text in lines:
        return [Target(path=COMMAND_LINE, kind=COMMAND_LINE, lines=lines)]
    if text.startswith(ARCH):
        return [Target(path=text, kind="arch")]
    if text == "-":
        return [_standard_input()]
    path = Path(text)
    if path.is_dir():
        return _directory(text)
    if glob.has_magic(text) and not path.exists():
        return _matches(text)
    return [_file(text)]


def _file(text: str) -> Target:
    kind = KINDS.get(Path(text).suffix.lower())
    if not os.path.lexists(text):
        raise InputError("no such file", "check the path, or quote a layer line", place=text)
    if kind is None and Path(text).is_fifo():  # `<(command)`
        with open(text, "rb") as pipe:
            return _piped(text, pipe)
    if kind is not None and Path(text).exists() and not Path(text).is_file():  # opening a pipe waits for its writer
        raise InputError("is not a file", "name a file of its own, or - for standard input", place=text)
    if kind is None:
        raise InputError("is no kind of input", f"use {', '.join(KINDS)}, or - for standard input", place=text)
    return Target(path=text, kind=kind)


def _matches(pattern: str) -> list[Target]:
    found = sorted(_below(pattern) if "**" in Path(pattern).parts else glob.glob(pattern))
    targets = [_file(path) for path in found if Path(path).suffix.lower() in KINDS and Path(path).is_file()]
    if not targets:
        raise InputError("matches no model", f"it should match files that end in {', '.join(KINDS)}", place=pattern)
    return targets


def _below(pattern: str) -> Iterator[str]:
    """The files that a pattern with `**` matches. Not glob's, which follows links, in circles as well."""
    parts = Path(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    root = os.path.join(*parts[:fixed]) if fixed else ""
    for folder, folders, files in os.walk(root or "."):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            path = os.path.relpath(os.path.join(folder, name), root or ".")
            if _fits(Path(path).parts, parts[fixed:]):
                yield os.path.join(root, path)


def _fits(path: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not path
    hidden = bool(path) and path[0].startswith(".")
    if pattern[0] == "**":
        return _fits(path, pattern[1:]) or (bool(path) and not hidden and _fits(path[1:], pattern))
    if not path or (hidden and not pattern[0].startswith(".")):
        return False
    return fnmatchcase(path[0], pattern[0]) and _fits(path[1:], pattern[1:])


def _directory(text: str) -> list[Target]:
    """The *.onnx below a directory; hidden and linked directories are passed over."""
    found = []
    for folder, folders, files in os.walk(text):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [os.path.join(folder, name) for name in sorted(files) if name.lower().endswith(".onnx")]
    if not found:
        raise InputError("holds no .onnx file", "name a directory of models, or a file", place=text)
    return [_file(path) for path in found]


def _standard_input() -> Target:
    if sys.stdin is None:  # `<&-`
        raise InputError("standard input is closed", "pipe a model in", place="-")
    return _piped("-", sys.stdin.buffer)


def _piped(path: str, stream: BinaryIO) -> Target:
    data = stream.read(MAX_PIPED_BYTES + 1)
    if len(data) > MAX_PIPED_BYTES:
        raise InputError("is larger than 2 GiB", "give the file by its path", place=path)
    if not data.strip():
        raise InputError("is empty", "pipe a model in", place=path)
    return Target(path=path, kind=_sniff(data), data=data)


def _sniff(data: bytes) -> str:
    """JSON begins with a brace, ONNX with a binary field number, TOML has `=` or `[` where a layer line has a call."""
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"{"):
        return "json"
    if any(byte < 32 and byte not in b"\t\r\n" for byte in head):
        return "onnx"
    first = next((line for line in head.splitlines() if line.strip() and not line.lstrip().startswith(b"#")), b"")
    return "toml" if first.startswith((b"schema", b"[", b"layers")) else "lines"
