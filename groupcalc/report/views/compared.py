"""The column that holds a result against the same case of an earlier run."""

from __future__ import annotations

from groupcalc.bench.base import Compared
from groupcalc.report.document import Column
from groupcalc.units import show_part


def show_compared(compared: Compared) -> str:
    """`slower +12 %`; where the interval does not clear, how far it reaches: `inconclusive -3 to +4 %`."""
    low, high = (ratio - 1 for ratio in compared.ratio_ci)
    if compared.verdict == "inconclusive":
        return f"inconclusive {_signed(low).removesuffix(' %')} to {_signed(high)}"
    return f"{compared.verdict} {_signed(compared.ratio - 1)}"


def _signed(part: float) -> str:
    text = show_part(part)
    return text if text.startswith("-") else f"+{text}"


BASE = Column(key="base", header="against base", show=show_compared, align="left")
