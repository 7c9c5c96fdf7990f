"""An architecture beside its paper: the counts are those of the network."""

from __future__ import annotations

import pytest

from groupcalc.costs.model import cost
from groupcalc.explain.archs import arch_data, compared, compared_data, totals
from groupcalc.sources.archs.grammar import load_arch, parse_arch
from groupcalc.sources.archs.table import ARCHS


@pytest.mark.parametrize("name", ARCHS)
def test_a_figure_is_counted_on_the_variant_that_it_names(name: str) -> None:
    for each in compared(ARCHS[name]):
        rows = cost(load_arch(str(each.variant))).layers
        kept = [row for row in rows if row.op == each.figure.op or not each.figure.op]
        assert each.exact == sum(getattr(row.cost, each.figure.of) for row in kept)


def test_totals_are_those_of_the_variant() -> None:
    assert totals(parse_arch("arch:alexnet,groups=1")).params == 62_378_344


def test_data_of_every_architecture_name_its_keys() -> None:
    for data, arch in zip(arch_data(ARCHS.values()), ARCHS.values(), strict=True):
        assert [key["key"] for key in data["keys"]] == list(arch.keys)
        typed = ",".join(f"{key['key']}={key['default']}" for key in data["keys"])
        assert str(parse_arch(f"arch:{arch.name},{typed}")) == f"arch:{arch.name}", "defaults can be typed"


def test_data_of_a_figure_have_the_reason() -> None:
    found = {(each["metric"], each["printed"]): each for each in compared_data(compared(ARCHS["mobilenet_v2"]))}
    assert found["params", "3.4 M"]["exact"] == 3_504_872
    assert found["params", "3.4 M"]["reason"]
