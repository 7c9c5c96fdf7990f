"""groupcalc export: an architecture or a layer file as an ONNX file."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from groupcalc.cli import options
from groupcalc.cli.output import write
from groupcalc.cli.screen import note
from groupcalc.errors import GroupcalcError, InputError, UsageError
from groupcalc.sources import load
from groupcalc.sources.given import Given
from groupcalc.sources.targets import expand
from groupcalc.units import show_bytes, show_name

EXAMPLES = """\
Examples:
  groupcalc export arch:resnext50,groups=8,width=14 resnext.onnx
  groupcalc export arch:mobilenet_v1 mobilenet.onnx --weights random
  groupcalc export net.toml net.onnx
  groupcalc export 'Conv2d(64, 128, 3, padding=1, groups=32) @ 56x56' conv.onnx

Exit status: 0; 2 when the input cannot be read or the file not be written.
"""


class Weights(StrEnum):
    """What weights are filled with; as groupcalc.sources.onnx.write has it, which would load onnx."""

    constant = "constant"
    random = "random"


Input = Annotated[
    str,
    typer.Argument(
        metavar="INPUT",
        show_default=False,
        help="arch:NAME, a layer file (.toml .json .txt), a layer line, or - for standard input.",
    ),
]
Path = Annotated[str, typer.Argument(metavar="PATH.onnx", show_default=False, help="The file to write.")]
WeightsOption = Annotated[
    Weights,
    options.run(
        "--weights",
        **options.one_of(Weights),
        help="One number a tensor, a file of kilobytes (default); or random ones, the same each time.",
    ),
]


def export(source: Input, path: Path, weights: WeightsOption = Weights.constant, quiet: options.Quiet = False) -> None:
    """A valid ONNX file of an architecture or a layer file, for other tools and for bench."""
    if not path.lower().endswith(".onnx"):
        raise UsageError(f"'{show_name(path)}' does not end in .onnx", "give the input first, then the file", "PATH")
    targets, failures = expand([source])
    if failures:
        raise failures[0].error
    target = targets[0]
    if len(targets) > 1 or target.kind == "onnx":
        raise InputError("is ONNX already", "give arch:NAME, a layer file or a layer line", show_name(source))
    graph = load(target, Given())
    from groupcalc.sources.onnx.write import write_model

    try:
        data = write_model(graph, weights.value)
    except GroupcalcError as error:
        raise error.within(target.path) from error.__cause__
    write(data, path)
    if not quiet:
        note(f"{path}: {len(graph.layers)} layers, {show_bytes(len(data))}, {weights.value} weights")
