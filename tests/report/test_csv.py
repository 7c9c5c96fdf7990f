"""CSV: whole integers under JSON keys, and no formula."""

from __future__ import annotations

import csv as library
from dataclasses import replace
from types import SimpleNamespace

from hypothesis import example, given
from hypothesis import strategies as st

from groupcalc.costs.cost import KEYS, Cost, GraphCost
from groupcalc.report.document import Column, Report, Table
from groupcalc.report.render.cells import inert
from groupcalc.report.render.csv import csv
from groupcalc.report.views import analysis

WORDS = st.text(st.characters(exclude_categories=()))


def read(text: str) -> list[dict[str, str]]:
    return list(library.DictReader(text.splitlines()))


@given(st.builds(Cost, **dict.fromkeys(KEYS, st.integers(0, 2**90))))
def test_integers_of_any_size_round_trip(make: SimpleNamespace, cost: Cost) -> None:
    row = replace(make.plain("r", "MatMul", (1, 8), (1, 4)), cost=cost)
    [record] = read(csv(analysis([make.model(row)])))
    assert {key: int(record[key]) for key in KEYS} == {key: getattr(cost, key) for key in KEYS}
    assert float(record["arithmetic_intensity"]) == cost.arithmetic_intensity


def test_shapes_and_blanks(make: SimpleNamespace) -> None:
    [record] = read(csv(analysis([make.model(make.row("c", make.conv(3, 8, 3, (9, 9), groups=1)), path="m.onnx")])))
    assert record["model"] == "m.onnx"
    assert record["inputs"] == "1x3x9x9"
    assert record["outputs"] == "1x8x7x7"
    assert record["shared"] == record["estimate_s"] == record["bound"] == ""
    assert record["op"] == "Conv"


def test_every_row_is_there(make: SimpleNamespace) -> None:
    model = make.resnext()
    records = read(csv(analysis([model, model], top=2)))
    assert len(records) == 2 * len(model.layers)
    assert sum(int(record["macs"]) for record in records) == 2 * model.totals.macs


def test_chosen_columns_are_the_header(make: SimpleNamespace) -> None:
    assert csv(analysis([make.resnext()], columns=["name", "macs"], sort="macs")).startswith(
        "name,macs\n/conv1/Conv,118013952\n"
    )


def test_hostile_names_are_no_formula(hostile_model: GraphCost) -> None:
    for record in read(csv(analysis([hostile_model]))):
        assert not any(value.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for value in record.values())


@given(WORDS)
@example("::")
def test_any_name_is_one_text_cell(make: SimpleNamespace, name: str) -> None:
    text = csv(analysis([make.model(make.plain(name, "Relu", (1, 8)))]))
    text.encode()
    assert all(line.isprintable() for line in text.split("\n"))
    [record] = read(text)
    assert record["name"].removeprefix("'") == inert(name).removeprefix("'")
    assert not record["name"].startswith(tuple("=+-@"))


def test_negative_numbers_stay_numbers() -> None:
    column = Column(key="over", header="over")
    assert csv(Report(tables=(Table(columns=(column,), rows=((-5,), (-0.5,))),))) == "over\n-5\n-0.5\n"


def test_without_records_tables_alike_follow_each_other() -> None:
    tables = [Table(columns=(Column(key=key, header=key),), rows=((row,),)) for key, row in ("a1", "b2", "a3")]
    assert csv(Report(tables=tuple(tables))) == "a\n1\n3\n"
