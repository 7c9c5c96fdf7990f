"""The flags of bench that no other command has."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from groupcalc.cli.options import count, one_of, option, output, read, run, show


class Stored(StrEnum):
    """What `--dtype` takes."""

    float32 = "float32"
    float16 = "float16"


measure = partial(option, rich_help_panel="How it measures")


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
    output(help="table (default), json, csv, markdown, html or svg; repeatable, one of them without PATH."),
]
Groups = Annotated[
    str | None,
    measure(
        "--groups",
        metavar="1,2,4,32",
        help="Measure each layer at these group counts, and at 1. Without INPUT a 3x3 layer of 128 channels at 56x56.",
    ),
]
Layer = Annotated[list[str] | None, read("--layer", metavar="GLOB", help="Only layers with such a name. Repeatable.")]
Progress = Annotated[
    bool | None,
    run(
        "--progress/--no-progress",
        envvar="GROUPCALC_PROGRESS",
        help="What is being done, on standard error (default: on a terminal).",
    ),
]
Threads = Annotated[
    int | None,
    measure(
        "--threads",
        parser=positive("write 1 or more"),
        metavar="N",
        help="Threads of a layer. Default: all CPUs that this process may use.",
    ),
]
Batch = Annotated[
    int | None,
    read("--batch", parser=positive("write 1 or more"), metavar="N", help="This batch in place of the layers' own."),
]
BackendNames = Annotated[
    str, measure("--backend", metavar="NAME,NAME", help="numba (default), onnxruntime, torch; several take turns.")
]
Device = Annotated[
    str, measure("--device", parser=_device, metavar="cpu|cuda", help="Where it runs: cpu (default), an NVIDIA GPU.")
]
Dtype = Annotated[
    Stored | None,
    measure("--dtype", **one_of(Stored), help="Of all layers; float16 on a GPU only. Default: their own."),
]
Whole = Annotated[
    bool, measure("--whole", help="Run an ONNX model whole in onnxruntime, and join its profile to the costs.")
]
BaseFile = Annotated[
    str | None,
    show("--base", metavar="FILE", help="Faster or slower than a result that -o json:FILE saved on this machine."),
]
NoBaseline = Annotated[bool, measure("--no-baseline", help="Do not measure G=1 unless it is asked for.")]
Runs = Annotated[
    int,
    measure(
        "--runs",
        parser=positive("write 10"),
        metavar="N",
        help="Rounds at least, all taking their turn in each. Default: 10.",
    ),
]
MinTime = Annotated[
    float,
    measure(
        "--min-time", parser=seconds, metavar="S", help="Seconds that each case is measured at least. Default: 0.2."
    ),
]
Warmup = Annotated[
    int,
    measure("--warmup", parser=count("write 1"), metavar="N", help="Rounds before them that do not count. Default: 1."),
]
Cold = Annotated[bool, measure("--cold", help="Empty the caches before each call.")]
Chain = Annotated[
    int,
    measure(
        "--chain",
        parser=positive("write 5"),
        metavar="N",
        help="With several backends: what one more of N such layers in a row takes.",
    ),
]
Seed = Annotated[
    int, measure("--seed", parser=count("write 0"), metavar="N", help="Of the operands, and of the intervals.")
]
Peak = Annotated[
    str | None, measure("--peak", metavar="236GFLOP/s", help="The peak to estimate by, not a measured one.")
]
Bandwidth = Annotated[
    str | None, measure("--bandwidth", metavar="27GB/s", help="The bandwidth, of all memory levels alike.")
]
Remeasure = Annotated[bool, measure("--remeasure", help="Measure this machine's ceilings again.")]
