"""The configuration: `groupcalc.toml`, or `[tool.groupcalc]` of a pyproject.toml, nearest upward."""

from __future__ import annotations

from groupcalc.config.find import find
from groupcalc.config.values import Config

__all__ = ["Config", "find"]
