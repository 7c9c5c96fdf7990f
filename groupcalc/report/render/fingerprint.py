"""What tells one finding from another in two runs: neither its line nor its figures, which change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from groupcalc.report.document import Finding


def fingerprints(findings: Sequence[Finding]) -> list[str]:
    """One for each, in their order, no two alike."""
    import hashlib  # loaded only by who asks for it

    seen: Counter[str] = Counter()
    found = []
    for finding in findings:
        text = f"{finding.key}\0{seen[finding.key]}"
        seen[finding.key] += 1
        found.append(hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest())
    return found
