"""groupcalc schema: the JSON Schema of what groupcalc writes and reads."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from groupcalc.cli.options import choice
from groupcalc.cli.output import STDOUT, write
from groupcalc.report.render.json import text_of

EXAMPLES = """\
Examples:
  groupcalc schema                  (saved results, -o json)
  groupcalc schema layers           (layer files)
  groupcalc schema config           (groupcalc.toml)
"""


class Kind(StrEnum):
    """What a schema is of."""

    result = "result"
    layers = "layers"
    config = "config"


def schema(
    kind: Annotated[
        Kind,
        typer.Argument(
            parser=choice(Kind), metavar="[result|layers|config]", show_default=False, help="Default: result.",
            autocompletion=lambda: list(Kind),
        ),
    ] = Kind.result,
) -> None:  # fmt: skip
    """The JSON Schema of saved results, layer files or the configuration."""
    if kind is Kind.result:
        from groupcalc.costs.schema import RESULT as found
    elif kind is Kind.layers:
        from groupcalc.sources.schema import LAYERS as found
    else:
        from groupcalc.config.schema import CONFIG as found
    write(text_of(found), STDOUT, "utf-8")
