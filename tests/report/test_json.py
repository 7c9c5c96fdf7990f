"""JSON: equal to what the standard library would write, exact, and inert on a terminal."""

from __future__ import annotations

import json as library
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groupcalc.report.document import Report
from groupcalc.report.render.json import json

WORDS = st.text(st.characters(exclude_categories=()))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner), max_leaves=30)


@given(VALUES)
def test_it_reads_back_as_the_library_would_write_it(data: Any) -> None:
    text = json(Report(data=data))
    assert library.loads(text) == library.loads(library.dumps(data))
    text.encode()
    assert all(line.isprintable() for line in text.split("\n"))


def test_integers_are_exact() -> None:
    assert "1180591620717411303425" in json(Report(data={"macs": 2**70 + 1}))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_cannot_say_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        json(Report(data={"macs": value}))


def test_a_layer_is_a_line() -> None:
    layer = {"name": "conv→", "inputs": [[1, 3, 8, 8]], "macs": 1}
    assert json(Report(data={"schema_version": 1, "models": [{"name": "m", "layers": [layer]}], "errors": []})) == (
        "{\n"
        '  "schema_version": 1,\n'
        '  "models": [\n'
        "    {\n"
        '      "name": "m",\n'
        '      "layers": [\n'
        '        {"name": "conv→", "inputs": [[1, 3, 8, 8]], "macs": 1}\n'
        "      ]\n"
        "    }\n"
        "  ],\n"
        '  "errors": []\n'
        "}\n"
    )
