"""groupcalc analyze: the cost table, and what 1/G saves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer

from groupcalc.cli import options
from groupcalc.cli.output import parse_sinks
from groupcalc.cli.pricing import How, Priced, price_all
from groupcalc.cli.results import FOR_PEOPLE, emit, failure_data
from groupcalc.cli.screen import note
from groupcalc.config import find
from groupcalc.costs.cost import GraphCost
from groupcalc.costs.snapshot import header, model_data
from groupcalc.errors import GroupcalcError, InputError
from groupcalc.report.views import analysis, select_rows
from groupcalc.sources.given import parse_given
from groupcalc.sources.targets import Failure

if TYPE_CHECKING:  # who asks no what-if does not wait for it
    from groupcalc.whatif import WhatIf

TOP = 20
"""Rows of a table on a terminal or in a comment; a page that can be sorted has them all."""

FORMATS = ("table", "json", "csv", "markdown", "html")

EXAMPLES = """\
Examples:
  groupcalc analyze model.onnx
  groupcalc analyze model.onnx --sort macs --top 10
  groupcalc analyze model.onnx --dim batch=1 --groups 1,2,4,32
  groupcalc analyze 'Conv2d(64, 128, 3, padding=1, groups=32) @ 56x56'
  groupcalc analyze arch:resnet50 arch:mobilenet_v1_0.75 --by model
  groupcalc analyze arch:resnext50 --groups 1,2,4,8,32 --match params
  groupcalc analyze 'models/**/*.onnx' --by model -j 4
  groupcalc analyze model.onnx --machine --sort estimate_s
  groupcalc analyze model.onnx -o table -o json:cost.json -o html:cost.html

GROUPCALC_COLOR, GROUPCALC_JOBS and GROUPCALC_PROGRESS in the environment set
what --color, -j and --progress would; NO_COLOR, FORCE_COLOR and COLUMNS count.
Exit status: 0; 2 when something cannot be read, or with --strict not counted.
"""


def analyze(
    inputs: options.Inputs = None,
    output: options.Output = None,
    json: options.Json = False,
    shape: options.Shape = None,
    dim: options.Dim = None,
    groups: options.Groups = None,
    match: options.Match = None,
    layer: options.Layer = None,
    op: options.Op = None,
    sort: options.Sort = None,
    top: options.Top = None,
    by: options.ByOption = None,
    columns: options.Columns = None,
    raw: options.Raw = False,
    machine: options.Machine = False,
    strict: options.Strict = False,
    config: options.ConfigOption = None,
    color: options.ColorOption = options.Color.auto,
    progress: options.Progress = None,
    jobs: options.Jobs = 1,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Parameters, MACs, FLOPs and bytes of every layer, and what grouping saves."""
    sinks = parse_sinks(output or [], json, FORMATS)
    found = find(config)
    counts = options.group_counts(groups) if groups is not None else found.groups
    given = parse_given(shape or [], dim or [])
    if top is None:
        tops = {sink.format: 0 if sink.format == "html" else TOP for sink in sinks}
    else:
        tops = {sink.format: top for sink in sinks}
    how = How(given=given, config=found, alone=True, jobs=jobs, progress=False if quiet else progress, verbose=verbose)
    words, unmatched = _matched(inputs or [], counts, match)
    priced = price_all(words, how)
    priced.failures += unmatched
    measured = _estimate(priced) if machine else ""
    whatifs = [] if match else _whatifs(priced.costs, counts)
    layers, ops = layer or [], op or []
    data = _data(priced, whatifs, layers, ops) if any(sink.format == "json" for sink in sinks) else None
    problems = [failure.error for failure in priced.failures]
    for sink in sinks:
        if not priced.costs and sink.format in FOR_PEOPLE:
            continue  # the errors are the answer
        report = analysis(
            priced.costs,
            whatifs=whatifs,
            data=data,
            layer=layers,
            op=ops,
            sort=sort,
            top=tops[sink.format],
            by=(by or (options.By.model if match else options.By.layer)).value,
            columns=options.column_keys(columns),
            raw=raw,
            machine=measured,
        )
        if match:
            said = f"--match: at each group count the width whose {match.value} come nearest to those of today."
            report = replace(report, notes=(said, *report.notes))
        emit(report, sink, color, problems)
    if strict or found.strict:
        problems += [uncounted(cost) for cost in priced.costs if cost.uncounted]
    for problem in problems:
        note(str(problem))
    if problems:
        raise typer.Exit(2)


def _whatifs(costs: Sequence[GraphCost], counts: Sequence[int]) -> list[WhatIf]:
    """The models at other group counts, where there are any."""
    if not counts:
        return []
    from groupcalc.whatif import whatif

    return [each for cost in costs for each in whatif(cost, counts)]


def _estimate(priced: Priced) -> str:
    """Put an estimate beside each row, and tell by which ceilings."""
    from groupcalc.bench.ceilings import measure_ceilings
    from groupcalc.bench.estimates import with_estimates
    from groupcalc.bench.kept import kept_ceilings
    from groupcalc.bench.machine import usable
    from groupcalc.report.views.timed import show_ceilings

    ceilings = kept_ceilings(usable(None), measure_ceilings, note)
    priced.costs = [with_estimates(cost, ceilings) for cost in priced.costs]
    return f"{ceilings.threads} threads, {show_ceilings(ceilings)}"


def _matched(words: list[str], counts: Sequence[int], match: options.Metric | None) -> tuple[list[str], list[Failure]]:
    """The architectures at other widths, where that is asked for, and what has none."""
    if match is None:
        return words, []
    from groupcalc.cli.matching import match_widths

    return match_widths(words, counts, match)


def _data(priced: Priced, whatifs: Sequence[WhatIf], layers: list[str], ops: list[str]) -> dict[str, Any]:
    """The saved result; the filters apply to its rows as well."""
    from groupcalc.whatif import whatif_data

    return {
        **header(),
        "models": [model_data(cost, select_rows(cost.layers, layers, ops)) for cost in priced.costs],
        "whatif": [whatif_data(found, select_rows(found.layers, layers, ops)) for found in whatifs],
        "errors": failure_data(priced.failures),
    }


def uncounted(cost: GraphCost) -> GroupcalcError:
    """What --strict says of a model with uncounted nodes."""
    count = len(cost.uncounted)
    fact = f"{count} node{'s are' if count > 1 else ' is'} not counted"
    return InputError(fact, "--strict makes that an error", cost.path)
