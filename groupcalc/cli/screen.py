"""What the terminal is: its width, its colours, a report on it, and the notes and progress on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import Timer
from typing import TYPE_CHECKING, TypeVar

from groupcalc.cli.options import Color
from groupcalc.cli.output import STDOUT, Sink
from groupcalc.report.document import Report
from groupcalc.report.render import renderer
from groupcalc.report.render.cells import cut_middle, inert
from groupcalc.report.render.table import table

if TYPE_CHECKING:  # who sees no bar does not wait for it
    from rich.progress import Progress

T = TypeVar("T")

PROGRESS_AFTER_S = 0.5


def width() -> int | None:
    """Columns to fill: COLUMNS, else the terminal's; None outside a terminal."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and 0 < len(columns) < 10 and int(columns) > 0:
        return int(columns)
    if not _is_terminal():
        return None
    return os.get_terminal_size(sys.stdout.fileno()).columns or None


def coloured(color: Color) -> bool:
    """--color beats NO_COLOR beats FORCE_COLOR beats what standard output is."""
    if color is not Color.auto:
        return color is Color.always
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (_is_terminal() and os.environ.get("TERM") != "dumb")


def text_of(report: Report, sink: Sink, color: Color) -> str:
    """The report in the format of a sink; as a table on standard output it has the look of the terminal."""
    if sink.format != "table" or sink.path != STDOUT:
        return renderer(sink.format)(report)
    columns = width()
    return table(report, width=columns, color=coloured(color), elide=columns is not None)


def _is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()  # None: it was closed (`>&-`)


def note(text: str) -> None:
    """One line on standard error, inert; where that is closed or full there is nobody to tell."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(inert(text), file=sys.stderr)  # noqa: T201


@contextmanager
def status(wanted: bool | None) -> Iterator[Callable[[str], None]]:
    """What is being done, on one line of a terminal that is written over, and gone in the end.

    wanted  None: on a terminal only
    """
    stream = sys.stderr
    terminal = stream is not None and stream.isatty()
    if wanted is False or stream is None or (wanted is None and not terminal):
        yield lambda line: None
        return
    if not terminal:  # asked for, and a file keeps every line
        yield note
        return
    room = os.get_terminal_size(stream.fileno()).columns or 80

    def tell(line: str) -> None:
        with suppress(OSError):
            stream.write(f"\r\x1b[K{cut_middle(inert(line), room - 1)}")
            stream.flush()

    try:
        yield tell
    finally:
        tell("")


def tracked(items: Iterable[T], total: int, wanted: bool | None) -> Iterator[T]:
    """The items as they come, with a bar on standard error once they take a while, be it the first alone."""
    if wanted is False or sys.stderr is None or (wanted is None and not sys.stderr.isatty()):
        yield from items
        return
    bars: list[Progress] = []
    timer = Timer(PROGRESS_AFTER_S, lambda: bars.append(_bar(total)))
    if wanted:
        bars.append(_bar(total))
    else:
        timer.start()
    try:
        for done, item in enumerate(items, 1):
            for bar in bars:
                bar.update(bar.task_ids[0], completed=done)
            yield item
    finally:
        if not wanted:
            timer.cancel()
            timer.join()  # it may be about to show one
        for bar in bars:
            bar.stop()


def _bar(total: int) -> Progress:
    """A bar that shows; a single item has no parts to count, and it swings."""
    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True), transient=True)
    bar.add_task("reading", total=total if total > 1 else None)
    bar.start()
    return bar
