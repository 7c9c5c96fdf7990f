"""What a CI server gets without being asked: paths as its checkout has them; GitHub annotations and a step summary."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from groupcalc.cli.screen import note
from groupcalc.report.document import Report
from groupcalc.report.render.github import github
from groupcalc.report.render.markdown import markdown

MAX_SUMMARY_BYTES = 2**20
"""GitHub takes no larger summary of a step."""


CHECKOUTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
"""The variables in which GitHub and GitLab say where the checkout is."""


def from_checkout(report: Report) -> Report:
    """The findings with their paths as seen from the checkout, whatever folder of it the command runs in."""
    root = next((os.environ[name] for name in CHECKOUTS if os.environ.get(name)), "")
    if not root:
        return report
    findings = (replace(finding, path=_inside(finding.path, os.path.realpath(root))) for finding in report.findings)
    return replace(report, findings=tuple(findings))


def _inside(path: str, root: str) -> str:
    found = os.path.relpath(os.path.realpath(path), root)
    return path if found.startswith(os.pardir) or not os.path.lexists(path) else Path(found).as_posix()


def announce(report: Report, formats: Collection[str]) -> None:
    """Tell the runner, if there is one. `formats` are those that are written anyhow."""
    in_actions = os.environ.get("GITHUB_ACTIONS") == "true"
    if in_actions and "github" not in formats and sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.write(github(report))
    path = os.environ.get("GITHUB_STEP_SUMMARY", "")
    if path and (in_actions or "github" in formats):
        _append(path, f"### groupcalc check\n\n{markdown(report)}\n")


def _append(path: str, text: str) -> None:
    data = text.encode("utf-8", "backslashreplace")
    try:
        with open(path, "ab") as file:
            if file.tell() + len(data) <= MAX_SUMMARY_BYTES:
                file.write(data)
            else:
                note("the summary of this step would become larger than GitHub shows; it is left as it is")
    except OSError as error:
        note(f"{path}: the summary of this step cannot be written: {error.strerror}")
