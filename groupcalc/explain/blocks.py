"""The weight matrix of a grouped layer as a dense one would hold it: blocks along the diagonal, zeros elsewhere."""

from __future__ import annotations

CELLS = 16
"""About so many lines, and twice as many characters across: square on a terminal, and at home in 80 columns."""

FULL, PART, ZERO = "██", "▒▒", "··"
"""A cell that is stored whole, one of which a part is, one of zeros."""


def picture(groups: int, outputs: int, inputs: int) -> tuple[str, ...]:
    """A line for so many outputs, from top to bottom, a cell for so many inputs, from left to right.

    Up to 16 groups have cells of their own; of more, several share one, and it is shown as stored in part.
    """
    if groups <= CELLS:
        each = max(min(CELLS // groups, outputs // groups, inputs // groups), 1)
        cells = groups * each
    else:
        cells = CELLS
    return tuple("".join(_cell(row, column, cells, groups) for column in range(cells)) for row in range(cells))


def _cell(row: int, column: int, cells: int, groups: int) -> str:
    if groups <= cells:  # then it divides them
        return FULL if row * groups // cells == column * groups // cells else ZERO
    (first, last), (begin, end) = _touched(row, cells, groups), _touched(column, cells, groups)
    return PART if max(first, begin) < min(last, end) else ZERO


def _touched(cell: int, cells: int, groups: int) -> tuple[int, int]:
    """The groups that reach into one of so many cells along a side: from, and up to without it."""
    return cell * groups // cells, -(-(cell + 1) * groups // cells)
