"""GitHub's annotations: a workflow command a finding, at most ten of a kind."""

from __future__ import annotations

from groupcalc.report.document import Finding, Report
from groupcalc.units import show_name

MOST = 10
"""GitHub shows ten errors and ten warnings of a step, and drops the rest."""

KINDS = {"error": "error", "unknown": "error", "fail": "error", "warn": "warning"}
"""What each status is annotated as, the worst first."""


def github(report: Report) -> str:
    """`::error file=…,line=…,title=…::message`, the worst first."""
    from fractions import Fraction  # loaded only by who asks for it

    def badness(finding: Finding) -> tuple[int, Fraction]:
        return order.get(finding.status, len(order)), -Fraction(*(finding.excess or (0, 1)))

    order = {status: index for index, status in enumerate(KINDS)}
    worst = sorted(report.findings, key=badness)
    lines = []
    for kind in ("error", "warning"):
        lines += [_command(kind, finding) for finding in worst if KINDS.get(finding.status) == kind][:MOST]
    return "".join(f"{line}\n" for line in lines)


def _command(kind: str, finding: Finding) -> str:
    title = f"groupcalc {finding.rule}".rstrip()
    properties = {"file": finding.path, "line": str(finding.line) if finding.line else "", "title": title}
    words = ",".join(f"{key}={_property(value)}" for key, value in properties.items() if value)
    return f"::{kind} {words}::{_data(finding.message)}"


def _data(text: str) -> str:
    """The text as the runner unescapes it; `##[error]` and `::` within a message are text to it."""
    return show_name(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
