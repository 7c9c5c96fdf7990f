"""Where results go: `-o FORMAT[:PATH]`, standard output at most once, files whole or not at all."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from groupcalc.errors import UsageError
from groupcalc.units import show_name

STDOUT = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sink:
    """One thing to write: a format, and the file it goes to (`-`: standard output)."""

    format: str
    path: str = STDOUT


def parse_sinks(outputs: Sequence[str], json: bool, formats: Collection[str]) -> list[Sink]:
    """The values of -o and --json. UsageError for an unknown format, and for two results on standard output."""
    words = [*outputs, *(["json"] if json and not {"json", "json:", f"json:{STDOUT}"} & set(outputs) else [])]
    sinks = [_sink(word, formats) for word in words] or [Sink(format="table")]
    if sum(sink.path == STDOUT for sink in sinks) > 1:
        raise UsageError("two results on standard output", f"give one a path: {sinks[-1].format}:PATH", "--output")
    return sinks


def _sink(word: str, formats: Collection[str]) -> Sink:
    name, _, path = word.partition(":")
    if name not in formats:
        close = get_close_matches(name, formats, n=1)
        way_out = f"did you mean '{close[0]}'?" if close else f"use {', '.join(formats)}"
        raise UsageError(f"'{show_name(name)}' is no format of this command", way_out, "--output")
    return Sink(format=name, path=path or STDOUT)


def check_writable(sinks: Sequence[Sink]) -> None:
    """UsageError for a file that could not be written, before minutes are spent on what goes into it."""
    for sink in sinks:
        if sink.path == STDOUT:
            continue
        target = Path(sink.path)
        folder = target.resolve().parent
        if not folder.is_dir():
            raise UsageError("cannot be written: its directory does not exist", "make it", show_name(sink.path))
        if target.is_dir() or not os.access(target if target.exists() else folder, os.W_OK):
            raise UsageError("cannot be written", "give another path", show_name(sink.path))


def write(text: str | bytes, path: str = STDOUT, encoding: str | None = None) -> None:
    """Write a result; UsageError when it cannot be. A file appears whole, by renaming, or stays as it was.

    encoding  of standard output; None: as the terminal has it. A file is UTF-8.
    """
    place, way_out = ("standard output", "") if path == STDOUT else (path, "give another path")
    try:
        if path == STDOUT:
            _print(text, encoding)
        else:
            _replace(_encoded(text, "utf-8"), Path(path))
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", way_out, show_name(place)) from error


def _encoded(text: str | bytes, encoding: str) -> bytes:
    """A name may hold what the encoding does not: it is escaped rather than refused."""
    return text if isinstance(text, bytes) else text.encode(encoding, "backslashreplace")


def _print(text: str | bytes, encoding: str | None) -> None:
    if sys.stdout is None:  # `>&-`
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    try:
        sys.stdout.buffer.write(_encoded(text, encoding or sys.stdout.encoding or "utf-8"))
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # the reader has seen enough (`| head`)
        hush()
    except OSError:
        hush()
        raise


def hush() -> None:
    """Send standard output nowhere: what stands in its buffer would fail once more when Python ends."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _replace(data: bytes, target: Path) -> None:
    if target.exists() and not target.is_file():  # /dev/stderr, a pipe: there is nothing to rename onto
        target.write_bytes(data)
        return
    target = target.resolve()  # a link stays one
    if target.exists() and not os.access(target, os.W_OK):  # renaming would not ask
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(draft, _mode(target))
        os.replace(draft, target)
    except BaseException:
        os.unlink(draft)
        raise


def _mode(target: Path) -> int:
    """The permissions that the file has, or that a new one would get."""
    try:
        return target.stat().st_mode & 0o7777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
