"""The flags that several commands take, each written once."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, TypeVar

import typer

from groupcalc.errors import UsageError
from groupcalc.units import show_name


class Color(StrEnum):
    """When to colour."""

    auto = "auto"
    always = "always"
    never = "never"


class By(StrEnum):
    """What a row stands for."""

    layer = "layer"
    op = "op"
    model = "model"


class Metric(StrEnum):
    """What `--match` keeps."""

    params = "params"
    macs = "macs"


E = TypeVar("E", bound=StrEnum)

MAX_DIGITS = 9


def choice(kind: type[E]) -> Callable[[str], E]:
    """The parser of a flag whose value is one of a few words. Typer's own speak with the voice of pydantic."""

    def parse(text: str) -> E:
        try:
            return kind(text)
        except ValueError:
            close = get_close_matches(text.lower(), kind, n=1)
            way_out = f"did you mean '{close[0]}'?" if close else f"use {', '.join(kind)}"
            raise typer.BadParameter(f"'{text}' is none of its values ({way_out})") from None

    return parse


def one_of(kind: type[StrEnum]) -> dict[str, Any]:
    """What makes a flag take one of a few words."""
    return {"parser": choice(kind), "metavar": "|".join(kind), "autocompletion": lambda: list(kind)}


def count(way_out: str) -> Callable[[str], int]:
    """The parser of a flag whose value is a whole number from 0 up."""

    def parse(text: str) -> int:
        word = str(text)  # the default comes as the number that it is
        if not word.isdecimal() or len(word) > MAX_DIGITS:
            raise typer.BadParameter(f"'{word}' is not a whole number from 0 up ({way_out})")
        return int(word)

    return parse


SHOW = "What is shown"
READ = "How inputs are read"
RUN = "How it runs"

option = partial(typer.Option, show_default=False, show_envvar=False)
"""Help says defaults in its own words, and names the environment once at the end."""

show, read, run = (partial(option, rich_help_panel=panel) for panel in (SHOW, READ, RUN))
"""An option under its heading."""

output = partial(show, "-o", "--output", metavar="FORMAT[:PATH]")

_FILES = "An .onnx file, a directory of them, a quoted glob ('!GLOB' leaves out), a layer file (.toml .json .txt), "
_OTHERS = "a layer line, arch:NAME, or - for standard input."
_input = partial(typer.Argument, metavar="INPUT", show_default=False)

Inputs = Annotated[list[str] | None, _input(help=f"{_FILES}a saved result (.json), {_OTHERS}")]
Layers = Annotated[list[str] | None, _input(help=_FILES + _OTHERS)]
"""For commands that need the layers themselves, of which a saved result has only the cost."""
Output = Annotated[
    list[str] | None, output(help="table (default), json, csv, markdown or html; repeatable, one of them without PATH.")
]
CheckOutput = Annotated[
    list[str] | None,
    output(help="table (default), json, csv, markdown, html, github, gitlab, junit or sarif; repeatable."),
]
Json = Annotated[bool, show("--json", help="The same as -o json.")]
Shape = Annotated[
    list[str] | None,
    read("--shape", metavar="NAME=1x3x224x224", help="The shape of a dynamic input; a single one needs no NAME."),
]
Dim = Annotated[list[str] | None, read("--dim", metavar="NAME=1", help="The size of a named dimension.")]
Groups = Annotated[
    str | None, show("--groups", metavar="1,2,4,32", help="What each convolution would cost at these group counts.")
]
Match = Annotated[
    Metric | None,
    show(
        "--match",
        **one_of(Metric),
        help="With --groups, on architectures: the width that comes nearest to today's cost.",
    ),
]
Layer = Annotated[
    list[str] | None, show("--layer", metavar="GLOB", help="Only layers with such a name; totals stay. Repeatable.")
]
Op = Annotated[list[str] | None, show("--op", metavar="GLOB", help="Only such operators; totals stay. Repeatable.")]
Sort = Annotated[str | None, show("--sort", metavar="KEY", help="Largest first: macs, params, bytes, any JSON key.")]
Top = Annotated[
    int | None,
    show(
        "--top",
        parser=count("write 20, or 0 for all"),
        metavar="N",
        help="Only the N largest rows; 0: all. Default 20, in html all; json and csv are always whole.",
    ),
]
ByOption = Annotated[
    By | None, show("--by", **one_of(By), help="What a row stands for (default: layer; with --match model).")
]
Columns = Annotated[str | None, show("--columns", metavar="KEY,KEY", help="These columns, by JSON key.")]
Raw = Annotated[bool, show("--raw", help="Whole integers in place of units.")]
Machine = Annotated[bool, show("--machine", help="The least time of each layer on this machine, and what bounds it.")]
Strict = Annotated[bool, run("--strict", help="Uncounted operators are an error: exit status 2.")]
StrictCheck = Annotated[
    bool,
    run("--strict", help="Uncounted operators are an error: exit status 2; what the base broke already is broken: 1."),
]
ConfigOption = Annotated[
    str | None,
    read(
        "-c",
        "--config",
        metavar="FILE",
        envvar="GROUPCALC_CONFIG",
        help="A configuration (default: the nearest groupcalc.toml, or pyproject.toml with [tool.groupcalc]).",
    ),
]
Budgets = Annotated[
    list[str] | None,
    read(
        "--budget",
        metavar="'macs <= 4.1G'",
        help="A limit, beside those of the configuration; '*.onnx: macs <= 1G' for some models. Repeatable.",
    ),
]
Base = Annotated[
    str | None,
    read(
        "--base",
        metavar="FILE|DIR|git:REV",
        envvar="GROUPCALC_BASE",
        help="What to compare with: a saved result, models, or the same files at a revision.",
    ),
]
ColorOption = Annotated[
    Color,
    run(
        "--color",
        **one_of(Color),
        envvar="GROUPCALC_COLOR",
        help="Colours on standard output (default: auto, on a terminal).",
    ),
]
Progress = Annotated[
    bool | None,
    run(
        "--progress/--no-progress",
        envvar="GROUPCALC_PROGRESS",
        help="A bar on standard error (default: on a terminal, after half a second).",
    ),
]
Jobs = Annotated[
    int,
    run(
        "-j",
        "--jobs",
        parser=count("write 4, or 0 for one a CPU"),
        metavar="N",
        envvar="GROUPCALC_JOBS",
        help="So many processes for many files; 0: one a CPU (default: 1).",
    ),
]
Quiet = Annotated[bool, run("-q", "--quiet", help="Only errors on standard error.")]
Verbose = Annotated[bool, run("-v", "--verbose", help="Say what is read, and how long it took.")]


def group_counts(text: str | None) -> list[int]:
    """The value of --groups, each count once; UsageError for what is no list of positive numbers."""
    if text is None:
        return []
    counts = []
    for word in (word.strip() for word in text.split(",")):
        if not word.isdecimal() or len(word) > 19 or int(word) < 1:
            raise UsageError(f"'{show_name(word)}' is not a group count", "write 1,2,4,32", "--groups")
        counts.append(int(word))
    return list(dict.fromkeys(counts))


def column_keys(text: str | None) -> list[str] | None:
    """The value of --columns."""
    return None if text is None else [word.strip() for word in text.split(",")]
