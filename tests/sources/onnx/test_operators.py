"""Every operator that ONNX defines has one of the three answers."""

from __future__ import annotations

import onnx

from groupcalc.costs.rules import RULES, WITHOUT
from groupcalc.costs.rules.versions import VERSIONS
from groupcalc.sources.onnx.contrib import SHAPES
from groupcalc.sources.onnx.infer import INFERRED_SINCE


def operators() -> dict[str, int]:
    """Every operator at every version of every domain, and the newest version of each."""
    found: dict[str, int] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        op = f"{schema.domain}::{schema.name}" if schema.domain else schema.name
        found[op] = max(found.get(op, 0), schema.since_version)
    return found


def test_every_operator_of_every_domain_has_a_rule_or_a_reason_to_have_none() -> None:
    assert len(operators()) > 200
    assert operators().keys() - RULES.keys() - WITHOUT.keys() == set()


def test_no_operator_is_newer_than_the_version_that_its_rule_was_written_from() -> None:
    newer = {op: version for op, version in operators().items() if version > VERSIONS.get(op, 0)}
    assert newer == {}


def test_the_shape_of_every_version_follows_from_inference_or_from_the_table() -> None:
    """A function has the shape of its body; who came without inference has that of a later version."""
    unknown = {
        (schema.domain, schema.name, schema.since_version)
        for schema in onnx.defs.get_all_schemas_with_history()
        if not (schema.has_type_and_shape_inference_function or schema.has_function)
        if INFERRED_SINCE.get(schema.name, 0) <= schema.since_version
        if (f"{schema.domain}::{schema.name}" if schema.domain else schema.name) not in SHAPES.keys() | WITHOUT.keys()
    }
    assert unknown == set()
