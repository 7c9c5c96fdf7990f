"""The figures of a row: where each comes from and how a column shows it, one table for every view of costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from groupcalc.costs.cost import KEYS, GraphCost, LayerCost
from groupcalc.costs.roofline import Estimate
from groupcalc.errors import UsageError
from groupcalc.report.document import Column, Row, Share, show_shapes
from groupcalc.report.views.describe import describe
from groupcalc.units import show_bytes, show_count, show_intensity, show_seconds


class Item(NamedTuple):
    """A row and the model it is of. Groups of rows, folded tails and totals are rows too, made for the purpose."""

    row: LayerCost
    model: GraphCost


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A column and the function that finds its value."""

    column: Column
    get: Callable[[Item], Any]


def traffic(row: LayerCost) -> int:
    """Compulsory bytes: weights, inputs and outputs, each once."""
    return row.cost.weight_bytes + row.cost.input_bytes + row.cost.output_bytes


def layers_of(model: GraphCost) -> int:
    """What a report means by "N layers": the rows with MACs."""
    return sum(row.cost.macs > 0 for row in model.layers)


def bound(estimate: Estimate | None) -> str | None:
    """`compute`, `overhead`, or the level of memory."""
    if estimate is None:
        return None
    return estimate.memory_level if estimate.bound == "memory" else estimate.bound


def _field(key: str, header: str, get: Callable[[Item], Any], **rest: Any) -> Field:
    return Field(column=Column(key=key, header=header, **rest), get=get)


def _cost(key: str, header: str, show: Callable[[int], str], priority: int) -> Field:
    return _field(key, header, lambda item: getattr(item.row.cost, key), show=show, priority=priority)


def _names(values: Sequence[str]) -> str:
    return ", ".join(values)


FIELDS: dict[str, Field] = {
    field.column.key: field
    for field in (
        _field("model", "model", lambda item: item.model.path, align="left", elide=32),
        _field("name", "layer", lambda item: item.row.name, align="left", elide=24),
        _field("op", "op", lambda item: item.row.op, align="left", elide=24, priority=1),
        _field("groups", "groups", lambda item: item.row.groups if item.row.op else None, priority=5),
        _field("inputs", "inputs", lambda item: item.row.inputs, show=show_shapes, priority=9),
        _field("outputs", "outputs", lambda item: item.row.outputs, show=show_shapes, priority=9),
        _cost("params", "params", show_count, priority=2),
        _cost("buffers", "buffers", show_count, priority=9),
        _cost("macs", "MACs", show_count, priority=0),
        _cost("flops", "FLOPs", show_count, priority=7),
        _cost("weight_bytes", "weights", show_bytes, priority=8),
        _cost("input_bytes", "in", show_bytes, priority=8),
        _cost("output_bytes", "out", show_bytes, priority=8),
        _field("arithmetic_intensity", "FLOP/B", lambda item: item.row.cost.arithmetic_intensity, show=show_intensity,
               priority=6),
        _cost("dense_macs", "MACs if G=1", show_count, priority=3),
        _cost("dense_params", "params if G=1", show_count, priority=9),
        _field("repeat", "repeat", lambda item: item.row.repeat, priority=9),
        _field("shared", "shares with", lambda item: item.row.shared, show=_names, align="left", priority=9),
        _field("estimate_s", "estimate", lambda item: item.row.estimate and item.row.estimate.estimate_s,
               show=show_seconds, priority=9),
        _field("bound", "bound", lambda item: bound(item.row.estimate), align="left", priority=9),
        # not keys of a saved layer: derived, or figures of an operator or of a model
        _field("share", "share", lambda item: Share(item.row.cost.macs, item.model.totals.macs), priority=4),
        _field("bytes", "bytes", lambda item: traffic(item.row), show=show_bytes, priority=1),
        _field("count", "count", lambda item: item.row.repeat, priority=1),
        _field("layers", "layers", lambda item: layers_of(item.model), priority=1),
        _field("peak_activation_bytes", "peak", lambda item: item.model.peak_activation_bytes, show=show_bytes,
               priority=5),
        _field("uncounted", "uncounted", lambda item: len(item.model.uncounted), priority=1),
    )
}  # fmt: skip
"""Every key that `--sort` and `--columns` know in some view. A later column never costs an earlier one its place
at a given width: priorities, not order, decide."""


def _grouped_only(key: str) -> Callable[[Item], int | None]:
    """Blank where grouping makes no difference, so that the eye finds the layers where it does."""
    return lambda item: getattr(item.row.cost, key) if item.row.cost.dense_macs != item.row.cost.macs else None


def _variant(key: str, header: str, get: Callable[[Item], Any] | None = None) -> Field:
    field = FIELDS[key]
    return Field(column=replace(field.column, header=header), get=get or field.get)


OPERATOR = replace(FIELDS["op"], column=replace(FIELDS["op"].column, priority=0))
DESCRIBED = replace(FIELDS["op"], get=lambda item: describe(item.row))
IF_DENSE = _variant("dense_macs", "if G=1", _grouped_only("dense_macs"))
DIVIDED = _variant("groups", "÷G", lambda item: item.row.groups if item.row.groups > 1 else None)

ESTIMATED = tuple(
    replace(FIELDS[key], column=replace(FIELDS[key].column, priority=0)) for key in ("estimate_s", "bound")
)
"""Asked for by a flag: they are never dropped."""


class Kind(NamedTuple):
    """What one row of a table stands for, and what is said of it.

    keys   in records: all there is, in the order of the JSON
    shown  for people, when no columns are asked for
    extra  known to `--columns` and `--sort` beside the keys
    """

    keys: tuple[str, ...]
    shown: tuple[Field, ...]
    extra: tuple[str, ...] = ()

    @property
    def known(self) -> tuple[str, ...]:
        return (*self.keys, *self.extra)


def _fields(*keys: str) -> tuple[Field, ...]:
    return tuple(FIELDS[key] for key in keys)


_MEASURES = (*KEYS[:-2], "arithmetic_intensity", *KEYS[-2:])
_COMMON = (*_fields("params", "macs", "share"), IF_DENSE)
_WIDE = _fields("flops", "arithmetic_intensity", "weight_bytes", "input_bytes", "output_bytes")

KINDS: dict[str, Kind] = {
    "layer": Kind(
        keys=("name", "op", "groups", "inputs", "outputs", *_MEASURES, "repeat", "shared", "estimate_s", "bound"),
        shown=(FIELDS["name"], DESCRIBED, *_COMMON, DIVIDED, *_WIDE, FIELDS["outputs"]),
        extra=("model", "share", "bytes"),
    ),
    "op": Kind(
        keys=("op", "count", *_MEASURES),
        shown=(OPERATOR, FIELDS["count"], *_COMMON, *_WIDE),
        extra=("model", "share", "bytes"),
    ),
    "model": Kind(
        keys=("model", "layers", *_MEASURES, "peak_activation_bytes", "uncounted"),
        shown=(
            *_fields("model", "layers", "params", "macs"), IF_DENSE, *_WIDE,
            *_fields("peak_activation_bytes", "uncounted"),
        ),
        extra=("bytes",),
    ),
}  # fmt: skip
"""The choices of `--by`."""


def chosen(kind: Kind, columns: Sequence[str] | None) -> tuple[Field, ...] | None:
    """The fields of `--columns`, in that order and none of them ever dropped; None when none are asked for."""
    if not columns:
        return None
    fields = (FIELDS[known(key, kind, "--columns")] for key in columns)
    fields = (DESCRIBED if field.column.key == "op" and "name" in kind.keys else field for field in fields)
    return tuple(replace(field, column=replace(field.column, priority=0)) for field in fields)


def known(key: str, kind: Kind, flag: str) -> str:
    """The key, if rows of this kind have it; else a UsageError with the nearest one that they have."""
    if key in kind.known:
        return key
    from difflib import get_close_matches  # loaded only for a mistake

    near = get_close_matches(key, kind.known, n=1)
    way_out = f"did you mean '{near[0]}'?" if near else f"use one of {', '.join(kind.known)}"
    raise UsageError(f"there is no column {key!r}", way_out, flag)


def heads(fields: Iterable[Field], raw: bool = False) -> tuple[Column, ...]:
    """The columns of the fields; raw: whole integers in place of units."""
    columns = (field.column for field in fields)
    return tuple(
        replace(column, show=str) if raw and column.show in (show_count, show_bytes) else column for column in columns
    )


def values(fields: Sequence[Field], items: Iterable[Item]) -> tuple[Row, ...]:
    """The raw values of the items under the fields."""
    gets = [field.get for field in fields]
    return tuple(tuple(get(item) for get in gets) for item in items)
