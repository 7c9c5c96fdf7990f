"""The views of `explain arch`: the list of architectures, and one beside the figures of its paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from groupcalc.costs.cost import Cost
from groupcalc.explain.archs import Compared
from groupcalc.report.document import Column, Report, Table
from groupcalc.report.views.lines import CONVENTION, amount
from groupcalc.sources.archs.arch import BATCH, CLASSES, Arch, Key, show_value
from groupcalc.sources.archs.grammar import Variant

NAME = Column(key="name", header="arch:", align="left")
KEYS = Column(key="keys", header="keys and their defaults", align="left")
PAPER = Column(key="paper", header="paper", align="left")
TITLE = Column(key="title", header="what it is", align="left", elide=24, priority=1)

KEY = Column(key="key", header="key", align="left")
DEFAULT = Column(key="default", header="default", align="left")
WHAT = Column(key="what", header="what", align="left")

VARIANT = Column(key="variant", header="variant", align="left")
METRIC = Column(key="metric", header="figure", align="left")
EXACT = Column(key="exact", header="counted", show=lambda count: f"{count:,}")
PRINTED = Column(key="printed", header="the paper")
WHERE = Column(key="where", header="where", align="left", priority=1)
REASON = Column(key="reason", header="why it differs", align="left")

COMMON = (BATCH, CLASSES)
"""Keys that the list says once."""

HOW = (
    "Write arch:NAME,key=value,… for INPUT. All take batch=1 as well, those for ImageNet classes=1000.",
    "groupcalc explain arch:NAME tells more of one.",
)


def arch_list(archs: Iterable[Arch], data: Any = None) -> Report:
    """Every architecture with its keys."""
    every = tuple(archs)
    networks = [arch for arch in every if "width" in arch.keys or "classes" in arch.keys]
    tables = (_listed("Networks", networks), _listed("Single layers", [arch for arch in every if arch not in networks]))
    return Report(tables=tables, records=lambda: _list_records(every), data=data, notes=HOW)


def _listed(name: str, archs: Sequence[Arch]) -> Table:
    rows = tuple((arch.name, _defaults(arch, but=COMMON), arch.title) for arch in archs)
    return Table(name=name, columns=(NAME, KEYS, TITLE), rows=rows)


def _list_records(archs: Iterable[Arch]) -> Table:
    rows = tuple((arch.name, _defaults(arch), arch.title, arch.paper) for arch in archs)
    return Table(columns=(NAME, KEYS, TITLE, PAPER), rows=rows)


def _defaults(arch: Arch, but: Sequence[Key] = ()) -> str:
    return ",".join(f"{name}={show_value(key.default)}" for name, key in arch.keys.items() if key not in but)


def arch_report(variant: Variant, cost: Cost, found: Sequence[Compared], data: Any = None) -> Report:
    """One architecture: its keys, what this variant costs, and what the paper prints."""
    arch = variant.arch
    keys = Table(
        name=str(variant),
        facts=(amount(cost.params, "params", raw=False), amount(cost.macs, "MACs", raw=False)),
        columns=(KEY, DEFAULT, WHAT),
        rows=tuple((name, show_value(key.default), key.what) for name, key in arch.keys.items()),
        notes=(*(f"{text[:1].upper()}{text[1:]}." for text in (arch.title, arch.note) if text), f"{arch.paper}."),
    )
    rows = tuple(_row(each) for each in found)
    figures = Table(
        columns=(VARIANT, METRIC, EXACT, PRINTED, WHERE),
        rows=tuple(row[:-1] for row in rows),
        notes=tuple(f"{each.figure.printed}: {each.figure.reason}." for each in found if each.figure.reason),
    )
    records = Table(columns=(VARIANT, METRIC, EXACT, PRINTED, WHERE, REASON), rows=rows)
    return Report(
        tables=(keys, figures) if found else (keys,),
        records=(lambda: records) if found else None,
        data=data,
        notes=(CONVENTION,),
    )


def _row(each: Compared) -> tuple[Any, ...]:
    of = f"{each.figure.of} of {each.figure.op}" if each.figure.op else each.figure.of
    return (str(each.variant), of, each.exact, each.figure.printed, each.figure.where, each.figure.reason or None)
