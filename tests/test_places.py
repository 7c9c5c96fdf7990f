"""Caches lie where the user or the platform wants them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from groupcalc.places import cache_directory


def test_the_users_directory_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUPCALC_CACHE_DIR", "/mine")
    assert cache_directory("kernels") == Path("/mine/kernels")


@pytest.mark.parametrize(
    ("platform", "variable", "place"),
    [
        ("linux", "XDG_CACHE_HOME", Path("/base/groupcalc/kernels")),
        ("win32", "LOCALAPPDATA", Path("/base/groupcalc/kernels")),
    ],
)
def test_else_it_is_the_platforms(monkeypatch: pytest.MonkeyPatch, platform: str, variable: str, place: Path) -> None:
    monkeypatch.delenv("GROUPCALC_CACHE_DIR", raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv(variable, "/base")
    assert cache_directory("kernels") == place


@pytest.mark.parametrize(
    ("platform", "below"), [("linux", ".cache"), ("darwin", "Library/Caches"), ("win32", "AppData/Local")]
)
def test_without_any_variable_it_is_below_the_home(monkeypatch: pytest.MonkeyPatch, platform: str, below: str) -> None:
    for variable in ("GROUPCALC_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/me"))
    assert cache_directory("ceilings") == Path("/home/me") / below / "groupcalc" / "ceilings"
