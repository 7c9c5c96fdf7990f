"""Width, colours, notes and progress."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from groupcalc.cli import screen
from groupcalc.cli.options import Color
from groupcalc.cli.screen import coloured, note, status, tracked, width


def stdout(monkeypatch: pytest.MonkeyPatch, terminal: bool, columns: int = 93) -> None:
    """Standard output is a terminal of so many columns, or is not."""
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(isatty=lambda: terminal, fileno=lambda: 1))
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((columns, 40)))


BOTH = pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])


@BOTH
@pytest.mark.parametrize("columns", ["100", "0100"])
def test_columns_beats_the_terminal(monkeypatch: pytest.MonkeyPatch, terminal: bool, columns: str) -> None:
    stdout(monkeypatch, terminal)
    monkeypatch.setenv("COLUMNS", columns)
    assert width() == 100


@BOTH
@pytest.mark.parametrize("columns", ["", "0", "-5", "wide", "8e1", "²", "9" * 30])
def test_columns_that_are_no_number_count_as_none(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, columns: str
) -> None:
    stdout(monkeypatch, terminal)
    monkeypatch.setenv("COLUMNS", columns)
    assert width() == (93 if terminal else None)


def test_a_terminal_that_knows_no_width_counts_as_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    stdout(monkeypatch, terminal=True, columns=0)
    assert width() is None


@BOTH
@pytest.mark.parametrize(
    ("color", "environment", "on_terminal", "in_pipe"),
    [
        ("auto", {}, True, False),
        ("auto", {"NO_COLOR": "1"}, False, False),
        ("auto", {"NO_COLOR": ""}, True, False),
        ("auto", {"FORCE_COLOR": "1"}, True, True),
        ("auto", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ("auto", {"TERM": "dumb"}, False, False),
        ("auto", {"TERM": "xterm"}, True, False),
        ("always", {"NO_COLOR": "1"}, True, True),
        ("never", {"FORCE_COLOR": "1"}, False, False),
    ],
)
def test_who_decides_about_colours(
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
    color: str,
    environment: dict[str, str],
    on_terminal: bool,
    in_pipe: bool,
) -> None:
    stdout(monkeypatch, terminal)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert coloured(Color(color)) == (on_terminal if terminal else in_pipe)


def test_closed_streams_are_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert width() is None
    assert not coloured(Color.auto)
    note("nobody reads this")
    assert list(tracked("abc", 3, True)) == ["a", "b", "c"]


def test_a_note_is_one_inert_line(capsys: pytest.CaptureFixture[str]) -> None:
    note("a\nb\x1b[31m [red]c[/red]\u202e")
    assert capsys.readouterr() == ("", "a\\nb\\x1b[31m [red]c[/red]\\u202e\n")


def test_a_note_that_nobody_can_read_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stderr", Full())
    note("text")


class Bar:
    """Stands for rich's, and remembers."""

    task_ids = (7,)

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.stopped = False

    def update(self, task: int, completed: int) -> None:
        assert task == 7
        self.seen.append(completed)

    def stop(self) -> None:
        self.stopped = True


class Clock:
    """Stands for threading's Timer, and goes off when it is told."""

    def __init__(self, seconds: float, ring: Callable[[], None]) -> None:
        self.seconds, self.ring = seconds, ring
        self.started = self.cancelled = False
        Clock.last = self

    last: Clock

    def start(self) -> None:
        self.started = True

    def cancel(self) -> None:
        self.cancelled = True

    def join(self) -> None:
        assert self.started


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> list[Bar]:
    """The bars that were shown."""
    shown: list[Bar] = []

    def show(total: int) -> Bar:
        shown.append(Bar())
        return shown[-1]

    monkeypatch.setattr(screen, "_bar", show)
    monkeypatch.setattr(screen, "Timer", Clock)
    return shown


def _stderr(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)


def test_a_bar_comes_on_a_terminal_after_half_a_second(monkeypatch: pytest.MonkeyPatch, bars: list[Bar]) -> None:
    _stderr(monkeypatch, terminal=True)

    def work() -> Iterator[int]:
        yield from (1, 2)
        assert bars == []
        Clock.last.ring()  # half a second is over while the third is made
        yield from (3, 4)

    assert list(tracked(work(), 4, None)) == [1, 2, 3, 4]
    assert Clock.last.seconds == 0.5
    assert Clock.last.cancelled
    assert bars[0].seen == [3, 4]
    assert bars[0].stopped


def test_a_bar_comes_while_a_single_large_file_is_read(monkeypatch: pytest.MonkeyPatch, bars: list[Bar]) -> None:
    _stderr(monkeypatch, terminal=True)

    def work() -> Iterator[int]:
        Clock.last.ring()
        yield 1

    assert list(tracked(work(), 1, None)) == [1]
    assert len(bars) == 1


def test_there_is_no_bar_when_all_is_done_before(monkeypatch: pytest.MonkeyPatch, bars: list[Bar]) -> None:
    _stderr(monkeypatch, terminal=True)
    assert list(tracked("abcd", 4, None)) == list("abcd")
    assert Clock.last.cancelled
    assert bars == []


def test_a_bar_that_is_wanted_comes_at_once(monkeypatch: pytest.MonkeyPatch, bars: list[Bar]) -> None:
    _stderr(monkeypatch, terminal=False)
    assert list(tracked("abcd", 4, True)) == list("abcd")
    assert bars[0].seen == [1, 2, 3, 4]


@pytest.mark.parametrize(("terminal", "wanted"), [(False, None), (True, False), (False, False)])
def test_there_is_no_bar_where_none_belongs(
    monkeypatch: pytest.MonkeyPatch, bars: list[Bar], terminal: bool, wanted: bool | None
) -> None:
    _stderr(monkeypatch, terminal)
    assert list(tracked("abcd", 4, wanted)) == list("abcd")
    assert bars == []


def test_a_bar_goes_when_the_work_fails(monkeypatch: pytest.MonkeyPatch, bars: list[Bar]) -> None:
    def work() -> Iterator[int]:
        yield 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(tracked(work(), 2, True))
    assert bars[0].stopped


def test_the_real_bar_leaves_standard_output_alone(groupcalc: Callable[..., Any], net: str) -> None:
    line = "Conv2d(8, 8, 1) @ 4x4"
    quiet = groupcalc("analyze", net, line)
    shown = groupcalc("analyze", net, line, "--progress")
    assert shown.out == quiet.out
    assert shown.code == 0


class Stream(io.StringIO):
    """Standard error of a terminal, or not."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def fileno(self) -> int:
        return 2


def told(monkeypatch: pytest.MonkeyPatch, terminal: bool, wanted: bool | None) -> str:
    stream = Stream(terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((20, 40)))
    with status(wanted) as tell:
        tell("round 1")
        tell("round 2 of a name that is long \x1b[31m")
    return stream.getvalue()


def test_what_is_done_stands_on_one_line_that_is_gone_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    text = told(monkeypatch, terminal=True, wanted=None)
    assert text.split("\r\x1b[K") == ["", "round 1", "round …ong \\x1b[31m", ""]
    assert "\n" not in text


@pytest.mark.parametrize(("terminal", "wanted"), [(False, None), (True, False), (False, False)])
def test_what_is_done_is_not_said_where_it_does_not_belong(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, wanted: bool | None
) -> None:
    assert told(monkeypatch, terminal, wanted) == ""


def test_what_is_done_is_kept_line_by_line_in_a_file_that_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, terminal=False, wanted=True) == ("round 1\nround 2 of a name that is long \\x1b[31m\n")
