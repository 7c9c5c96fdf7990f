"""GitLab's code quality report."""

from __future__ import annotations

from groupcalc.report.document import Report
from groupcalc.report.render.fingerprint import fingerprints
from groupcalc.report.render.json import text_of
from groupcalc.units import show_name

SEVERITIES = {"error": "blocker", "unknown": "blocker", "fail": "major", "warn": "minor"}


def gitlab(report: Report) -> str:
    """A list of what does not hold, each with a fingerprint that stays; an empty list when all does."""
    findings = [finding for finding in report.findings if finding.status in SEVERITIES]
    return text_of(
        [
            {
                "description": show_name(finding.message),
                "check_name": finding.rule or "unreadable",
                "fingerprint": fingerprint,
                "severity": SEVERITIES[finding.status],
                "location": {"path": show_name(finding.path), "lines": {"begin": max(finding.line, 1)}},
            }
            for finding, fingerprint in zip(findings, fingerprints(findings), strict=True)
        ]
    )
