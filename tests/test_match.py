"""The width that keeps a cost when groups change: the trade that the papers make."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groupcalc.costs.model import cost
from groupcalc.errors import InputError, UsageError
from groupcalc.match import METRICS, check_matchable, matched, nearest
from groupcalc.sources.archs.grammar import Variant, parse_arch


def total(variant: Variant, metric: str) -> int:
    found: int = getattr(cost(variant.graph()).totals, metric)
    return found


@pytest.mark.parametrize(("groups", "width"), [(1, 64), (2, 40), (4, 24), (8, 14), (32, 4)])
def test_by_params_resnext_gives_the_papers_widths(groups: int, width: int) -> None:
    """Xie et al. 2017, table 2: 1×64d, 2×40d, 4×24d, 8×14d, 32×4d at about the same complexity."""
    found = matched(parse_arch("arch:resnext50_1x64d"), groups, "params")
    assert (found.values["groups"], found.values["width"]) == (groups, width)


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 64), st.integers(1, 40), st.integers(1, 64), st.sampled_from(METRICS))
def test_neither_neighbour_is_nearer(groups: int, width: int, wanted: int, metric: str) -> None:
    today = parse_arch(f"arch:igc_block,groups={groups},width={width}")
    found = matched(today, wanted, metric)
    target, chosen = total(today, metric), found.values["width"]
    assert isinstance(chosen, int)
    beside = (parse_arch(f"arch:igc_block,groups={wanted},width={max(chosen + step, 1)}") for step in (-1, 1))
    assert all(abs(total(found, metric) - target) <= abs(total(other, metric) - target) for other in beside)


def test_a_multiplier_is_chosen_in_hundredths() -> None:
    today = parse_arch("arch:shufflenet_v1,groups=1,width=0.5")
    found = matched(today, 8, "macs")
    assert found.values["width"] * 100 == int(found.values["width"] * 100)  # type: ignore[operator, arg-type]
    assert abs(total(found, "macs") / total(today, "macs") - 1) < 0.1


def test_shufflenets_own_channels_keep_the_cost() -> None:
    """Zhang et al. 2018, table 1 chooses the channels by groups so that the cost stays: no other width is nearer."""
    today = parse_arch("arch:shufflenet_v1,groups=1")
    assert [matched(today, groups, "macs").values["width"] for groups in (1, 2, 3, 8)] == [1, 1, 1, 1]


def test_todays_groups_keep_todays_width() -> None:
    today = parse_arch("arch:resnext50")
    assert matched(today, 32, "macs") is today


@pytest.mark.parametrize(("measures", "target", "n"), [
    ((1, 2, 3, 4), 3, 3),
    ((10, 20, 30, 40), 24, 2),
    ((10, 20, 30, 40), 26, 3),
    ((10, 20, 30, 40), 25, 2),  # equally near: the narrower
    ((10, 20, 30, 40), 1, 1),
    ((10, 20, 30, 40), 99, 4),
])  # fmt: skip
def test_the_nearest_of_a_growing_measure(measures: tuple[int, ...], target: int, n: int) -> None:
    assert nearest(lambda n: measures[n - 1], target, len(measures)) == n


def test_groups_that_it_does_not_take_are_refused() -> None:
    with pytest.raises(InputError, match="groups=5 is none of its values"):
        matched(parse_arch("arch:shufflenet_v1"), 5, "macs")


@pytest.mark.parametrize(("name", "lacks"), [("resnet50", "groups"), ("alexnet", "width"), ("xception", "groups and")])
def test_without_groups_or_width_there_is_nothing_to_match(name: str, lacks: str) -> None:
    with pytest.raises(UsageError, match=f"{name} has no {lacks}"):
        check_matchable(parse_arch(f"arch:{name}"))
