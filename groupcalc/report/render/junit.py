"""JUnit XML, as CI servers read test results: a test case a budget."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from groupcalc.report.document import Finding, Report
from groupcalc.units import show_name

OUTCOMES = {"fail": "failure", "unknown": "error", "error": "error", "skipped": "skipped"}
"""A warning passes, and says so."""


def junit(report: Report) -> str:
    """A suite a model, a case a budget."""
    by_model = sorted(report.findings, key=lambda finding: finding.model)
    suites = [_suite(model, list(cases)) for model, cases in groupby(by_model, lambda finding: finding.model)]
    counts = _counts(report.findings)
    body = "\n".join((f'<testsuites name="groupcalc" {counts}>', *suites, "</testsuites>"))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _suite(model: str, findings: list[Finding]) -> str:
    cases = "\n".join(map(_case, findings))
    return f"<testsuite name={_quoted(model)} {_counts(findings)}>\n{cases}\n</testsuite>"


def _counts(findings: Iterable[Finding]) -> str:
    kinds = [OUTCOMES.get(finding.status, "") for finding in findings]
    return (
        f'tests="{len(kinds)}" failures="{kinds.count("failure")}" errors="{kinds.count("error")}" '
        f'skipped="{kinds.count("skipped")}"'
    )


def _case(finding: Finding) -> str:
    place = f" file={_quoted(finding.path)}" + (f' line="{finding.line}"' if finding.line else "")
    head = f"<testcase classname={_quoted(finding.model)} name={_quoted(finding.name)}{place}"
    outcome = OUTCOMES.get(finding.status)
    if outcome:
        kind = f" type={_quoted(finding.rule)}" if finding.rule and outcome != "skipped" else ""
        return f"{head}><{outcome}{kind} message={_quoted(finding.message)}/></testcase>"
    if finding.status == "warn":
        return f"{head}><system-out>{_text(finding.message)}</system-out></testcase>"
    return f"{head}/>"


def _text(text: str) -> str:
    """The text as XML that shows exactly it: what does not print is no character of XML either."""
    from html import escape

    return escape(show_name(text)).replace("##", "&#35;&#35;")


def _quoted(text: str) -> str:
    return f'"{_text(text)}"'
