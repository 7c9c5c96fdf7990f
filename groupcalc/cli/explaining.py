"""What `groupcalc explain` does: find what a word names, and report on it."""

from __future__ import annotations

from contextlib import suppress
from difflib import get_close_matches
from typing import Any

from groupcalc.conv import Conv
from groupcalc.costs.model import cost
from groupcalc.costs.snapshot import header, layer_data
from groupcalc.errors import GroupcalcError, UsageError
from groupcalc.explain.metrics import METRICS, metric, metric_data
from groupcalc.explain.operators import operator, operators, operators_data, spellings
from groupcalc.report.document import Report
from groupcalc.report.views import explain as views
from groupcalc.sources.targets import ARCH
from groupcalc.units import show_name

MEANT = 3
"""So many words are suggested for one that names nothing."""


def all_operators(every: bool) -> Report:
    """The index of what can be asked; `every`: the table of all operators."""
    found = operators()
    data = {**header(), "operators": operators_data(found)}
    return views.table_of(found, data) if every else views.index(found, data)


def report_on(word: str) -> Report:
    """The answer about one word, whatever it names."""
    if word == ARCH.rstrip(":") or word.startswith(ARCH):
        return _architecture(word)
    if "(" in word:
        return _layer(word)
    figure = metric(word)
    if figure is not None:
        from groupcalc.report.views.explain_metric import metric_report

        return metric_report(figure, {**header(), "metrics": metric_data([figure])})
    found = operator(word)
    if found is None:
        raise UsageError(f"there is nothing named '{show_name(word)}'", _way_out(word), "groupcalc explain")
    return views.one(found, {**header(), "operators": operators_data([found])})


def _way_out(word: str) -> str:
    """What may have been meant by a word that names nothing: up to MEANT of all that can be explained."""
    from groupcalc.sources.archs.grammar import parse_arch
    from groupcalc.sources.archs.table import ARCHS

    wanted = word[:200].lower()
    known = {"arch": "arch"} | {name: f"{ARCH}{name}" for name in ARCHS}
    known |= {each: found.key for found in METRICS.values() for each in (found.key, *found.aliases)} | spellings()
    if wanted in known:
        return f"did you mean '{known[wanted]}'?"
    with suppress(GroupcalcError):  # an alias, or a name with keys
        parse_arch(word)
        return f"did you mean '{ARCH}{show_name(word)}'?"
    begun = [each for each in known if wanted and each.startswith(wanted)]
    close = get_close_matches(wanted, known, n=MEANT)
    meant = list(dict.fromkeys(f"'{known[each]}'" for each in (*begun, *close)))[:MEANT]
    if not meant:
        return "groupcalc explain tells what there is"
    return f"did you mean {' or '.join(filter(None, (', '.join(meant[:-1]), meant[-1])))}?"


def _architecture(word: str) -> Report:
    from groupcalc.explain.archs import arch_data, compared, compared_data, totals
    from groupcalc.report.views.explain_arch import arch_list, arch_report
    from groupcalc.sources.archs.grammar import parse_arch
    from groupcalc.sources.archs.table import ARCHS

    if word.removeprefix(ARCH).rstrip(":") in ("", "arch"):
        return arch_list(ARCHS.values(), {**header(), "architectures": arch_data(ARCHS.values())})
    try:
        variant = parse_arch(word)
        found = compared(variant.arch)
        [data] = arch_data([variant.arch])
        data = {**header(), "architectures": [{**data, "figures": compared_data(found)}]}
        return arch_report(variant, totals(variant), found, data)
    except GroupcalcError as error:
        raise error.within(word) from error.__cause__


def _layer(line: str) -> Report:
    from groupcalc.report.views.explain_layer import convolution, other
    from groupcalc.sources.spec import load_lines

    graph = load_lines([line])
    found = cost(graph)
    rows = found.layers
    data: dict[str, Any] = {**header(), "layers": [layer_data(row) for row in rows]}
    conv = Conv.of(rows[0].layer) if len(rows) == 1 and rows[0].layer else None
    if conv is None:
        return other(found, [layer.op for layer in graph.layers], data)
    from groupcalc.explain.blocks import picture
    from groupcalc.explain.layer import formulas, formulas_data
    from groupcalc.explain.proof import proof_data, prove

    proof = prove(conv)
    drawn = picture(conv.groups, conv.out_channels, conv.in_channels)
    data |= {"formulas": formulas_data(formulas(conv)), "picture": list(drawn), "check": proof_data(proof)}
    return convolution(rows[0], conv, proof, data)
