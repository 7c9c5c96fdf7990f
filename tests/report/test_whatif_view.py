"""The what-if tables: each convolution at each group count, the present one marked, totals below."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from groupcalc.costs.cost import GraphCost
from groupcalc.report.document import Table
from groupcalc.report.render.table import table as text
from groupcalc.report.views import analysis
from groupcalc.report.views.whatif import as_cost, regrouped
from groupcalc.whatif import WhatIf


def lines_of(table: Table, rows: str = "rows") -> list[dict[str, Any]]:
    return [dict(zip((column.key for column in table.columns), row, strict=True)) for row in getattr(table, rows)]


@pytest.fixture
def model(make: SimpleNamespace) -> GraphCost:
    return make.model(  # type: ignore[no-any-return]
        make.row("stem", make.conv(3, 64, 3, (16, 16), bias=False)),
        make.row("grouped", make.conv(64, 64, 3, (14, 14), groups=8, bias=False)),
        make.plain("relu", "Relu", (1, 64, 12, 12), flops=9216),
        make.row("head", make.conv(64, 32, 1, (12, 12), bias=False)),
    )


@pytest.fixture
def whatifs(make: SimpleNamespace, model: GraphCost) -> list[WhatIf]:
    return [make.at_groups(model, groups) for groups in (1, 2, 32)]


def test_every_convolution_stands_at_every_group_count_that_divides(model: GraphCost, whatifs: list[WhatIf]) -> None:
    [table] = analysis([model], whatifs=whatifs).tables
    assert [(line["name"], line["groups"], line["present"]) for line in lines_of(table)] == [
        ("stem", 1, True),
        ("grouped", 1, False), ("grouped", 2, False), ("grouped", 8, True), ("grouped", 32, False),
        ("head", 1, True), ("head", 2, False), ("head", 32, False),
    ]  # fmt: skip


def test_macs_and_params_go_with_one_over_g_and_bytes_do_not(model: GraphCost, whatifs: list[WhatIf]) -> None:
    [table] = analysis([model], whatifs=whatifs).tables
    grouped = [line for line in lines_of(table) if line["name"] == "grouped"]
    dense = 64 * 64 * 9
    for line in grouped:
        assert line["params"] * line["groups"] == dense
        assert line["macs"] * line["groups"] == dense * 12 * 12
        assert line["bytes"] == 4 * (64 * 14 * 14 + 64 * 12 * 12 + line["params"])
        assert line["arithmetic_intensity"] == 2 * line["macs"] / line["bytes"]


def test_the_models_totals_stand_below_at_each_group_count(model: GraphCost, whatifs: list[WhatIf]) -> None:
    [table] = analysis([model], whatifs=whatifs).tables
    totals = lines_of(table, "closing")
    assert [(line["groups"], line["macs"]) for line in totals[:-1]] == [(w.groups, w.totals.macs) for w in whatifs]
    assert (totals[-1]["macs"], totals[-1]["present"]) == (model.totals.macs, True)


def test_what_does_not_divide_is_said(model: GraphCost, whatifs: list[WhatIf]) -> None:
    [table] = analysis([model], whatifs=whatifs).tables
    assert "G=2, 32: 1 layer left as is: stem (groups=2 does not divide 3)" in table.notes


def test_nameless_layers_are_paired(make: SimpleNamespace) -> None:
    nameless = make.model(
        make.row("", make.conv(3, 64, 3, (16, 16))),
        make.row("", make.conv(64, 64, 3, (14, 14))),
        make.row("", make.conv(64, 64, 3, (14, 14))),
    )
    whatif = make.at_groups(nameless, 4)
    assert regrouped(nameless, whatif) == {1: whatif.layers[0], 2: whatif.layers[1]}


def test_the_records_of_each_group_count_add_up_to_its_totals(model: GraphCost, whatifs: list[WhatIf]) -> None:
    for by in ("layer", "op", "model"):
        report = analysis([model], whatifs=whatifs, by=by)
        assert report.records
        lines = lines_of(report.records())
        for groups, totals in [(None, model.totals), *((w.groups, w.totals) for w in whatifs)]:
            assert sum(line["macs"] for line in lines if line["whatif"] == groups) == totals.macs


def test_a_regrouped_model_is_a_model(model: GraphCost, whatifs: list[WhatIf]) -> None:
    changed = as_cost(model, whatifs[0])
    assert sum(row.cost.macs for row in changed.layers) == changed.totals.macs == model.totals.dense_macs


def test_top_and_filters_choose_layers_not_lines(model: GraphCost, whatifs: list[WhatIf]) -> None:
    [table] = analysis([model], whatifs=whatifs, top=1).tables
    assert {line["name"] for line in lines_of(table)} == {"grouped"}  # 663,552 MACs; the stem has 338,688
    assert "… 2 more layers (--top 0: all)" in table.notes
    [table] = analysis([model], whatifs=whatifs, layer=["head"]).tables
    assert {line["name"] for line in lines_of(table)} == {"head"}


def test_columns_are_those_asked_for(model: GraphCost, whatifs: list[WhatIf]) -> None:
    [table] = analysis([model], whatifs=whatifs, columns=["name", "groups", "output_bytes"]).tables
    assert [column.key for column in table.columns] == ["name", "groups", "output_bytes", "present"]


def test_by_op_and_by_model_end_with_the_totals(model: GraphCost, whatifs: list[WhatIf]) -> None:
    for by in ("op", "model"):
        closing = analysis([model], whatifs=whatifs, by=by).tables[-1]
        assert [line["groups"] for line in lines_of(closing)] == [1, 2, 32, 0]


def test_a_layer_is_named_once(make: SimpleNamespace, model: GraphCost, whatifs: list[WhatIf]) -> None:
    same = replace(model.layers[1], name="twin")  # the operator of the row above, but another layer
    twins = make.model(model.layers[1], same)
    shown = text(analysis([twins], whatifs=[make.at_groups(twins, 2)]))
    assert shown.count("grouped") == shown.count("twin") == 1
    assert shown.count("Conv 64→64 k3 s1") == 2
    assert shown.count("◂ now") == 3


def test_eighty_columns_do(model: GraphCost, whatifs: list[WhatIf]) -> None:
    shown = text(analysis([model], whatifs=whatifs), width=80, elide=True)
    assert max(map(len, shown.splitlines())) <= 80
    for header in ("layer", "G", "params", "MACs", "bytes", "FLOP/B"):
        assert header in shown
