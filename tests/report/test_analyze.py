"""What the view of `analyze` says, and that what it shows adds up."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groupcalc.costs.cost import KEYS, Cost, GraphCost
from groupcalc.errors import UsageError
from groupcalc.graph import Uncounted
from groupcalc.report.document import Report, Table
from groupcalc.report.views import analysis, select_rows


def column(table: Table, key: str, rows: str = "rows") -> list[Any]:
    index = [column.key for column in table.columns].index(key)
    return [row[index] for row in getattr(table, rows)]


def records(report: Report) -> Table:
    assert report.records
    return report.records()


def one(report: Report) -> Table:
    [table] = report.tables
    return table


@pytest.fixture
def resnext(make: SimpleNamespace) -> GraphCost:
    model: GraphCost = make.resnext()
    return model


def test_the_header_says_what_the_model_is(resnext: GraphCost) -> None:
    table = one(analysis([resnext]))
    assert table.name == "nets/resnext.onnx"
    assert table.facts == ("2.159 M params", "599.1 MMACs (1.2 GFLOPs)", "batch 1", "11 layers", "all counted")


def test_raw_is_whole_integers_everywhere(resnext: GraphCost) -> None:
    table = one(analysis([resnext], raw=True))
    assert table.facts[0] == f"{resnext.totals.params} params"
    assert f"weights {resnext.totals.weight_bytes} B" in table.notes[0]
    [macs] = [column for column in table.columns if column.key == "macs"]
    assert macs.text(2**70) == str(2**70)


def test_an_input_of_rank_one_has_no_batch(make: SimpleNamespace) -> None:
    assert not any("batch" in fact for fact in one(analysis([make.model(make.plain("r", "Relu", (8,)))])).facts)


def test_uncounted_nodes_are_in_the_header_and_named_below(make: SimpleNamespace) -> None:
    lstm = [Uncounted(name=f"l{index}", op="LSTM", reason="no shape for X") for index in range(2)]
    foo = Uncounted(name="", op="acme::Foo", reason="no rule")
    table = one(analysis([make.model(make.plain("r", "Relu", (1, 8)), uncounted=(*lstm, foo))]))
    assert table.facts[-1] == "3 of 4 nodes uncounted: LSTM ×2 (no shape for X), acme::Foo ×1 (no rule)"
    assert table.warnings == (
        "not counted: l0 (LSTM): no shape for X",
        "not counted: l1 (LSTM): no shape for X",
        "not counted: acme::Foo: no rule",
    )


def test_an_operator_is_named_once_with_its_first_reason(make: SimpleNamespace) -> None:
    foos = [Uncounted(name=f"f{index}", op="acme::Foo", reason=f"no shape for 't{index}'") for index in range(3)]
    table = one(analysis([make.model(make.plain("r", "Relu", (1, 8)), uncounted=tuple(foos))]))
    assert table.facts[-1] == "3 of 4 nodes uncounted: acme::Foo ×3 (no shape for 't0', …)"


def test_a_node_that_is_counted_in_part_is_one_node(make: SimpleNamespace) -> None:
    loop = Uncounted(name="loop", op="Loop", reason="trip count unknown")
    table = one(analysis([make.model(make.plain("loop", "Loop", (1, 8)), uncounted=(loop,))]))
    assert table.facts[-1].startswith("1 of 1 node uncounted")


def test_long_lists_end_with_how_many_more_there_are(make: SimpleNamespace) -> None:
    nodes = tuple(Uncounted(name=f"n{index}", op="Foo", reason="no rule") for index in range(22))
    table = one(analysis([make.model(uncounted=nodes, warnings=tuple("abc"))]))
    assert len(table.warnings) == 10 + 1 + 3
    assert table.warnings[10:] == ("… 12 more (-o json lists all)", "a", "b", "c")


def test_the_grouping_line_compares_with_all_dense(resnext: GraphCost) -> None:
    grouped, dense = 3 * 14_450_688, 3 * 14_450_688 * 32
    rest = resnext.totals.macs - grouped
    assert f"{grouped / resnext.totals.macs:.1%}" == "7.2%"
    assert f"{(rest + dense) / 1e9:.3f}" == "1.943"
    assert one(analysis([resnext])).notes[1] == (
        "Grouping: 3 layers are 7.2 % of the MACs; all dense it would be 1.943 GMACs, 5.16 M params (×3.24, ×2.39)."
    )


def test_without_groups_nothing_is_said_of_grouping(make: SimpleNamespace) -> None:
    table = one(analysis([make.model(make.row("c", make.conv(8, 8, 3, (9, 9))))]))
    assert len(table.notes) == 1
    assert not {"dense_macs", "groups"} & {column.key for column in table.columns}


def test_the_convention_is_said_once(resnext: GraphCost) -> None:
    report = analysis([resnext, resnext])
    assert len(report.notes) == 1
    assert "2 × MACs" in report.notes[0]


def test_rows_stand_in_node_order_and_add_up(resnext: GraphCost) -> None:
    table = one(analysis([resnext]))
    assert column(table, "name") == [row.name for row in resnext.layers]
    for key in ("params", "macs", "flops", "weight_bytes", "input_bytes", "output_bytes"):
        assert [sum(column(table, key))] == column(table, key, "closing")


@given(top=st.integers(1, 20), sort=st.sampled_from([None, "macs", "name", "flops", "outputs", "share", "bound"]))
def test_what_is_shown_and_what_is_folded_add_up(make: SimpleNamespace, top: int, sort: str | None) -> None:
    model = make.resnext()
    table = one(analysis([model], top=top, sort=sort))
    assert len(table.rows) == min(top, len(model.layers))
    for key in ("params", "macs", "flops", "input_bytes"):
        *folded, total = column(table, key, "closing")
        assert sum(column(table, key)) + sum(folded) == total == getattr(model.totals, key)


def test_top_keeps_the_largest_in_node_order(resnext: GraphCost) -> None:
    table = one(analysis([resnext], top=3))
    largest = sorted((row.cost.macs for row in resnext.layers), reverse=True)[:3]
    assert sorted(column(table, "macs"), reverse=True) == largest
    names = [row.name for row in resnext.layers]
    assert column(table, "name") == sorted(column(table, "name"), key=names.index)
    assert column(table, "name", "closing") == ["… 11 more (--top 0: all)", "total"]


def test_top_with_sort_keeps_the_first(resnext: GraphCost) -> None:
    table = one(analysis([resnext], top=2, sort="params"))
    assert column(table, "name") == ["/fc/Gemm", "/layer3/layer3.0/conv3/Conv"]


def test_the_grouped_layers_that_are_not_shown_are_counted(resnext: GraphCost) -> None:
    # Three bottlenecks with one grouped layer each, fourteen rows in all; its MACs are the fewest of its block.
    assert one(analysis([resnext], top=3)).notes[0] == "Of the 11 more, 3 are grouped (--sort groups shows them first)."
    sorted_by_it = one(analysis([resnext], top=2, sort="groups"))
    assert sorted_by_it.notes[0] == "Of the 12 more, 1 is grouped (--top 0 shows them)."
    assert column(sorted_by_it, "groups") == [32, 32]


@pytest.mark.parametrize("wish", [{"top": 3, "sort": "groups"}, {"top": 0}, {"top": 2, "by": "op"}])
def test_where_every_grouped_layer_is_shown_or_rows_are_no_layers_none_is_counted(
    resnext: GraphCost, wish: dict[str, Any]
) -> None:
    assert not [note for note in one(analysis([resnext], **wish)).notes if "more, " in note]


def test_numbers_sort_downwards_and_names_upwards(resnext: GraphCost) -> None:
    macs = column(one(analysis([resnext], sort="macs")), "macs")
    assert macs == sorted(macs, reverse=True)
    names = column(one(analysis([resnext], sort="name")), "name")
    assert names == sorted(names)


def test_a_filter_selects_rows_and_leaves_the_totals(resnext: GraphCost) -> None:
    report = analysis([resnext], layer=["*layer1*", "*layer2*"], op=["Conv"])
    table = one(report)
    assert len(table.rows) == 6
    assert column(table, "name", "closing") == ["shown", "total"]
    shown, total = column(table, "macs", "closing")
    assert shown == sum(column(table, "macs"))
    assert total == resnext.totals.macs
    assert column(records(report), "name") == column(table, "name")
    selected = select_rows(resnext.layers, ["*layer1*", "*layer2*"], ["Conv"])
    assert [row.name for row in selected] == column(table, "name")


def test_a_filter_that_fits_nothing_is_said(resnext: GraphCost) -> None:
    assert one(analysis([resnext], layer=["nothing"])).warnings == ("no layer fits --layer and --op",)


def test_records_are_never_folded(resnext: GraphCost) -> None:
    assert len(records(analysis([resnext], top=1)).rows) == len(resnext.layers)


def test_records_have_every_key_of_a_saved_layer(resnext: GraphCost) -> None:
    assert [column.key for column in records(analysis([resnext])).columns] == [
        "model", "name", "op", "groups", "inputs", "outputs", "params", "buffers", "macs", "flops", "weight_bytes",
        "input_bytes", "output_bytes", "arithmetic_intensity", "dense_macs", "dense_params", "repeat", "shared",
        "estimate_s", "bound",
    ]  # fmt: skip


def test_by_op_sums_the_rows_of_each_operator(resnext: GraphCost) -> None:
    table = one(analysis([resnext], by="op", sort="macs"))
    assert column(table, "op") == ["Conv", "Gemm", "Relu"]
    assert column(table, "count") == [10, 1, 3]
    assert column(table, "op", "closing") == ["total"]
    assert [sum(column(table, "macs"))] == column(table, "macs", "closing")


def test_by_op_counts_repeats(make: SimpleNamespace) -> None:
    model = make.model(make.row("a", make.conv(8, 8, 1, (2, 2)), repeat=3), make.row("b", make.conv(8, 8, 1, (2, 2))))
    assert column(one(analysis([model], by="op")), "count") == [4]


def test_by_model_is_one_row_a_model(make: SimpleNamespace, resnext: GraphCost) -> None:
    small = make.model(make.row("c", make.conv(8, 8, 3, (9, 9))), path="small.onnx", warnings=("odd",))
    report = analysis([small, resnext], by="model", sort="macs")
    table = one(report)
    assert column(table, "model") == ["nets/resnext.onnx", "small.onnx"]
    assert column(table, "macs") == [resnext.totals.macs, small.totals.macs]
    assert column(table, "layers") == [11, 1]
    assert column(table, "peak_activation_bytes") == [resnext.peak_activation_bytes, small.peak_activation_bytes]
    assert table.warnings == ("small.onnx: odd",)
    assert {"model", "layers", *KEYS} < {column.key for column in records(report).columns}


def test_by_model_with_a_filter_is_of_what_it_selects(resnext: GraphCost) -> None:
    table = one(analysis([resnext], by="model", op=["Gemm"]))
    assert column(table, "macs") == [1_024_000]
    assert table.notes


def test_several_models_end_with_one_beside_the_other(make: SimpleNamespace, resnext: GraphCost) -> None:
    other = make.model(make.row("c", make.conv(8, 8, 3, (9, 9))), path="small.onnx", warnings=("odd",))
    report = analysis([resnext, other])
    assert [table.name for table in report.tables] == ["nets/resnext.onnx", "small.onnx", "2 models"]
    assert report.tables[-1].warnings == ()  # said above
    assert column(records(report), "model") == ["nets/resnext.onnx"] * 14 + ["small.onnx"]


def test_columns_are_exactly_those_asked_for(resnext: GraphCost) -> None:
    report = analysis([resnext], columns=["macs", "name", "groups", "dense_macs", "share"])
    table = one(report)
    assert [column.key for column in table.columns] == ["macs", "name", "groups", "dense_macs", "share"]
    assert all(column.priority == 0 for column in table.columns)
    assert None not in column(table, "dense_macs")
    assert column(table, "groups", "closing") == [None]
    assert [column.key for column in records(report).columns] == ["macs", "name", "groups", "dense_macs", "share"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sort": "mac"}, "--sort: there is no column 'mac' (did you mean 'macs'?)"),
        ({"columns": ["name", "flop"]}, "--columns: there is no column 'flop' (did you mean 'flops'?)"),
        ({"sort": "groups", "by": "model"}, "--sort: there is no column 'groups' (use one of model, layers, params, "),
    ],
)
def test_unknown_columns_are_answered_with_the_mend(
    resnext: GraphCost, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as error:
        analysis([resnext], **arguments)
    assert str(error.value).startswith(message)


def test_figures_beyond_64_bits_stay_exact(make: SimpleNamespace) -> None:
    huge = Cost(params=2**70 + 1, macs=2**90 + 1, flops=2**91 + 3, dense_macs=2**90 + 1)
    row = replace(make.plain("r", "MatMul", (1, 8)), cost=huge)
    table = one(analysis([make.model(row, row)], by="op"))
    assert column(table, "macs") == column(table, "macs", "closing") == [2**91 + 2]


def test_an_empty_model_is_a_table_too(make: SimpleNamespace) -> None:
    table = one(analysis([make.model()]))
    assert table.rows == ()
    assert table.facts[:2] == ("0 params", "0 MACs (0 FLOPs)")


def test_a_hundred_thousand_rows_cost_what_is_shown(make: SimpleNamespace) -> None:
    row = make.plain("relu", "Relu", (1, 8), flops=8)
    table = one(analysis([make.model(*[row] * 100_000)], top=20))
    assert len(table.rows) == 20
    assert column(table, "name", "closing") == ["… 99980 more (--top 0: all)", "total"]
    assert column(table, "flops", "closing") == [8 * 99_980, 800_000]
