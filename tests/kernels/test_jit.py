"""Compiled kernels are kept on disk, found again by the next process, and never taken for another version's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import groupcalc

PROBE = """
import os
import numpy as np
from numba import config
from groupcalc import kernels
from groupcalc.kernels import reference
from groupcalc.conv import conv
from groupcalc.kernels.drivers.general import rows
threads = int(os.environ.get("THREADS", "1"))
for channels in (3, 16) if config.DISABLE_JIT else (3,):
    x, w = np.ones((1, 2, 5, 5), "f4"), np.ones((channels, 2, 3, 3), "f4")
    y = kernels.conv2d(x, w, padding=1, threads=threads)
    np.testing.assert_array_equal(y, reference.convolve(conv(2, channels, 3, (5, 5), padding=1), x, w))
stats = getattr(rows.dispatcher(threads > 1), "stats", None)
print("interpreted" if stats is None else "found" if stats.cache_hits else "compiled")
"""


def run(cache: Path, package: Path | None = None, **environment: str) -> str:
    """What a fresh interpreter did for its kernel: `found` it on disk, `compiled` or `interpreted` it."""
    source = package or Path(groupcalc.__file__).parents[1]
    variables = os.environ | {"GROUPCALC_CACHE_DIR": str(cache), "PYTHONPATH": str(source)} | environment
    done = subprocess.run(
        [sys.executable, "-W", "error", "-P", "-c", PROBE], env=variables, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cache = tmp_path_factory.mktemp("cache")
    assert run(cache) == "compiled"
    return cache


def test_the_next_process_finds_the_kernel(filled: Path) -> None:
    assert run(filled) == "found"


def test_the_kernel_for_one_thread_is_not_that_for_many(filled: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(filled, cache)
    many = {"THREADS": "2", "NUMBA_NUM_THREADS": "2"}
    assert [run(cache, **many), run(cache, **many), run(cache)] == ["compiled", "found", "found"]


def test_an_edit_of_any_file_of_the_kernels_makes_the_cache_stale(filled: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(filled, cache)
    shutil.copytree(Path(groupcalc.__file__).parent, tmp_path / "source" / "groupcalc")
    with open(tmp_path / "source" / "groupcalc" / "kernels" / "drivers" / "emit.py", "a") as emit:
        emit.write("# an edit\n")
    assert run(cache, package=tmp_path / "source") == "compiled"


def test_another_version_has_a_folder_of_its_own_and_the_forgotten_one_goes(filled: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(filled, cache)
    (before,) = (cache / "kernels").iterdir()
    os.utime(before / "used", (0, 0))
    shutil.copytree(Path(groupcalc.__file__).parent, tmp_path / "source" / "groupcalc")
    with open(tmp_path / "source" / "groupcalc" / "kernels" / "jit.py", "a") as jit:
        jit.write("# an edit\n")
    assert run(cache, package=tmp_path / "source") == "compiled"
    (after,) = (cache / "kernels").iterdir()
    assert after != before
    assert run(cache) == "compiled"


def test_damaged_files_are_compiled_anew(filled: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(filled, cache)
    for file in (cache / "kernels").glob("*/*.nb?"):
        file.write_bytes(file.read_bytes()[:100])
    assert run(cache) == "compiled"
    assert run(cache) == "found"


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    occupied = tmp_path / "file"  # permissions would not stop a superuser; a file in place of the directory does
    occupied.write_text("")
    assert run(occupied) == "compiled"


def test_without_a_compiler_the_kernel_for_everything_is_interpreted(tmp_path: Path) -> None:
    assert run(tmp_path, NUMBA_DISABLE_JIT="1") == "interpreted"
