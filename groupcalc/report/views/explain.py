"""The views of `explain`: one operator, all of them, and what can be asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from groupcalc.explain import Operator
from groupcalc.report.document import Column, Report, Table
from groupcalc.report.views.lines import CONVENTION, plural


def _version(source: str) -> str:
    """`ONNX 22`: the name stands in the first column."""
    return f"{source.partition(' ')[0]} {source.rpartition('-')[2]}"


OP = Column(key="op", header="op", align="left")
FORMULA = Column(key="formula", header="how it is counted", align="left", elide=24)
SOURCE = Column(key="source", header="source", show=_version, align="left", priority=1)
FAMILY = Column(key="family", header="family", align="left", priority=2)

ASK = Column(key="ask", header="ask", align="left")
TELLS = Column(key="tells", header="and it tells", align="left")

QUESTIONS = (
    ("groupcalc explain Conv", "how one operator is counted, and the source of that"),
    ("groupcalc explain FusedConv", "the same of one of another domain"),
    ("groupcalc explain --list", "the table of all operators"),
    ("groupcalc explain --list -o csv", "the same for machines; also json, markdown, html"),
)


def index(operators: Sequence[Operator], data: Any = None) -> Report:
    """What can be asked, and how many operators there are of each family."""
    counts = Counter(each.family for each in operators)
    families = " · ".join(f"{family} {count}" for family, count in counts.items())
    table = Table(columns=(ASK, TELLS), rows=QUESTIONS, notes=(f"{plural(len(operators), 'operator')}: {families}",))
    return Report(tables=(table,), records=partial(_records, operators), data=data, notes=(CONVENTION,))


def table_of(operators: Sequence[Operator], data: Any = None) -> Report:
    """Every operator with its formula and source, a table a family."""
    tables = []
    for family, members in groupby(operators, lambda each: each.family):
        rows = tuple((each.name, each.formula, each.source) for each in members)
        facts = (plural(len(rows), "operator"),)
        tables.append(Table(name=family, facts=facts, columns=(OP, FORMULA, SOURCE), rows=rows))
    whole = "groupcalc explain OP tells the whole of one."
    return Report(tables=tuple(tables), records=partial(_records, operators), data=data, notes=(whole, CONVENTION))


def one(each: Operator, data: Any = None) -> Report:
    """One operator, whole."""
    table = Table(columns=(), name=each.name, facts=(each.family, each.source), notes=(*each.text, *_inputs(each)))
    return Report(tables=(table,), records=partial(_records, (each,)), data=data, notes=(CONVENTION,))


def _inputs(each: Operator) -> Iterator[str]:
    """What its inputs count as, where that is not seen at a glance."""
    if each.rule is None:
        return
    if each.rule.view:
        yield "The output is the input under another shape: it has no row and no traffic."
    for slots, meaning in (
        (each.rule.arguments, "steers it and is neither params nor traffic"),
        (each.rule.buffers, "is stored and not learned: buffers"),
        (each.rule.weights, "is learned whatever its dtype"),
    ):
        if slots:
            yield f"{_numbered(slots)} {meaning}."


def _numbered(slots: Collection[int]) -> str:
    """`Input 2`; `Each of inputs 1, 2`, counted from 0 as ONNX lists them."""
    numbers = ", ".join(map(str, sorted(slots)))
    return f"Input {numbers}" if len(slots) == 1 else f"Each of inputs {numbers}"


def _records(operators: Sequence[Operator]) -> Table:
    rows = tuple((each.name, each.family, each.formula, each.source) for each in operators)
    return Table(columns=(OP, FAMILY, FORMULA, SOURCE), rows=rows)
