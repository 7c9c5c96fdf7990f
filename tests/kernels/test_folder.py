"""A version's folder of machine code is marked as in use; one that is forgotten goes, and nothing that is not ours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from groupcalc.kernels import folder as kept
from groupcalc.kernels.folder import DAY_S, FORGOTTEN_S, USED, cache_directory, claim

NOW = 2_000_000_000.0
HERE, OTHER = "0" * 16, "1" * 16


def made(path: Path, days: float | None, *names: str) -> Path:
    """A folder that was used so many days before NOW (None: it bears no mark), with files of these names."""
    path.mkdir()
    for name in names:
        (path / name).write_text("x")
    if days is not None:
        mark = path / USED
        mark.touch()
        os.utime(mark, (NOW - days * DAY_S,) * 2)
    return path


def used(folder: Path) -> float:
    return (folder / USED).stat().st_mtime


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return made(tmp_path / HERE, None, "f.nbi")


def test_it_is_named_for_the_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUPCALC_CACHE_DIR", "/mine")
    monkeypatch.setattr(kept, "source_stamp", lambda: "abcdef0123456789" * 4)
    assert cache_directory() == Path("/mine/kernels/abcdef0123456789")
    assert kept.NAME.fullmatch(cache_directory().name)


@pytest.mark.parametrize(("days", "stays"), [(29, True), (31, False), (-1, True)])
def test_a_folder_that_nobody_used_for_thirty_days_goes(here: Path, days: float, stays: bool) -> None:
    other = made(here.parent / OTHER, days, "f.nbi", "f.1.nbc", "f.nbi.tmp.0123456789abcdef")
    claim(here, NOW)
    assert other.exists() is stays
    assert (here / "f.nbi").exists()


def test_one_in_use_is_marked_and_so_kept(here: Path) -> None:
    other = made(here.parent / OTHER, 31, "f.nbi")
    claim(other, used(other) + FORGOTTEN_S + DAY_S)  # its version runs again: by now, as the file system has it
    claim(here, used(other))
    assert (other / "f.nbi").exists()


def test_it_is_marked_and_the_others_looked_at_once_a_day(here: Path) -> None:
    claim(here, NOW)
    os.utime(here / USED, (NOW, NOW))
    other = made(here.parent / OTHER, 31)
    claim(here, NOW + DAY_S - 1)
    assert used(here) == NOW
    assert other.exists()
    claim(here, NOW + DAY_S + 1)
    assert used(here) != NOW
    assert not other.exists()


@pytest.mark.parametrize("name", ["mine", "1" * 15, "1" * 17, "1" * 64, "A" * 16, "ceilings"])
def test_a_folder_of_another_name_stays(here: Path, name: str) -> None:
    other = made(here.parent / name, 100, "f.nbi")
    claim(here, NOW)
    assert (other / "f.nbi").exists()


def test_a_folder_without_the_mark_stays(here: Path) -> None:
    other = made(here.parent / OTHER, None, "f.nbi")
    claim(here, NOW)
    assert (other / "f.nbi").exists()


@pytest.mark.parametrize("name", ["notes.txt", "nbi", "f.nbi.bak", "f.nbi.tmp.xyz"])
def test_a_file_of_others_stays_with_its_folder(here: Path, name: str) -> None:
    other = made(here.parent / OTHER, 100, "f.nbi", name)
    claim(here, NOW)
    assert [file.name for file in other.iterdir()] == [name]


def test_a_folder_within_stays(here: Path) -> None:
    other = made(here.parent / OTHER, 100)
    made(other / "deep.nbi", 100, "f.nbi")
    claim(here, NOW)
    assert (other / "deep.nbi" / "f.nbi").exists()


def test_a_link_is_not_followed(here: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    target = made(tmp_path_factory.mktemp("elsewhere") / OTHER, 100, "f.nbi")
    (here.parent / OTHER).symlink_to(target)
    (made(here.parent / ("2" * 16), 100) / "g.nbi").symlink_to(target / "f.nbi")
    claim(here, NOW)
    assert (target / "f.nbi").exists()
    assert (here.parent / OTHER).is_symlink()


def test_one_that_another_process_removes_meanwhile_is_no_error(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = [made(here.parent / (digit * 16), 100, "f.nbi", "g.nbi") for digit in "123"]
    unlink = Path.unlink

    def twice(file: Path, missing_ok: bool = False) -> None:
        unlink(file)
        unlink(file, missing_ok)
        if file.name == USED:
            file.parent.rmdir()

    monkeypatch.setattr(Path, "unlink", twice)
    claim(here, NOW)
    assert not any(other.exists() for other in others)


def test_what_cannot_be_marked_is_no_error(tmp_path: Path) -> None:
    claim(tmp_path / "none" / HERE, NOW)
    assert not (tmp_path / "none").exists()
    (tmp_path / HERE).write_text("a file")
    claim(tmp_path / HERE, NOW)
