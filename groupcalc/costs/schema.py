"""The JSON Schema of saved results. Of every object further keys may come within a version; none goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groupcalc.costs import CONVENTION
from groupcalc.costs.cost import KEYS
from groupcalc.costs.snapshot import SCHEMA_VERSION

DIALECT = "https://json-schema.org/draft/2020-12/schema"

COUNT = {"type": "integer", "minimum": 0}
TEXT = {"type": "string"}
FLAG = {"type": "boolean"}
MAYBE_COUNT = {"type": ["integer", "null"]}
MAYBE_TEXT = {"type": ["string", "null"]}
SHAPE = {"type": "array", "items": COUNT}


def items(of: Mapping[str, Any]) -> dict[str, Any]:
    """A list of such."""
    return {"type": "array", "items": dict(of)}


def record(properties: Mapping[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """An object with these keys, all required but the optional ones."""
    required = [key for key in properties if key not in optional]
    return {"type": "object", "properties": dict(properties), "required": required}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}


_TOTALS = record(dict.fromkeys((*KEYS[:-2], "peak_activation_bytes", *KEYS[-2:]), COUNT))

_GEOMETRY = record(
    {
        "in_channels": COUNT, "out_channels": COUNT, "in_size": SHAPE, "kernel_size": SHAPE, "stride": SHAPE,
        "padding": items({**SHAPE, "minItems": 2, "maxItems": 2}), "dilation": SHAPE, "batch": COUNT,
        "bias": FLAG, "dtype": TEXT, "transposed": FLAG, "output_padding": SHAPE,
    }
)  # fmt: skip

_LAYER = record(
    {
        "name": TEXT, "op": TEXT, "groups": {"type": "integer", "minimum": 1}, "inputs": items(SHAPE),
        "outputs": items(SHAPE), **dict.fromkeys(KEYS[:-2], COUNT), "arithmetic_intensity": {"type": "number"},
        **dict.fromkeys(KEYS[-2:], COUNT), "repeat": {"type": "integer", "minimum": 1}, "shared": items(TEXT),
        "estimate_s": {"type": ["number", "null"]}, "bound": MAYBE_TEXT, "geometry": _GEOMETRY,
    },
    optional=("geometry",),
)  # fmt: skip

_MODEL = record(
    {
        "name": TEXT, "path": TEXT, "inputs": {"type": "object", "additionalProperties": SHAPE},
        "totals": _ref("totals"), "layers": items(_ref("layer")),
        "uncounted": items(record({"name": TEXT, "op": TEXT, "reason": TEXT})), "warnings": items(TEXT),
    }
)  # fmt: skip

_WHATIF = record(
    {
        "model": TEXT, "groups": {"type": "integer", "minimum": 1}, "totals": _ref("totals"),
        "layers": items(_ref("layer")), "skipped": items(record({"name": TEXT, "reason": TEXT})),
    }
)  # fmt: skip

_CHECK = record(
    {
        "model": TEXT, "layer": MAYBE_TEXT, "budget": TEXT, "metric": TEXT, "rule": {"pattern": "^GC[0-9]{3}$"},
        "level": {"enum": ["off", "warn", "error"]},
        "status": {"enum": ["pass", "fail", "warn", "skipped", "unknown"]}, "actual": MAYBE_COUNT,
        "limit": MAYBE_COUNT, "base": MAYBE_COUNT, "over": COUNT, "message": TEXT,
        "location": {"anyOf": [record({"path": TEXT, "line": MAYBE_COUNT}), {"type": "null"}]},
    }
)  # fmt: skip


def _maybe(of: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [dict(of), {"type": "null"}]}


_CHANGE = {"enum": ["changed", "added", "removed", "same"]}
_DIFF = record(
    {
        "name": TEXT, "status": _CHANGE,
        "totals": record({"base": _maybe(_ref("totals")), "new": _maybe(_ref("totals"))}),
        "layers": items(
            record({"name": TEXT, "status": _CHANGE, "base": _maybe(_ref("layer")), "new": _maybe(_ref("layer"))})
        ),
    }
)  # fmt: skip

RESULT = {
    "$schema": DIALECT,
    "title": "A result saved by groupcalc",
    **record(
        {
            "schema_version": {"const": SCHEMA_VERSION},
            "tool": record({"name": {"const": "groupcalc"}, "version": TEXT}),
            "convention": record({key: {"const": value} for key, value in CONVENTION.items()}),
            "models": items(_ref("model")), "whatif": items(_ref("whatif")), "checks": items(_ref("check")),
            "diff": items(_ref("diff")), "bench": items({"type": "object"}), "machine": {"type": "object"},
            "errors": items(record({"path": TEXT, "message": TEXT})),
        },
        optional=("models", "whatif", "checks", "diff", "bench", "machine", "errors"),
    ),
    "$defs": {
        "totals": _TOTALS, "layer": _LAYER, "model": _MODEL, "whatif": _WHATIF, "check": _CHECK, "diff": _DIFF,
    },
}  # fmt: skip
