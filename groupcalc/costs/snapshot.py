"""GraphCost as versioned JSON-ready data, and back.

History: version 1, the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from groupcalc import __version__
from groupcalc.costs import CONVENTION
from groupcalc.costs.cost import KEYS, Cost, GraphCost, LayerCost, Uncounted
from groupcalc.errors import InputError
from groupcalc.graph import Tensor

SCHEMA_VERSION = 1


def header() -> dict[str, Any]:
    """What every saved result begins with."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "groupcalc", "version": __version__},
        "convention": dict(CONVENTION),
    }


def model_data(cost: GraphCost, rows: Iterable[LayerCost] | None = None) -> dict[str, Any]:
    """A model as data; `rows` are those to list when not all, the totals are those of the model."""
    return {
        "name": cost.name,
        "path": cost.path,
        "inputs": {tensor.name: list(tensor.shape) for tensor in cost.inputs},
        "totals": totals_data(cost.totals, cost.peak_activation_bytes),
        "layers": [layer_data(row) for row in (cost.layers if rows is None else rows)],
        "uncounted": [{"name": node.name, "op": node.op, "reason": node.reason} for node in cost.uncounted],
        "warnings": list(cost.warnings),
    }


def totals_data(totals: Cost, peak_activation_bytes: int) -> dict[str, int]:
    """The figures of a whole model."""
    figures = {key: getattr(totals, key) for key in KEYS}
    dense = {key: figures.pop(key) for key in ("dense_macs", "dense_params")}
    return {**figures, "peak_activation_bytes": peak_activation_bytes, **dense}


def layer_data(row: LayerCost) -> dict[str, Any]:
    """One row as data."""
    figures = {key: getattr(row.cost, key) for key in KEYS}
    dense = {key: figures.pop(key) for key in ("dense_macs", "dense_params")}
    return {
        "name": row.name,
        "op": row.op,
        "groups": row.groups,
        "inputs": [list(shape) for shape in row.inputs],
        "outputs": [list(shape) for shape in row.outputs],
        **figures,
        "arithmetic_intensity": row.cost.arithmetic_intensity,
        **dense,
        "repeat": row.repeat,
        "shared": list(row.shared),
        "estimate_s": None,
        "bound": None,
    }


def read_models(data: Mapping[str, Any]) -> list[GraphCost]:
    """The models of a saved result. InputError for another version and for data of another form."""
    version = data.get("schema_version")
    if version != SCHEMA_VERSION:
        raise InputError(f"schema_version {version!r} is not known", f"this groupcalc reads {SCHEMA_VERSION}")
    try:
        return [_model(model) for model in data["models"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError("is no saved result of groupcalc", f"missing or malformed: {error}") from error


def _model(data: Mapping[str, Any]) -> GraphCost:
    totals = data["totals"]
    return GraphCost(
        name=_text(data["name"]),
        path=_text(data["path"]),
        inputs=tuple(Tensor(name=_text(name), shape=_shape(dims)) for name, dims in data["inputs"].items()),
        layers=tuple(_layer(layer) for layer in data["layers"]),
        totals=_cost(totals),
        peak_activation_bytes=_count(totals["peak_activation_bytes"]),
        uncounted=tuple(
            Uncounted(name=_text(n["name"]), op=_text(n["op"]), reason=_text(n["reason"])) for n in data["uncounted"]
        ),
        warnings=tuple(_text(warning) for warning in data["warnings"]),
    )


def _layer(data: Mapping[str, Any]) -> LayerCost:
    return LayerCost(
        name=_text(data["name"]),
        op=_text(data["op"]),
        groups=_count(data["groups"]),
        inputs=tuple(_shape(shape) for shape in data["inputs"]),
        outputs=tuple(_shape(shape) for shape in data["outputs"]),
        cost=_cost(data),
        repeat=_count(data["repeat"]),
        shared=tuple(_text(name) for name in data["shared"]),
    )


def _cost(data: Mapping[str, Any]) -> Cost:
    return Cost(**{key: _count(data[key]) for key in KEYS})


def _shape(values: Sequence[Any]) -> tuple[int, ...]:
    return tuple(_count(value) for value in values)


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is not a count")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value
