"""Markdown: a snapshot, and what a parser makes of hostile names."""

from __future__ import annotations

import re
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from groupcalc.costs.cost import GraphCost
from groupcalc.graph import Uncounted
from groupcalc.report.render.markdown import markdown
from groupcalc.report.views import analysis
from groupcalc.units import show_name

WORDS = st.text(st.characters(exclude_categories=()))
ALLOWED = {"text", "text_special", "strong_open", "strong_close"}


def inlines(text: str) -> list[Token]:
    """The inline tokens of GitHub-like Markdown (tables and strikethrough on, raw HTML seen as such)."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    return [token for token in parser.parse(text) if token.type == "inline"]


def words(token: Token) -> str:
    content = "".join(child.content for child in token.children or ())
    return " ".join(content.replace("\u2060", "").split())


def test_snapshot(make: SimpleNamespace) -> None:
    model = make.model(
        make.row("block_1/conv", make.conv(8, 8, 3, (9, 9), groups=4, bias=False)),
        make.plain("a|b", "Relu", (1, 8, 7, 7), flops=392),
        path="nets/my_net.onnx",
        uncounted=(Uncounted(name="n7", op="acme::Foo", reason="no rule"),),
    )
    assert markdown(analysis([model])) == (
        "### nets/my\\_net.onnx\n"
        "\n"
        "144 params · 7.056 kMACs (15 kFLOPs) · batch 1 · 1 layer · 1 of 3 nodes uncounted: acme::Foo ×1 (no rule)\n"
        "\n"
        "| layer | op | params | MACs | share | if G=1 | ÷G | FLOPs | FLOP/B | weights | in | out |\n"
        "| :--- | :--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| block\\_1/conv | Conv 8→8 k3 s1 g4 | 144 | 7.056 k | 100.0 % | 28.22 k | 4 | 14.11 k | 2.98 "
        "| 576 B | 2.531 KiB | 1.531 KiB |\n"
        "| a&#124;b | Relu 8×7×7 | 0 | 0 | 0.0 % |  |  | 392 | 0.12 | 0 B | 1.531 KiB | 1.531 KiB |\n"
        "| **total** |  | **144** | **7.056 k** | **100.0 %** | **28.22 k** |  | **14.50 k** | **1.84** "
        "| **576 B** | **4.063 KiB** | **3.063 KiB** |\n"
        "\n"
        "- Memory: weights 576 B · traffic 7.688 KiB · peak activations 4.063 KiB · 1.84 FLOP/B\n"
        "- Grouping: 1 layer is 100.0 % of the MACs; all dense it would be 28.22 kMACs, 576 params (×4.00, ×4.00).\n"
        "- ⚠ not counted: n7 (acme::Foo): no rule\n"
        "\n"
        "FLOPs = 2 × MACs + other; taps on padding counted; bytes = weights + inputs + outputs, each once.\n"
    )


def test_hostile_names_are_text(hostile_model: GraphCost) -> None:
    text = markdown(analysis([hostile_model]))
    assert {child.type for token in inlines(text) for child in token.children or ()} <= ALLOWED
    assert not re.search(r"@user|(?<!&)#12|://|www\.|<|\x1b", text)


@given(WORDS)
def test_any_name_is_shown_as_it_is(make: SimpleNamespace, name: str) -> None:
    model = make.model(make.plain(name, "Relu", (1, 8)), path=f"p{name}", warnings=(name,))
    tokens = inlines(markdown(analysis([model])))
    assert {child.type for token in tokens for child in token.children or ()} <= ALLOWED
    shown = [words(token) for token in tokens]
    clean = " ".join(show_name(name).replace("\u2060", "").split())
    assert shown[0] == f"p{show_name(name)}".strip() or shown[0].split() == f"p{show_name(name)}".split()
    assert clean in shown
    assert f"⚠ {clean}".strip() in shown
