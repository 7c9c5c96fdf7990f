"""The picture of the block-diagonal weight matrix: readable for any G, and true cell by cell."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from groupcalc.explain.blocks import CELLS, FULL, PART, ZERO, picture

SIZES = st.integers(1, 300)


@given(SIZES, SIZES, SIZES)
def test_it_is_square_and_at_home_in_80_columns(groups: int, outs: int, ins: int) -> None:
    lines = picture(groups, groups * outs, groups * ins)
    assert len(lines) <= CELLS
    assert {len(line) for line in lines} == {2 * len(lines)}


@given(st.integers(1, CELLS), SIZES, SIZES)
def test_up_to_16_groups_have_cells_of_their_own(groups: int, outs: int, ins: int) -> None:
    lines = picture(groups, groups * outs, groups * ins)
    side = len(lines) // groups
    for row, line in enumerate(lines):
        group = row // side
        assert line == ZERO * group * side + FULL * side + ZERO * (groups - group - 1) * side


@settings(deadline=None, max_examples=10)
@given(st.integers(CELLS + 1, 60))
def test_a_cell_is_marked_where_a_block_reaches_into_it(groups: int) -> None:
    """Cell by cell on the matrix itself: 16 channels a group, so that a cell is `groups` channels wide."""
    lines = picture(groups, CELLS * groups, CELLS * groups)
    for row in range(CELLS):
        for column in range(CELLS):
            seen = {
                (o // CELLS == i // CELLS)
                for o in range(row * groups, (row + 1) * groups)
                for i in range(column * groups, (column + 1) * groups)
            }
            assert False in seen, "no cell is stored whole"
            assert lines[row][2 * column : 2 * column + 2] == (PART if True in seen else ZERO)


def test_more_groups_than_cells_are_shown_in_part_along_the_diagonal() -> None:
    lines = picture(128, 128, 128)
    assert lines == tuple(ZERO * row + PART + ZERO * (CELLS - row - 1) for row in range(CELLS))


def test_a_small_layer_has_a_cell_a_channel() -> None:
    assert picture(2, 4, 4) == ("████····", "████····", "····████", "····████")
    assert picture(3, 3, 3) == ("██····", "··██··", "····██")


def test_one_group_is_stored_whole() -> None:
    assert set("".join(picture(1, 64, 64))) == {"█"}


def test_many_groups_take_no_time() -> None:
    assert len(picture(2**40, 2**40, 2**40)) == CELLS
