"""The pytest fixture `groupcalc`: budgets as tests. Nothing of ours is imported until it is called.

def test_cost(groupcalc):
    groupcalc("model.onnx", shape="1x3x224x224").check("macs <= 4.1G", "params <= 25.1M")
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from groupcalc.costs.cost import Cost, GraphCost


class Model:
    """A model that is costed: `cost` has all its figures."""

    def __init__(self, cost: GraphCost) -> None:
        self.cost = cost

    def __repr__(self) -> str:
        return f"Model({self.cost.path!r})"

    @property
    def totals(self) -> Cost:
        """The figures of the whole model: `totals.macs`, `totals.params`."""
        return self.cost.totals

    def check(self, *budgets: str, base: str | Model | None = None) -> Model:
        """Fail the test if a budget is broken, or cannot be said to hold; the model again if all hold.

        base  what relative limits compare with: an input as groupcalc("…") takes it, or another model
        """
        __tracebackhide__ = True
        from groupcalc.budget import Subject, check, parse
        from groupcalc.report.views.check import message

        if not budgets:
            raise ValueError("there is no budget: write check('macs <= 4.1G')")
        before = base.cost if isinstance(base, Model) else _cost(base) if base is not None else None
        subject = Subject(
            cost=self.cost,
            names=(self.cost.path, self.cost.name),
            base=before,
            state="paired" if before else "none",
        )
        found = check([parse(text) for text in budgets], [subject])
        broken = [each for each in found if each.status in ("fail", "unknown")]
        if broken:
            pytest.fail("\n".join(f"{self.cost.path}: {message(each, {})}" for each in broken), pytrace=False)
        return self


def _cost(path: str, shape: str | Sequence[str] = (), dim: str | Sequence[str] = ()) -> GraphCost:
    """What an input costs. GroupcalcError for one that cannot be read."""
    from groupcalc.errors import UsageError
    from groupcalc.price import price
    from groupcalc.sources.given import parse_given
    from groupcalc.sources.targets import expand

    shapes, dims = ([text] if isinstance(text, str) else list(text) for text in (shape, dim))
    targets, failures = expand([path])
    if failures:
        raise failures[0].error
    costs = [cost for target in targets for cost in price(target, parse_given(shapes, dims))]
    if len(costs) != 1:
        raise UsageError(f"holds {len(costs)} models", "name one of them", path)
    return costs[0]


@pytest.fixture(scope="session")
def groupcalc() -> Callable[..., Model]:
    """`groupcalc(input, shape="1x3x224x224", dim="batch=1")`: what a model costs, for `.check("macs <= 4.1G")`.

    The input is whatever `groupcalc analyze` takes, as a text or a path; of several shapes or dims give a list.
    """

    def cost(path: Any, *, shape: str | Sequence[str] = (), dim: str | Sequence[str] = ()) -> Model:
        return Model(_cost(str(path), shape, dim))

    return cost
