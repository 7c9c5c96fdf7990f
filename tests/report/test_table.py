"""The text table: golden texts that add up, widths that hold, names that stay inert."""

from __future__ import annotations

import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from unicodedata import category, east_asian_width

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groupcalc.costs.cost import GraphCost
from groupcalc.report.document import Column, Report, Table
from groupcalc.report.render import FORMATS, renderer
from groupcalc.report.render.cells import cut_middle, width_of, wrap
from groupcalc.report.render.table import table
from groupcalc.report.views import analysis

GOLDEN = Path(__file__).parent.parent / "golden"
WORDS = st.text(st.characters(exclude_categories=()))
SCALES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "B": 1, "KiB": 2**10, "MiB": 2**20}


def cells(line: str) -> int:
    return sum(0 if category(c) in ("Mn", "Me") else 2 if east_asian_width(c) in "WF" else 1 for c in line)


def figures(text: str, header: str) -> list[str]:
    """The cells under a right-aligned header, down to the line `total`."""
    lines = text.splitlines()
    start = next(index for index, line in enumerate(lines) if "─" in line)
    end = next(index for index, line in enumerate(lines) if line.startswith(" total"))
    at = re.search(rf"(?<=  ){re.escape(header)}(?=  |$)", lines[start - 1])
    assert at is not None
    return [line[: at.end()].rsplit("  ", 1)[-1].strip() for line in lines[start + 1 : end + 1]]


def read(figure: str) -> tuple[Fraction, Fraction]:
    """The number that a figure stands for, and half of what its last digit is worth."""
    number, _, unit = figure.partition(" ")
    digits = len(number.partition(".")[2])
    return Fraction(number) * SCALES[unit], Fraction(SCALES[unit], 2 * 10**digits) if "." in number else Fraction(0)


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_table_looks_as_agreed(make: SimpleNamespace, width: int) -> None:
    text = table(analysis([make.resnext()], top=10), width=width, elide=True)
    assert text == (GOLDEN / f"analyze_{width}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [80, 120])
def test_the_whatif_looks_as_agreed(make: SimpleNamespace, width: int) -> None:
    model = make.resnext()
    whatifs = [make.at_groups(model, groups) for groups in (1, 2, 4, 32)]
    text = table(analysis([model], whatifs=whatifs, layer=["*layer1*"]), width=width, elide=True)
    assert text == (GOLDEN / f"whatif_{width}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("header", ["params", "MACs", "FLOPs", "weights", "in", "out"])
def test_the_rows_of_the_golden_text_add_up_to_its_total(width: int, header: str) -> None:
    text = (GOLDEN / f"analyze_{width}.txt").read_text(encoding="utf-8")
    if header not in text.split("─")[0].split():
        assert width < 200
        return
    *rows, (total, slack) = map(read, figures(text, header))
    assert abs(sum(value for value, _ in rows) - total) <= sum(half for _, half in rows) + slack


@pytest.mark.parametrize(("header", "key"), [("params", "params"), ("MACs", "macs"), ("FLOPs", "flops")])
def test_raw_rows_add_up_exactly(make: SimpleNamespace, header: str, key: str) -> None:
    model = make.resnext()
    *rows, total = map(int, figures(table(analysis([model], top=5, raw=True), width=200), header))
    assert sum(rows) == total == getattr(model.totals, key)


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
@pytest.mark.parametrize("by", ["layer", "op", "model"])
def test_no_line_is_wider_than_the_terminal(make: SimpleNamespace, width: int, by: str) -> None:
    model = make.resnext(path="a/very/long/path/" * 9 + "model.onnx")
    text = table(analysis([model, make.resnext()], by=by), width=width, elide=True)
    assert max(map(cells, text.splitlines())) <= width


def test_more_room_shows_more_columns(make: SimpleNamespace) -> None:
    report = analysis([make.resnext()])
    heads = [table(report, width=width, elide=True).split("─")[0] for width in (80, 120, 200)]
    assert "if G=1" in heads[0]
    assert "share" not in heads[0]
    assert all(word in heads[1] for word in ("share", "÷G", "FLOPs", "FLOP/B"))
    assert all(word in heads[2] for word in ("weights", "in", "out", "outputs"))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_column_is_shown_or_named_as_left_out(make: SimpleNamespace, width: int) -> None:
    report = analysis([make.resnext()])
    text = table(report, width=width, elide=True)
    head = next(line for line in text.splitlines() if line.startswith(" layer "))
    left_out = " ".join(text.split()).split("Columns left out: ")[1].split(" (a wider terminal")[0].split(", ")
    headers = [column.header for column in report.tables[0].columns]
    assert [header for header in headers if f" {header} " not in f"{head} "] == left_out
    assert 0 < len(left_out) < len(headers)


def test_where_every_column_fits_none_is_left_out(make: SimpleNamespace) -> None:
    assert "left out" not in table(analysis([make.resnext()]), width=200)


def test_tables_that_leave_out_the_same_columns_say_so_once(make: SimpleNamespace) -> None:
    text = table(analysis([make.resnext(), make.resnext("b.onnx")]), width=120)
    of_layers, of_models = re.findall(r"left out: (.*) \(", text)
    assert of_layers == "weights, in, out, outputs"
    assert of_models != of_layers


def test_outside_a_terminal_nothing_is_cut(make: SimpleNamespace) -> None:
    name = "/very/long/" * 30
    model = make.model(make.row(name, make.conv(8, 8, 3, (9, 9), groups=2)))
    text = table(analysis([model]))
    assert name in text
    assert "if G=1" in text  # a long name does not cost the other columns
    assert "…" not in text


def test_names_are_cut_in_the_middle() -> None:
    assert cut_middle("layer1/layer1.0/conv2", 14) == "layer….0/conv2"
    assert cut_middle("short", 14) == "short"
    assert cut_middle("word", 1) == "…"


@given(WORDS.filter(str.isprintable), st.integers(1, 40))
def test_cut_text_fits_and_keeps_both_ends(text: str, width: int) -> None:
    cut = cut_middle(text, width)
    assert width_of(cut) <= width
    head, _, tail = cut.partition("…") if cut != text else (text, "", "")
    assert text.startswith(head)
    assert text.endswith(tail)


def test_wide_characters_take_two_cells() -> None:
    assert width_of("卷积") == 4
    assert width_of("e\u0301") == 1
    text = Report(tables=(Table(columns=(Column(key="n", header="n", align="left"), Column(key="m", header="m")),
                                rows=(("卷积", 1), ("conv", 2))),))  # fmt: skip
    lines = table(text).splitlines()[-2:]
    assert {cells(line) for line in lines} == {1 + 4 + 2 + 1}


@given(st.lists(WORDS.filter(str.isprintable), min_size=1), st.integers(10, 60))
def test_wrapped_lines_fit(words: list[str], width: int) -> None:
    assert all(width_of(line) <= width for line in wrap(" ".join(words), width))


def test_facts_break_between_not_within() -> None:
    assert wrap("m  1 param · 2 MACs · 11 layers", 22) == ["m  1 param · 2 MACs ·", "  11 layers"]


def test_color_is_only_where_asked_for(make: SimpleNamespace) -> None:
    report = analysis([make.model(make.row("c", make.conv(8, 8, 1, (2, 2))), warnings=("odd",))])
    assert "\x1b" not in table(report)
    painted = table(report, color=True)
    assert "\x1b[33m! odd\x1b[0m" in painted
    assert re.sub(r"\x1b\[\d+m", "", painted) == table(report)


def test_hostile_names_print_inert(hostile_model: GraphCost) -> None:
    for elide in (False, True):
        text = table(analysis([hostile_model]), width=80, elide=elide)
        assert all(line.isprintable() for line in text.split("\n"))
        text.encode()


def test_markup_in_names_is_text(make: SimpleNamespace) -> None:
    model = make.model(make.row("[bold]x[/bold]", make.conv(8, 8, 1, (2, 2))))
    assert " [bold]x[/bold]  " in table(analysis([model]), color=True)


@given(WORDS, WORDS)
def test_any_name_keeps_the_table_whole(make: SimpleNamespace, name: str, path: str) -> None:
    model = make.model(make.row(name, make.conv(8, 8, 3, (9, 9), groups=2)), path=path, warnings=(name,))
    text = table(analysis([model]), width=80, elide=True)
    lines = text.rstrip("\n").split("\n")
    assert all(line.isprintable() and cells(line) <= 80 for line in lines)


def test_every_format_writes_every_report(make: SimpleNamespace) -> None:
    for report in (Report(), analysis([]), analysis([make.model()]), analysis([make.resnext()] * 2)):
        for name in FORMATS:
            text = renderer(name)(report)
            assert text.endswith("\n") or not report.tables or (name == "github" and text == "")


def test_the_report_loads_nothing_heavy() -> None:
    code = "import sys, groupcalc.report.views, groupcalc.report.render; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "onnx", "numba", "rich", "difflib", "html.entities"} & set(loaded)
