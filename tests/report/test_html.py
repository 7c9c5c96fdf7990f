"""HTML: one page that fetches nothing, exact figures, names that are text."""

from __future__ import annotations

from html.parser import HTMLParser
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from groupcalc.costs.cost import GraphCost
from groupcalc.report.render.html import html
from groupcalc.report.views import analysis
from groupcalc.units import show_name

WORDS = st.text(st.characters(exclude_categories=()))
VOID = {"meta"}


class Page(HTMLParser):
    """Tags, attributes and the text of table cells; fails on a tag that is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.cells: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self.open:
            self.cells[-1] += data

    def values(self, name: str) -> list[str]:
        return [value or "" for key, value in self.attributes if key == name]


def test_the_page_stands_alone(make: SimpleNamespace) -> None:
    text = html(analysis([make.resnext()]))
    page = Page(text)
    assert text.startswith("<!DOCTYPE html>\n")
    assert page.values("charset") == ["utf-8"]
    assert "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'" in page.values("content")
    assert "://" not in text
    assert not {"src", "href", "onclick"} & {key for key, _ in page.attributes}
    assert not {"link", "img", "iframe"} & set(page.tags)
    assert "<title>groupcalc · nets/resnext.onnx</title>" in text


def test_figures_are_exact(make: SimpleNamespace) -> None:
    model = make.resnext()
    exact = Page(html(analysis([model]))).values("data-value")
    for row in model.layers:
        assert str(row.cost.macs) in exact
        assert str(row.cost.arithmetic_intensity) in exact
    assert str(model.totals.flops) in exact


def test_it_reads_without_scripts_and_sorts_with_them(make: SimpleNamespace) -> None:
    text = html(analysis([make.resnext()], top=3))
    before, script = text.split("<script>")
    assert "/conv1/Conv" in before
    assert "118.0 M" in before
    assert "<button" not in before  # the buttons of the heads come with the script that makes them work
    assert "aria-sort" in script
    assert before.index("</tbody>") < before.index("… 11 more") < before.index("</tfoot>")


def test_hostile_names_are_text(hostile: str, hostile_model: GraphCost) -> None:
    text = html(analysis([hostile_model]))
    text.encode()
    assert all(line.isprintable() for line in text.split("\n"))
    page = Page(text)
    assert page.tags.count("script") == 1
    assert "img" not in page.tags
    assert show_name(hostile) in page.cells


@given(WORDS)
def test_any_name_leaves_the_page_as_it_is(make: SimpleNamespace, name: str) -> None:
    def tags(name: str) -> list[str]:
        return Page(
            html(analysis([make.model(make.plain(name, "Relu", (1, 8)), path=f"p{name}", warnings=(name,))]))
        ).tags

    assert tags(name) == tags("plain")
