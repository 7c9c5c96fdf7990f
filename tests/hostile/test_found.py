"""What fuzzing has found: each file is refused in one line or costed, and what is costed adds up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOUND = Path(__file__).parent / "found"


@pytest.mark.parametrize("path", sorted(FOUND.iterdir()), ids=lambda path: path.name)
def test_what_was_found_once_is_answered(groupcalc: Callable[..., Any], path: Path) -> None:
    found = groupcalc("analyze", str(path), "-o", "csv")
    assert found.code in (0, 2)
    assert b"internal error" not in found.err
    if found.err:
        assert found.err.decode().removesuffix("\n").isprintable()
