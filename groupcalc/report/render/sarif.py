"""SARIF 2.1.0 (OASIS), as code scanning reads it."""

from __future__ import annotations

from typing import Any

from groupcalc import __version__
from groupcalc.report.document import Finding, Report
from groupcalc.report.render.fingerprint import fingerprints
from groupcalc.report.render.json import text_of
from groupcalc.units import show_name

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"

LEVELS = {"unknown": "error", "fail": "error", "warn": "warning"}


def sarif(report: Report) -> str:
    """One run: a result for each budget that does not hold, a notification for each input that cannot be read."""
    from groupcalc.budget.values import RULES  # loaded only by who asks for it

    found = [finding for finding in report.findings if finding.status in LEVELS]
    unread = [finding for finding in report.findings if finding.status == "error"]
    rules = [_rule(rule, *words) for rule, words in RULES.items()]
    run = {
        "tool": {"driver": {"name": "groupcalc", "version": __version__, "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not unread,
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": show_name(finding.message)}} for finding in unread
                ],
            }
        ],
        "results": [_result(*pair) for pair in zip(found, fingerprints(found), strict=True)],
    }
    return text_of({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(rule: str, name: str, description: str) -> dict[str, Any]:
    return {"id": rule, "name": name, "shortDescription": {"text": description}}


def _result(finding: Finding, fingerprint: str) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(finding.path)}}
    if finding.line:
        place["region"] = {"startLine": finding.line}
    return {
        "ruleId": finding.rule,
        "level": LEVELS[finding.status],
        "message": {"text": show_name(finding.message)},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"groupcalc/v1": fingerprint},
    }


def _uri(path: str) -> str:
    """The path as a reference relative to the repository; its colon is not that of a scheme."""
    from urllib.parse import quote

    return quote(path.replace("\\", "/"), errors="backslashreplace")
