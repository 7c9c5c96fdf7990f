"""`--match`: the inputs of `analyze`, and each at other group counts and the width that keeps its cost."""

from __future__ import annotations

from collections.abc import Sequence

from groupcalc.errors import GroupcalcError, UsageError
from groupcalc.sources.targets import ARCH, Failure

WAY_OUT = "write groupcalc analyze arch:resnext50 --groups 1,2,4,8 --match params"


def match_widths(inputs: Sequence[str], groups: Sequence[int], metric: str) -> tuple[list[str], list[Failure]]:
    """Every architecture as it is, then its equals; a group count that one does not take is a failure."""
    if not groups or not inputs or not all(word.startswith(ARCH) for word in inputs):
        raise UsageError("needs --groups, and architectures by name as INPUT", WAY_OUT, "--match")
    from groupcalc.match import check_matchable, matched
    from groupcalc.sources.archs.grammar import parse_arch

    words: list[str] = []
    failures: list[Failure] = []
    for word in inputs:
        words.append(word)
        try:
            variant = parse_arch(word)
        except GroupcalcError:
            continue  # whoever prices it says why
        check_matchable(variant)
        for count in groups:
            try:
                found = matched(variant, count, metric)
            except GroupcalcError as error:
                failures.append(Failure(path=word, error=error.within(word)))
            else:
                words += [str(found)] if found is not variant else []
    return words, failures
