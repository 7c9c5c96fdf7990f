"""Memory that is not there is not asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from groupcalc.bench.result import Case
from groupcalc.bench.room import CHECK, check_room, free_bytes
from groupcalc.conv import conv
from groupcalc.errors import UsageError

GIB = 2**30


def case(channels: int) -> Case:
    """Float32 weights of channels², beside which input and output are nothing."""
    return Case(name="a", conv=conv(channels, channels, 1, (1, 1), bias=False), threads=1)


def test_what_fits_is_not_refused() -> None:
    check_room([case(1024)], 1, free=GIB)
    check_room([case(10**9)], 1, free=None)


def test_what_does_not_fit_is_refused_with_its_size() -> None:
    needed = (1 + CHECK) * 4 * (10**9 * 10**9 + 2 * 10**9) / GIB
    with pytest.raises(UsageError) as caught:
        check_room([case(10**9)], 1, free=8 * GIB)
    assert str(caught.value).startswith(f"a: needs {needed:,.1f} GiB to be run and checked, 8.0 GiB are free (use ")


def test_every_engine_holds_every_case_and_one_is_checked_at_a_time() -> None:
    mib = 4 * (512 * 512 + 2 * 512)  # and a little for input and output
    room = (3 * 2 + CHECK) * mib
    check_room([case(512)] * 3, 2, free=room)
    with pytest.raises(UsageError):
        check_room([case(512)] * 3, 2, free=room - 1)


def test_the_control_group_may_have_less_than_the_machine(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       16 kB\nMemAvailable:       8 kB\n")
    assert free_bytes(meminfo, tmp_path) == 8 * 1024
    (tmp_path / "memory.max").write_text("4096\n")
    (tmp_path / "memory.current").write_text("1024\n")
    assert free_bytes(meminfo, tmp_path) == 4096 - 1024
    (tmp_path / "memory.max").write_text("max\n")
    assert free_bytes(meminfo, tmp_path) == 8 * 1024
