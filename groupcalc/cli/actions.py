"""What GitHub Actions gets without being asked: annotations on standard error, and the summary of the step."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from contextlib import suppress

from groupcalc.cli.screen import note
from groupcalc.report.document import Report
from groupcalc.report.render import github, markdown

MAX_SUMMARY_BYTES = 2**20
"""GitHub takes no larger summary of a step."""


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
