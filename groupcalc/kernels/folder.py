"""Where the machine code of this version lies, and the end of the folders of versions that nobody runs any more."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from pathlib import Path

from groupcalc import places
from groupcalc.kernels.stamp import source_stamp

DAY_S = 24 * 60 * 60
FORGOTTEN_S = 30 * DAY_S

NAME = re.compile(r"[0-9a-f]{16}")
USED = "used"
"""An empty file: it tells when its folder was last in use, to the day, and that the folder is ours."""

OURS = re.compile(r".*\.(nbi|nbc)(\.tmp\.[0-9a-f]+)?")
"""What Numba writes into it: indices, machine code, and drafts of both."""


def cache_directory() -> Path:
    """The folder of this version, in that of all."""
    return places.cache_directory("kernels") / source_stamp()[:16]


def claim(folder: Path, now: float) -> None:
    """Mark a folder as in use. The first that does so in a day removes the folders beside it that are forgotten.

    now  in seconds, as `time.time()` has it. No error: what cannot be written is not marked, nor removed.
    """
    with suppress(OSError):
        if _idle(folder, now) > DAY_S:
            (folder / USED).touch()
            for other in folder.parent.iterdir():
                if NAME.fullmatch(other.name) and other != folder:
                    _forget(other, now)


def _idle(folder: Path, now: float) -> float:
    """Seconds since a folder was last in use; infinite when it bears no mark."""
    try:
        return now - (folder / USED).stat().st_mtime
    except FileNotFoundError:
        return math.inf


def _forget(folder: Path, now: float) -> None:
    """Remove a folder that is ours and forgotten, file by file: whatever else lies in it stays, and so does it then.

    The mark goes last: what was interrupted is done another day. A process that takes the folder into use meanwhile
    misses files, as it would those of an empty folder, and compiles them again.
    """
    with suppress(OSError):
        if folder.is_symlink() or not FORGOTTEN_S < _idle(folder, now) < math.inf:
            return
        for file in folder.iterdir():
            if OURS.fullmatch(file.name):
                file.unlink(missing_ok=True)
        (folder / USED).unlink(missing_ok=True)
        folder.rmdir()
