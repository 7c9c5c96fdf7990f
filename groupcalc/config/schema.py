"""The JSON Schema of groupcalc.toml, and of [tool.groupcalc] in a pyproject.toml."""

from __future__ import annotations

from groupcalc.config.read import LEVELS
from groupcalc.config.typed import MAX_INT

_TEXT = {"type": "string"}
_TEXTS = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}
_SIZE = {"type": "integer", "minimum": 1, "maximum": MAX_INT}
_GIVEN = {
    "dims": {"description": "Sizes of named dimensions.", "type": "object", "additionalProperties": _SIZE},
    "shapes": {
        "description": "Shapes of inputs.",
        "type": "object",
        "additionalProperties": {"type": "array", "items": _SIZE},
    },
}

_MODEL = {
    "description": "Shapes and sizes for some models.",
    "type": "object",
    "properties": {"match": _TEXT, **_GIVEN},
    "required": ["match"],
    "additionalProperties": False,
}

_BUDGET = {
    "description": "Limits of some models, or of some of their layers.",
    "type": "object",
    "properties": {
        "model": {"description": "A glob on the path, relative to this file.", **_TEXT},
        "layer": {"description": "A glob on the names of layers.", **_TEXT},
        "limits": {"description": "Such as 'macs <= 4.1 GMACs' or 'params <= +2%'.", **_TEXTS},
        "level": {"enum": list(LEVELS)},
        "message": {"description": "What should be read where a limit is broken.", **_TEXT},
    },
    "required": ["limits"],
    "additionalProperties": False,
}

CONFIG = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "The configuration of groupcalc",
    "type": "object",
    "properties": {
        "models": {"description": "Paths and globs; '!GLOB' leaves out.", **_TEXTS},
        "base": {"description": "git:REV, a saved result, or a directory.", **_TEXT},
        **_GIVEN,
        "groups": {"description": "The group counts that analyze asks about.", "type": "array", "items": _SIZE},
        "strict": {"type": "boolean"},
        "cache_dir": _TEXT,
        "model": {"type": "array", "items": _MODEL},
        "budgets": {"type": "array", "items": _BUDGET},
    },
    "additionalProperties": False,
}
