"""Names are data: whatever a file calls things, no terminal, page, spreadsheet or build log obeys it, in any format."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import onnx
import pytest
from markdown_it import MarkdownIt
from onnx import TensorProto, helper

FORMATS = ("table", "json", "csv", "markdown", "html")

ORDERS = (
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]8;;http://example.com\x1b\\link",
    "\x9b2J",
    "bell\x07back\x08\x7f",
    "nul\x00nul",
    "two\nlines",
    "\r\n::error::x",
    "two\u2028lines\u2029\x85\x0b\x0c",
    "[bold red]markup[/bold red]",
    "[link=http://example.com]x[/link]",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</table><!--",
    "<!DOCTYPE html>]]>&amp;&#60;",
    "::error::x",
    "  ::add-mask::x",
    "a ::set-output name=a::b",
    "##[error]x",
    "a ##[group]x",
    "##vso[task.setvariable variable=a]b",
    "##teamcity[message text='x']",
    "=HYPERLINK(0)",
    "+1+cmd|' /C calc'!A0",
    "-1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    " =1",
    '"=1',
    "'=1",
    "\uff1d1",
    "\u202egnp.exe\u202c",
    "\u2066a\u2069\u200f\u061c",
    "\u200b\ufeff\u2060\U000e0041",
    "a|b\\|c`d`*e*_f_~~g~~",
    "![x](http://example.com/x.png) [y](javascript:alert(1)) www.example.com @user #12",
    "$(reboot) `reboot` ; reboot",
    "${{ secrets.TOKEN }}",
    "%s %n {0} {self}",
    "../../etc/passwd",
    "",
    " ",
    "-",
    "None",
)

BYTES = (b"\xff\xfe\x1b[31m", b"::error::\xff", b"=\xc3\x28", b"\xed\xa0\x80")
"""Names that are no UTF-8: no character at all, the first byte of one alone, half of a pair."""


def varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def hostile(name: str) -> onnx.ModelProto:
    """A model whose every name is `name` or begins with it: model, graph, nodes, operators, domains, values, weights,
    dimensions, functions, attributes and texts. It holds each kind of row, a node of an unknown operator, a damaged
    payload, a weight that nobody reads, a tied one and an If whose branches both may run."""

    def called(place: int) -> str:
        return f"{name}{'~' * place}"

    def value(place: int, dims: list[int | str] | None, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(called(place), kind, dims)

    x, y, w, dead, on, h, f, u, e, damaged = range(1, 11)
    body = helper.make_node("MatMul", [called(x), called(w)], [called(y)], name=name)
    function = helper.make_function(called(1), called(1), [called(x), called(w)], [called(y)], [body], [
        helper.make_opsetid("", 21)
    ])  # fmt: skip
    branches = {
        key: helper.make_graph(
            [helper.make_node("MatMul", [called(h), called(w)], [f"{key}{name}"], name=name)], name, [],
            [helper.make_tensor_value_info(f"{key}{name}", TensorProto.FLOAT, None)],
        )
        for key in ("then_branch", "else_branch")
    }  # fmt: skip
    nodes = [
        helper.make_node(called(1), [called(x), called(w)], [called(h)], name=name, domain=called(1)),
        helper.make_node("If", [called(on)], [called(f)], name=name, **branches),
        helper.make_node(name or "Op", [called(f)], [called(u)], name=name, domain=name or "d", **{called(1): name}),
        helper.make_node("Gemm", [called(f), called(w), called(damaged)], [called(e)], name=called(3)),
    ]
    stored = [
        TensorProto(name=called(w), dims=[4, 4], data_type=TensorProto.FLOAT),
        TensorProto(name=called(dead), dims=[4, 4], data_type=TensorProto.FLOAT),
        TensorProto(name=called(damaged), dims=[4], data_type=TensorProto.FLOAT, raw_data=b"123"),
    ]
    graph = helper.make_graph(
        nodes, name, [value(x, [called(1), 4]), value(on, [], TensorProto.BOOL)], [value(e, [called(1), 4])], stored,
        doc_string=name,
    )  # fmt: skip
    model = helper.make_model(
        graph, functions=[function], opset_imports=[helper.make_opsetid(d, 21) for d in ("", called(1), name or "d")]
    )
    model.producer_name = model.domain = model.doc_string = name
    model.metadata_props.add(key=name, value=name)
    return model


def dim(name: str) -> list[str]:
    """The flag for the only dimension that is dynamic, as people see and so give its name."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in f"{name}~")
    return ["--dim", f"{shown}=3"]


def write(name: str) -> str:
    Path("m.onnx").write_bytes(hostile(name).SerializeToString())
    return "m.onnx"


# --- what no output may hold ----------------------------------------------------------------------------------------


def check_text(data: bytes) -> str:
    """Whatever the format: text in lines that print, and nothing that orders the reader of a build's log about."""
    text = data.decode("utf-8")
    lines = text.split("\n")
    assert lines.pop() == ""
    for line in lines:
        assert line.isprintable(), ascii(line[:200])
        assert not line.lstrip().startswith("::"), line[:200]
        assert not re.search(r"##\w*\[", line), line[:200]
    return text


class Page(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.keys: set[str] = set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.keys |= {key for key, _ in attrs}


TAGS = frozenset(
    "html meta title style h1 h2 p div table thead tbody tfoot tr th td script".split()  # noqa: SIM905
)


def check(output: str, text: str) -> None:
    """What the readers of one format would obey is not there."""
    match output:
        case "json":
            json.loads(text)
        case "csv":
            csv.field_size_limit(10**8)
            for cell in (cell for row in csv.reader(io.StringIO(text)) for cell in row):
                assert not re.match("[ ']*[=+@\uff1d\t\r-]", cell) or cell.startswith("'"), cell
        case "markdown":
            tokens = [*flat(MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(text))]
            assert not {token.type for token in tokens} & {
                "html_block", "html_inline", "link_open", "image", "code_inline", "fence", "code_block", "em_open",
                "s_open",
            }  # fmt: skip
            assert "@" not in text
        case "html":
            page = Page(text)
            assert page.tags <= TAGS
            assert not {key for key in page.keys if key.startswith("on")} | (page.keys & {"href", "src", "style"})
            assert text.count("<script>") == text.count("</script>") == 1


def flat(tokens: Any) -> Iterator[Any]:
    for token in tokens:
        yield token
        yield from flat(token.children or ())


def outputs(groupcalc: Callable[..., Any], *words: str) -> Any:
    """Run a command that writes every format at once, and check them all."""
    sinks = [word for output in FORMATS[1:] for word in ("-o", f"{output}:out.{output}")]
    found = groupcalc("analyze", *words, *sinks, "-o", "table")
    check_text(found.out)
    for output in FORMATS[1:]:
        check(output, check_text(Path(f"out.{output}").read_bytes()))
    return found


# --- the tests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ORDERS, ids=ascii)
def test_a_model_of_hostile_names_is_inert_and_json_keeps_them(groupcalc: Callable[..., Any], name: str) -> None:
    found = outputs(groupcalc, write(name), *dim(name), "--groups", "1,2")
    assert (found.code, found.err) == (0, b"")
    [model] = json.loads(Path("out.json").read_bytes())["models"]
    names = [layer["name"] for layer in model["layers"]]
    assert f"{name}~~~" in names or name.startswith("/")
    assert [node["op"] for node in model["uncounted"]] == [f"{name or 'd'}::{name or 'Op'}"]


@pytest.mark.parametrize("name", ORDERS, ids=ascii)
@pytest.mark.parametrize("columns", ["40", "120"])
def test_on_a_terminal_no_line_is_broken_so_that_it_becomes_an_order(
    groupcalc: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, name: str, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    check_text(groupcalc("analyze", write(name), *dim(name)).out)


@pytest.mark.parametrize("name", ORDERS, ids=ascii)
@pytest.mark.parametrize("by", ["op", "model"])
def test_names_are_inert_in_other_tables(groupcalc: Callable[..., Any], name: str, by: str) -> None:
    assert outputs(groupcalc, write(name), *dim(name), "--by", by).code == 0


@pytest.mark.parametrize("name", ORDERS, ids=ascii)
def test_an_error_about_a_hostile_name_is_one_inert_line(groupcalc: Callable[..., Any], name: str) -> None:
    model = hostile(name)
    missing = groupcalc("analyze", write(name))
    assert missing.code == 2
    model.graph.node[3].input[1] = f"{name}!"
    Path("unmade.onnx").write_bytes(model.SerializeToString())
    unmade = groupcalc("analyze", "unmade.onnx", *dim(name))
    assert unmade.code == 2
    model.graph.node[3].input[1] = model.graph.initializer[2].name
    Path("misfit.onnx").write_bytes(model.SerializeToString())
    misfit = groupcalc("analyze", "misfit.onnx", *dim(name), "--strict")
    assert misfit.code == 2
    for result in (missing, unmade, misfit):
        assert check_text(result.err).count("\n") >= 1


@pytest.mark.parametrize("name", [name for name in ORDERS if name and "\0" not in name], ids=ascii)
def test_the_name_of_a_file_is_data_as_well(groupcalc: Callable[..., Any], here: Path, name: str) -> None:
    """A file of somebody's pull request, found by a glob."""
    path = Path(f"{name.replace('/', '|')}.onnx")
    path.write_bytes(hostile("x").SerializeToString())
    Path(f"{path.stem}0.onnx").write_bytes(b"PK\x03\x04")
    found = outputs(groupcalc, ".", "--dim", "x~=3")
    assert found.code == 2
    assert check_text(found.err).count("\n") == 1


@pytest.mark.parametrize("name", BYTES, ids=ascii)
def test_names_that_are_no_text_are_inert(groupcalc: Callable[..., Any], here: Path, name: bytes) -> None:
    """protobuf's own writer refuses them: put in behind its back, everywhere, at the same length."""
    stand_in = "Q" * len(name)
    data = hostile(stand_in).SerializeToString()
    assert data.count(stand_in.encode()) > 30
    Path("m.onnx").write_bytes(data.replace(stand_in.encode(), name))
    refused = groupcalc("analyze", "m.onnx")
    check_text(refused.err)
    command = re.search(rb"\(groupcalc analyze m\.onnx (.*)\)\n", refused.err)
    assert command is not None
    assert outputs(groupcalc, "m.onnx", *shlex.split(command[1].decode())).code == 0


@pytest.mark.parametrize("piece", ["n", "\x1b[31m\u202e##[error] ::error::é" + "n" * 200], ids=["plain", "hostile"])
def test_a_name_of_a_megabyte_is_inert(groupcalc: Callable[..., Any], here: Path, piece: str) -> None:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 4]) for name in "xy")
    node = helper.make_node("Relu", ["x"], ["y"], name=piece * (10**6 // len(piece)))
    model = helper.make_model(helper.make_graph([node], "g", [x], [y]), opset_imports=[helper.make_opsetid("", 21)])
    Path("m.onnx").write_bytes(model.SerializeToString())
    found = outputs(groupcalc, "m.onnx")
    assert (found.code, found.err) == (0, b"")


@pytest.mark.parametrize("name", [name for name in ORDERS if name.strip()], ids=ascii)
def test_names_of_a_layer_file_are_inert(groupcalc: Callable[..., Any], here: Path, name: str) -> None:
    layers = [{"name": name, "op": "Linear", "in_features": 4, "out_features": 4, "input": [4]}]
    Path("net.json").write_text(json.dumps({"schema": 1, "layer": layers}))
    found = outputs(groupcalc, "net.json")
    assert (found.code, found.err) == (0, b"")
    layers.append({"op": "Add", "input": ["prev", f"{name}!"]})
    Path("net.json").write_text(json.dumps({"schema": 1, "layer": layers}))
    assert check_text(groupcalc("analyze", "net.json").err).count("\n") == 1


@pytest.mark.parametrize("name", ORDERS, ids=ascii)
def test_names_of_a_saved_result_are_inert(groupcalc: Callable[..., Any], name: str) -> None:
    """Somebody may have written it by hand."""
    saved = json.loads(groupcalc("analyze", write(name), *dim(name), "--json").out)
    [model] = saved["models"]
    model["name"] = model["path"] = name
    model["warnings"].append(name)
    model["uncounted"].append({"name": name, "op": name, "reason": name})
    Path("saved.json").write_text(json.dumps(saved))
    found = outputs(groupcalc, "saved.json")
    assert (found.code, found.err) == (0, b"")
