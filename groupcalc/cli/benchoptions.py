"""The flags of bench that no other command has."""

from __future__ import annotations

from typing import Annotated

import typer

from groupcalc.cli.options import READ, RUN, SHOW, count, option

MEASURE = "How it measures"


def positive(way_out: str) -> object:
    """The parser of a flag whose value is a whole number from 1 up."""
    parse = count(way_out)

    def checked(text: str) -> int:
        number = parse(text)
        if number < 1:
            raise typer.BadParameter(f"'{text}' is not a whole number from 1 up ({way_out})")
        return number

    return checked


def seconds(text: str) -> float:
    """The parser of --min-time."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 3600:
        raise typer.BadParameter(f"'{text}' is no time in seconds from 0 to 3600 (write 0.5)")
    return value


def _device(text: str) -> str:
    if text not in ("cpu", "cuda"):
        raise typer.BadParameter(f"'{text}' is not known (use cpu or cuda)")
    return text


Output = Annotated[
    list[str] | None,
    option(
        "-o",
        "--output",
        metavar="FORMAT[:PATH]",
        help="table (default), json, csv, markdown, html or svg; repeatable, one of them without PATH.",
        rich_help_panel=SHOW,
    ),
]
Groups = Annotated[
    str | None,
    option(
        "--groups",
        metavar="1,2,4,32",
        help="Measure each layer at these group counts, and at 1. Without INPUT a 3x3 layer of 128 channels at 56x56.",
        rich_help_panel=MEASURE,
    ),
]
Layer = Annotated[
    list[str] | None,
    option("--layer", metavar="GLOB", help="Only layers with such a name. Repeatable.", rich_help_panel=READ),
]
Progress = Annotated[
    bool | None,
    option(
        "--progress/--no-progress",
        envvar="GROUPCALC_PROGRESS",
        help="What is being done, on standard error (default: on a terminal).",
        rich_help_panel=RUN,
    ),
]
Threads = Annotated[
    int | None,
    option(
        "--threads",
        parser=positive("write 1 or more"),
        metavar="N",
        help="Threads of a layer. Default: all CPUs that this process may use.",
        rich_help_panel=MEASURE,
    ),
]
Batch = Annotated[
    int | None,
    option(
        "--batch",
        parser=positive("write 1 or more"),
        metavar="N",
        help="This batch in place of the layers' own.",
        rich_help_panel=READ,
    ),
]
BackendNames = Annotated[
    str,
    option(
        "--backend",
        metavar="NAME,NAME",
        help="numba (default), onnxruntime, torch; several take turns.",
        rich_help_panel=MEASURE,
    ),
]
Device = Annotated[
    str,
    option(
        "--device",
        parser=_device,
        metavar="cpu|cuda",
        help="Where it runs: cpu (default), an NVIDIA GPU.",
        rich_help_panel=MEASURE,
    ),
]
Whole = Annotated[
    bool,
    option(
        "--whole",
        help="Run an ONNX model whole in onnxruntime, and join its profile to the costs.",
        rich_help_panel=MEASURE,
    ),
]
BaseFile = Annotated[
    str | None,
    option(
        "--base",
        metavar="FILE",
        help="Faster or slower than a result that -o json:FILE saved on this machine.",
        rich_help_panel=SHOW,
    ),
]
NoBaseline = Annotated[
    bool, option("--no-baseline", help="Do not measure G=1 unless it is asked for.", rich_help_panel=MEASURE)
]
Runs = Annotated[
    int,
    option(
        "--runs",
        parser=positive("write 10"),
        metavar="N",
        help="Rounds at least, all taking their turn in each. Default: 10.",
        rich_help_panel=MEASURE,
    ),
]
MinTime = Annotated[
    float,
    option(
        "--min-time",
        parser=seconds,
        metavar="S",
        help="Seconds that each case is measured at least. Default: 0.2.",
        rich_help_panel=MEASURE,
    ),
]
Warmup = Annotated[
    int,
    option(
        "--warmup",
        parser=count("write 1"),
        metavar="N",
        help="Rounds before them that do not count. Default: 1.",
        rich_help_panel=MEASURE,
    ),
]
Cold = Annotated[bool, option("--cold", help="Empty the caches before each call.", rich_help_panel=MEASURE)]
Chain = Annotated[
    int,
    option(
        "--chain",
        parser=positive("write 5"),
        metavar="N",
        help="With several backends: what one more of N such layers in a row takes.",
        rich_help_panel=MEASURE,
    ),
]
Seed = Annotated[
    int,
    option(
        "--seed",
        parser=count("write 0"),
        metavar="N",
        help="Of the operands, and of the intervals.",
        rich_help_panel=MEASURE,
    ),
]
Peak = Annotated[
    str | None,
    option(
        "--peak", metavar="236GFLOP/s", help="The peak to estimate by, not a measured one.", rich_help_panel=MEASURE
    ),
]
Bandwidth = Annotated[
    str | None,
    option("--bandwidth", metavar="27GB/s", help="The bandwidth, of all memory levels alike.", rich_help_panel=MEASURE),
]
Remeasure = Annotated[
    bool,
    option("--remeasure", help="Measure this machine's ceilings again.", rich_help_panel=MEASURE),
]
