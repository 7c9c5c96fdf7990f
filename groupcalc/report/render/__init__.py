"""The renderers: one function a format, Report in, text out."""

from __future__ import annotations

from groupcalc.report.render.csv import csv
from groupcalc.report.render.github import github
from groupcalc.report.render.gitlab import gitlab
from groupcalc.report.render.html import html
from groupcalc.report.render.json import json
from groupcalc.report.render.junit import junit
from groupcalc.report.render.markdown import markdown
from groupcalc.report.render.registry import RENDERERS, Renderer, renderer
from groupcalc.report.render.sarif import sarif
from groupcalc.report.render.svg import svg
from groupcalc.report.render.table import table

__all__ = [
    "RENDERERS", "Renderer", "csv", "github", "gitlab", "html", "json", "junit", "markdown", "renderer", "sarif",
    "svg", "table",
]  # fmt: skip
