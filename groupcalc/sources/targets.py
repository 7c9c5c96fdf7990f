"""From the words of a command line to the networks they name."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from groupcalc.errors import GroupcalcError, InputError, UsageError

KINDS = {".onnx": "onnx", ".toml": "toml", ".json": "json", ".txt": "lines"}
"""What a file is, by its suffix."""

COMMAND_LINE = "command line"

MAX_STDIN_BYTES = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One network to read.

    path   the input as given; `command line` for layer lines, `-` for standard input
    kind   a key of `groupcalc.sources.LOADERS`
    lines  the layer lines of a command
    data   what came from standard input
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
    from groupcalc.sources.lines import looks_like_layer

    lines = tuple(text for text in inputs if looks_like_layer(text))
    refused = [text[1:] for text in inputs if text.startswith("!")]
    targets: dict[str, Target] = {}
    failures: list[Failure] = []
    for text in inputs:
        try:
            for target in _targets(text, lines):
                if not any(fnmatchcase(target.path, pattern) for pattern in refused):
                    targets.setdefault(target.path, target)
        except GroupcalcError as error:
            failures.append(Failure(path=text, error=error))
    if not targets and not failures:
        raise UsageError("the inputs name no network", "give a .onnx file, a layer file or a layer line")
    return list(targets.values()), failures


def _targets(text: str, lines: tuple[str, ...]) -> list[Target]:
    if text.startswith("!"):
        return []
    if text in lines:
        return [Target(path=COMMAND_LINE, kind=COMMAND_LINE, lines=lines)]
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
    if kind is None:
        raise InputError("is no kind of input", f"use {', '.join(KINDS)}", place=text)
    return Target(path=text, kind=kind)


def _matches(pattern: str) -> list[Target]:
    found = sorted(glob.glob(pattern, recursive=True))
    targets = [_file(path) for path in found if Path(path).suffix.lower() in KINDS and Path(path).is_file()]
    if not targets:
        raise InputError("matches no model", f"it should match files that end in {', '.join(KINDS)}", place=pattern)
    return targets


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
    data = sys.stdin.buffer.read(MAX_STDIN_BYTES + 1)
    if len(data) > MAX_STDIN_BYTES:
        raise InputError("is larger than 2 GiB", "give the file by its path", place="-")
    return Target(path="-", kind=_sniff(data), data=data)


def _sniff(data: bytes) -> str:
    """JSON begins with a brace, ONNX with a binary field number, TOML has `=` or `[` where a layer line has a call."""
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"{"):
        return "json"
    if any(byte < 32 and byte not in b"\t\r\n" for byte in head):
        return "onnx"
    first = next((line for line in head.splitlines() if line.strip() and not line.lstrip().startswith(b"#")), b"")
    return "toml" if first.startswith((b"schema", b"[", b"layers")) else "lines"
