"""The values of a report, as people and as machines read them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from groupcalc.report.document import Column, Share, plain
from groupcalc.units import show_count


def test_none_is_blank_and_zero_is_not() -> None:
    column = Column(key="macs", header="MACs", show=show_count)
    assert column.text(None) == ""
    assert column.text(0) == "0"


@given(st.text(st.characters(exclude_categories=())))
def test_whatever_a_column_shows_is_one_inert_line(name: str) -> None:
    assert Column(key="name", header="layer").text(name).isprintable()


def test_values_for_machines_are_exact() -> None:
    assert plain(2**70 + 1) == str(2**70 + 1)
    assert plain(0.1 + 0.2) == "0.30000000000000004"
    assert plain(((1, 3, 224, 224), (1, 8))) == "1x3x224x224;1x8"
    assert plain(("conv1", "conv2")) == "conv1;conv2"
    assert plain(()) == plain(None) == ""


def test_a_share_is_rounded_from_its_integers() -> None:
    assert str(Share(2**70, 2**71)) == "50.0 %"
    assert plain(Share(1, 4)) == "0.25"
    assert plain(Share(0, 0)) == ""
