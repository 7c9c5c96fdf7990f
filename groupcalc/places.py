"""Where files of ours lie on this platform."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_directory(kind: str) -> Path:
    """The folder for one kind of cached file: in GROUPCALC_CACHE_DIR, else in the platform's place for caches."""
    chosen = os.environ.get("GROUPCALC_CACHE_DIR")
    return (Path(chosen) if chosen else _platform() / "groupcalc") / kind


def _platform() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
