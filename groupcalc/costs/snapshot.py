"""GraphCost as versioned JSON-ready data, and back.

History: version 1, the first. A version that renames or removes a key enters into UPGRADES what makes its data of the
one before, so that a baseline saved by the last release is read; an older one is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from reprlib import repr as shown
from typing import Any

from groupcalc import __version__
from groupcalc.conv import Conv
from groupcalc.costs import CONVENTION
from groupcalc.costs.cost import KEYS, Cost, GraphCost, LayerCost
from groupcalc.errors import InputError
from groupcalc.graph import Tensor, Uncounted

SCHEMA_VERSION = 1

GEOMETRY = tuple(field.name for field in fields(Conv) if field.name != "groups")
"""The optional key of a layer that is a convolution; results saved before it came are read without."""

UPGRADES: dict[int, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {}
"""Version N−1 -> what makes data of version N of it."""

MAX_COUNT = 2**256
"""Far above any network, far below where a ratio of two counts no longer fits a float."""


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
        "estimate_s": row.estimate.estimate_s if row.estimate else None,
        "bound": row.estimate.bound if row.estimate else None,
        **({"geometry": geometry_data(row.conv)} if row.conv else {}),
    }


def geometry_data(conv: Conv) -> dict[str, Any]:
    """A convolution by its PyTorch names; its groups are those of the row."""
    return {key: _listed(getattr(conv, key)) for key in GEOMETRY}


def _listed(value: Any) -> Any:
    return [_listed(each) for each in value] if isinstance(value, tuple) else value


def read_models(data: Mapping[str, Any]) -> list[GraphCost]:
    """The models of a saved result. InputError for another version and for data of another form."""
    version = data.get("schema_version")
    known = [each for each in (SCHEMA_VERSION - 1, SCHEMA_VERSION) if each == SCHEMA_VERSION or each in UPGRADES]
    if type(version) is not int or version not in known:
        reads = " and ".join(map(str, known))
        raise InputError(f"schema_version {shown(version)} is not known", f"this groupcalc reads {reads}")
    try:
        if version != SCHEMA_VERSION:
            data = UPGRADES[version](data)
        return [_model(_object(model)) for model in _list(data["models"])]
    except KeyError as error:
        raise InputError("is no saved result of groupcalc", f"{error} is missing") from error
    except (TypeError, ValueError) as error:
        raise InputError("is no saved result of groupcalc", str(error)) from error


def is_whole(cost: GraphCost) -> bool:
    """Its rows add up to its totals: they are not those that a filter selected when the result was saved."""
    return Cost.total(row.cost for row in cost.layers) == cost.totals if cost.layers else cost.totals == Cost()


def _model(data: Mapping[str, Any]) -> GraphCost:
    totals = _object(data["totals"])
    return GraphCost(
        name=_text(data["name"]),
        path=_text(data["path"]),
        inputs=tuple(Tensor(name=name, shape=_shape(dims)) for name, dims in _object(data["inputs"]).items()),
        layers=tuple(_layer(_object(layer)) for layer in _list(data["layers"])),
        totals=_cost(totals),
        peak_activation_bytes=_count(totals["peak_activation_bytes"]),
        uncounted=tuple(_uncounted(_object(node)) for node in _list(data["uncounted"])),
        warnings=_texts(data["warnings"]),
    )


def _layer(data: Mapping[str, Any]) -> LayerCost:
    return LayerCost(
        name=_text(data["name"]),
        op=_text(data["op"]),
        groups=_count(data["groups"], least=1),
        inputs=tuple(_shape(shape) for shape in _list(data["inputs"])),
        outputs=tuple(_shape(shape) for shape in _list(data["outputs"])),
        cost=_cost(data),
        repeat=_count(data["repeat"], least=1),
        shared=_texts(data["shared"]),
        geometry=None if data.get("geometry") is None else _conv(_object(data["geometry"]), data["groups"]),
    )


def _conv(data: Mapping[str, Any], groups: int) -> Conv:
    sizes: dict[str, Any] = {key: _shape(data[key]) for key in ("in_size", "kernel_size", "stride", "dilation")}
    padding, extra = tuple(_pair(pads) for pads in _list(data["padding"])), _shape(data["output_padding"])
    if len({len(padding), *map(len, sizes.values())}) > 1 or len(extra) not in (0, len(padding)):
        raise ValueError("a geometry has one number an axis")
    plain: dict[str, Any] = {key: _count(data[key]) for key in ("in_channels", "out_channels", "batch")}
    plain |= {key: _flag(data[key]) for key in ("bias", "transposed")}
    return Conv(**plain, **sizes, padding=padding, output_padding=extra, groups=groups, dtype=_text(data["dtype"]))


def _uncounted(data: Mapping[str, Any]) -> Uncounted:
    return Uncounted(name=_text(data["name"]), op=_text(data["op"]), reason=_text(data["reason"]))


def _cost(data: Mapping[str, Any]) -> Cost:
    return Cost(**{key: _count(data[key]) for key in KEYS})


def _shape(values: Any) -> tuple[int, ...]:
    return tuple(_count(value) for value in _list(values))


def _pair(values: Any) -> tuple[int, int]:
    before, after = _shape(values)
    return before, after


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{shown(value)} is neither true nor false")
    return value


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(_text(value) for value in _list(values))


def _count(value: Any, least: int = 0) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= MAX_COUNT:
        raise ValueError(f"{shown(value)} is not a count")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{shown(value)} is not text")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{shown(value)} is not a list")
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{shown(value)} is not an object")
    return value
