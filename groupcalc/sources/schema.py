"""The JSON Schema of layer files, TOML and JSON alike."""

from __future__ import annotations

from groupcalc.sources.arguments import DTYPES, MAX_INT, parameters
from groupcalc.sources.calls import CALLS
from groupcalc.sources.documents import SCHEMA
from groupcalc.sources.lines import MAX_REPEAT

_SIZE = {"type": "integer", "minimum": 1, "maximum": MAX_INT}
_NAME = {"type": "string", "minLength": 1}


def _arguments() -> dict[str, dict[str, str]]:
    """Every argument of some op, and the first few ops that take it; which values, only reading a file tells."""
    takers: dict[str, list[str]] = {}
    for op, call in CALLS.items():
        for name in parameters(call.signature)[0]:
            takers.setdefault(name, []).append(op)
    return {
        name: {"description": f"Of {', '.join(ops[:4])}{', …' if len(ops) > 4 else ''}."}
        for name, ops in sorted(takers.items())
    }


_LAYER = {
    "type": "object",
    "description": "One layer: an op and its torch.nn arguments.",
    "properties": {
        **_arguments(),
        "name": _NAME,
        "op": {"type": "string", "pattern": f"^(torch\\.)?(nn\\.)?({'|'.join(CALLS)})$"},
        "input": {
            "description": "The size of the input, or layers above by name; by default the one above.",
            "anyOf": [_NAME, {"type": "array", "items": _SIZE, "minItems": 1},
                      {"type": "array", "items": _NAME, "minItems": 1}],
        },
        "repeat": {"type": "integer", "minimum": 1, "maximum": MAX_REPEAT},
    },
    "required": ["op"],
    "additionalProperties": False,
}  # fmt: skip

LAYERS = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A layer file of groupcalc",
    "type": "object",
    "properties": {
        "schema": {"const": SCHEMA},
        "$schema": {"type": "string"},
        "defaults": {
            "type": "object",
            "properties": {"dtype": {"enum": list(DTYPES)}, "batch": _SIZE},
            "additionalProperties": False,
        },
        "layer": {"type": "array", "items": _LAYER},
        "layers": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["schema"],
    "oneOf": [{"required": ["layer"]}, {"required": ["layers"]}],
    "additionalProperties": False,
}
