"""groupcalc analyze: the cost table, and what 1/G saves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from groupcalc.cli import options
from groupcalc.cli.output import STDOUT, Sink, parse_sinks, write
from groupcalc.cli.pricing import Priced, price_all
from groupcalc.cli.screen import coloured, note, width
from groupcalc.costs.snapshot import header, model_data
from groupcalc.report.document import Report
from groupcalc.report.render import RENDERERS, table
from groupcalc.report.views import analysis, select_rows
from groupcalc.sources.given import parse_given
from groupcalc.whatif import WhatIf, whatif, whatif_data

TOP = 20
"""Rows of a table on a terminal or in a comment; a page that can be sorted has them all."""


def analyze(
    inputs: options.Inputs = None,
    output: options.Output = None,
    json: options.Json = False,
    shape: options.Shape = None,
    dim: options.Dim = None,
    groups: options.Groups = None,
    layer: options.Layer = None,
    op: options.Op = None,
    sort: options.Sort = None,
    top: options.Top = None,
    by: options.ByOption = options.By.layer,
    columns: options.Columns = None,
    raw: options.Raw = False,
    strict: options.Strict = False,
    color: options.ColorOption = options.Color.auto,
    progress: options.Progress = None,
    jobs: options.Jobs = 1,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Parameters, MACs, FLOPs and bytes of every layer, and what grouping saves."""
    sinks = parse_sinks(output or [], json, RENDERERS)
    counts = options.group_counts(groups)
    given = parse_given(shape or [], dim or [])
    if top is None:
        tops = {sink.format: 0 if sink.format == "html" else TOP for sink in sinks}
    else:
        tops = {sink.format: top for sink in sinks}
    priced = price_all(inputs or [], given, jobs=jobs, progress=False if quiet else progress, verbose=verbose)
    whatifs = [found for cost in priced.costs for found in whatif(cost, counts)]
    layers, ops = layer or [], op or []
    data = _data(priced, whatifs, layers, ops) if any(sink.format == "json" for sink in sinks) else None
    for sink in sinks:
        report = analysis(
            priced.costs,
            whatifs=whatifs,
            data=data,
            layer=layers,
            op=ops,
            sort=sort,
            top=tops[sink.format],
            by=by.value,
            columns=options.column_keys(columns),
            raw=raw,
        )
        write(_text(report, sink, color), sink.path)
    for failure in priced.failures:
        note(str(failure.error))
    if strict:
        for cost in priced.costs:
            if cost.uncounted:
                note(f"{cost.path}: {len(cost.uncounted)} nodes are not counted (--strict makes that an error)")
    if priced.failures or (strict and any(cost.uncounted for cost in priced.costs)):
        raise typer.Exit(2)


def _data(priced: Priced, whatifs: Sequence[WhatIf], layers: list[str], ops: list[str]) -> dict[str, Any]:
    """The saved result; the filters apply to its rows as well."""
    return {
        **header(),
        "models": [model_data(cost, select_rows(cost.layers, layers, ops)) for cost in priced.costs],
        "whatif": [whatif_data(found, select_rows(found.layers, layers, ops)) for found in whatifs],
        "errors": [{"path": failure.path, "message": str(failure.error)} for failure in priced.failures],
    }


def _text(report: Report, sink: Sink, color: options.Color) -> str:
    if sink.format != "table":
        return RENDERERS[sink.format](report)
    if sink.path != STDOUT:
        return table(report)
    columns = width()
    return table(report, width=columns, color=coloured(color), elide=columns is not None)
