"""groupcalc schema: the JSON Schema of what groupcalc writes and reads."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from groupcalc.cli.options import one_of
from groupcalc.cli.output import STDOUT, write

EXAMPLES = """\
Examples:
  groupcalc schema                  # saved results, -o json
  groupcalc schema layers           # layer files
  groupcalc schema config           # groupcalc.toml
"""


class Kind(StrEnum):
    """What a schema is of."""

    result = "result"
    layers = "layers"
    config = "config"


def schema(
    kind: Annotated[Kind, typer.Argument(**one_of(Kind), show_default=False, help="Default: result.")] = Kind.result,
) -> None:
    """The JSON Schema of saved results, layer files or the configuration."""
    from json import dumps

    write(dumps(_found(kind), indent=2, ensure_ascii=False) + "\n", STDOUT, "utf-8")


def _found(kind: Kind) -> Mapping[str, Any]:
    """The schema; only the one that is asked for is made."""
    if kind is Kind.layers:
        from groupcalc.sources.schema import LAYERS

        return LAYERS
    if kind is Kind.config:
        from groupcalc.config.schema import CONFIG

        return CONFIG
    from groupcalc.costs.schema import RESULT

    return RESULT
