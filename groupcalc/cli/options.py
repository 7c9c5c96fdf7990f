"""The flags that several commands take, each written once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from groupcalc.errors import UsageError


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


SHOW = "What is shown"
READ = "How the inputs are read"
RUN = "How it runs"

Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="INPUT...",
        show_default=False,
        help="A .onnx file, a directory, a quoted glob, a layer file (.toml .json .txt), a saved result, "
        "a layer line such as 'Conv2d(64, 128, 3, groups=32) @ 56x56', or - for standard input.",
    ),
]
Output = Annotated[
    list[str] | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FORMAT[:PATH]",
        help="table (default), json, csv, markdown or html; repeatable, at most one without a PATH.",
        rich_help_panel=SHOW,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="The same as -o json.", rich_help_panel=SHOW)]
Shape = Annotated[
    list[str] | None,
    typer.Option("--shape", metavar="NAME=1x3x224x224", help="Shape of a dynamic input.", rich_help_panel=READ),
]
Dim = Annotated[
    list[str] | None,
    typer.Option("--dim", metavar="NAME=1", help="Size of a named dimension.", rich_help_panel=READ),
]
Groups = Annotated[
    str | None,
    typer.Option("--groups", metavar="1,2,4,32", help="What the convolutions would cost at these group counts."),
]
Layer = Annotated[
    list[str] | None,
    typer.Option("--layer", metavar="GLOB", help="Only the layers whose name fits.", rich_help_panel=SHOW),
]
Op = Annotated[
    list[str] | None,
    typer.Option("--op", metavar="GLOB", help="Only the layers of an operator.", rich_help_panel=SHOW),
]
Sort = Annotated[
    str | None, typer.Option("--sort", metavar="KEY", help="Largest first, by a JSON key.", rich_help_panel=SHOW)
]
Top = Annotated[
    int | None,
    typer.Option(
        "--top",
        min=0,
        metavar="N",
        help="The N largest rows (table, markdown: 20, html: all); 0: all.",
        show_default=False,
        rich_help_panel=SHOW,
    ),
]
ByOption = Annotated[By, typer.Option("--by", help="What a row stands for.", rich_help_panel=SHOW)]
Columns = Annotated[
    str | None, typer.Option("--columns", metavar="KEY,KEY", help="These columns, by JSON key.", rich_help_panel=SHOW)
]
Raw = Annotated[bool, typer.Option("--raw", help="Whole integers in place of units.", rich_help_panel=SHOW)]
Strict = Annotated[bool, typer.Option("--strict", help="Uncounted operators are an error: exit 2.")]
ColorOption = Annotated[Color, typer.Option("--color", envvar="GROUPCALC_COLOR", rich_help_panel=RUN)]
Progress = Annotated[
    bool | None,
    typer.Option(
        "--progress/--no-progress",
        envvar="GROUPCALC_PROGRESS",
        help="A progress bar on standard error (default: on a terminal, after half a second).",
        show_default=False,
        rich_help_panel=RUN,
    ),
]
Jobs = Annotated[
    int,
    typer.Option(
        "-j",
        "--jobs",
        min=0,
        envvar="GROUPCALC_JOBS",
        help="Processes for many files; 0: one a CPU.",
        rich_help_panel=RUN,
    ),
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Errors only on standard error.", rich_help_panel=RUN)]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Say what is read.", rich_help_panel=RUN)]


def group_counts(text: str | None) -> list[int]:
    """The value of --groups, each count once; UsageError for what is no list of positive numbers."""
    if text is None:
        return []
    counts = []
    for word in text.split(","):
        if not word.strip().isdecimal() or len(word) > 19 or int(word) < 1:
            raise UsageError(f"{word.strip()!r} is not a group count", "write 1,2,4,32", "--groups")
        counts.append(int(word))
    return list(dict.fromkeys(counts))


def column_keys(text: str | None) -> list[str] | None:
    """The value of --columns."""
    return None if text is None else [word.strip() for word in text.split(",")]
