"""What `groupcalc diff` does: load both sides, pair them, report, and say the exit status."""

from __future__ import annotations

from collections.abc import Sequence

from groupcalc.cli.options import Color
from groupcalc.cli.output import Sink
from groupcalc.cli.pricing import How
from groupcalc.cli.results import FOR_PEOPLE, emit, failure_data
from groupcalc.cli.screen import note
from groupcalc.cli.sides import GIT, Side, key_of, load_side
from groupcalc.costs.snapshot import header
from groupcalc.diff import diff_all, diff_data
from groupcalc.errors import GroupcalcError, UsageError
from groupcalc.report.views.diff import differences

TOP = 20


def compare(base: str, new: str, how: How, sinks: Sequence[Sink], *, top: int | None, raw: bool, color: Color) -> int:
    """Compare two sides; the exit status."""
    after, before = _sides(base, new, how)
    failures = [*before.failures, *after.failures]
    problems: list[GroupcalcError] = [failure.error for failure in failures]
    whole = any(failure.path == "" for failure in failures)  # a side is not there: nothing can be compared
    lost = {failure.path for failure in failures}
    folders = (before.folder, after.folder) if before.folder and after.folder else ()
    pairs = diff_all(before.costs, after.costs, key_of(how, *folders))
    if not pairs and not failures:
        raise UsageError("neither side has a model", "name one: git:REV:PATH", "groupcalc diff")
    found = [each for each in pairs if not whole and each.name not in lost]
    for sink in sinks:
        if found or not problems or sink.format not in FOR_PEOPLE:
            most = TOP if top is None and sink.format != "html" else top or 0
            data = {**header(), "diff": [*map(diff_data, found)], "errors": failure_data(failures)}
            emit(differences(found, top=most, raw=raw, data=data), sink, color, problems)
    for problem in problems:
        note(str(problem))
    return 2 if problems else 0


def _sides(base: str, new: str, how: How) -> tuple[Side, Side]:
    """The new side and the base: a revision without a path is that of the other side's files, if it has files."""
    against = new.removeprefix(GIT).partition(":")[0] if new.startswith(GIT) else "HEAD"
    if _bare(new):
        before = load_side(base, how, against=against)
        return load_side(new, how, None if _bare(base) else before, against=""), before
    after = load_side(new, how, against="")
    return after, load_side(base, how, after, against)


def _bare(text: str) -> bool:
    return text.startswith(GIT) and text.count(":") == 1
