"""What a budget can be about: a figure of a model, or of its layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from groupcalc.costs.cost import KEYS, GraphCost, LayerCost

UNITS: Mapping[str, str] = {
    "params": "params", "buffers": "elements", "macs": "MACs", "flops": "FLOPs", "weight_bytes": "B",
    "input_bytes": "B", "output_bytes": "B", "peak_activation_bytes": "B", "dense_macs": "MACs",
    "dense_params": "params", "layers": "layers", "uncounted": "nodes",
}  # fmt: skip
"""What each metric is counted in."""

WHOLE = ("peak_activation_bytes", "layers", "uncounted")
"""Metrics of a model that no layer has."""

OVER = {"sum": sum, "max": lambda figures: max(figures, default=0)}
"""The functions over layers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A key, or a function of that key over layers: `macs`, `max(params)`."""

    key: str
    over: str = ""

    def __str__(self) -> str:
        return f"{self.over}({self.key})" if self.over else self.key

    @property
    def unit(self) -> str:
        """`MACs`, `FLOPs`, `B`, or what else is counted."""
        return UNITS[self.key]

    def of_model(self, cost: GraphCost) -> int:
        """The figure of a whole model."""
        if self.over:
            return self.of_rows(cost.layers)
        if self.key == "layers":
            return sum(row.cost.macs > 0 for row in cost.layers)
        if self.key == "uncounted":
            return len(cost.uncounted)
        return int(getattr(cost if self.key in WHOLE else cost.totals, self.key))

    def of_rows(self, rows: Sequence[LayerCost]) -> int:
        """The figure of some layers together: that of the only one, or the function over all of them."""
        return int(OVER[self.over or "sum"](getattr(row.cost, self.key) for row in rows))


METRICS = (*KEYS, *WHOLE)
"""Every key that a budget knows."""
