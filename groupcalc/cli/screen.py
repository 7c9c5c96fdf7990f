"""What the terminal is: its width, its colours, and the notes and progress on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TypeVar

from groupcalc.cli.options import Color

T = TypeVar("T")

PROGRESS_AFTER_S = 0.5


def width() -> int | None:
    """Columns to fill: COLUMNS, else the terminal's; None outside a terminal."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    if not sys.stdout.isatty():
        return None
    return os.get_terminal_size(sys.stdout.fileno()).columns or None


def coloured(color: Color) -> bool:
    """--color beats NO_COLOR beats FORCE_COLOR beats what standard output is."""
    if color is not Color.auto:
        return color is Color.always
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (sys.stdout.isatty() and os.environ.get("TERM") != "dumb")


def note(text: str) -> None:
    """One line on standard error."""
    print(text, file=sys.stderr)  # noqa: T201


def tracked(items: Iterable[T], total: int, wanted: bool | None) -> Iterator[T]:
    """The items as they come, with a bar on standard error once they take a while."""
    if wanted is False or (wanted is None and not sys.stderr.isatty()) or total < 2:
        yield from items
        return
    from rich.console import Console
    from rich.progress import Progress

    start = monotonic()
    with Progress(console=Console(stderr=True), transient=True, disable=False) as bar:
        task = bar.add_task("reading", total=total, visible=bool(wanted))
        for item in items:
            bar.update(task, advance=1, visible=bool(wanted) or monotonic() - start > PROGRESS_AFTER_S)
            yield item
