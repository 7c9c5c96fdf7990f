"""HTML: one page that needs nothing else, sorted by its column heads where scripts run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from groupcalc.report.document import Column, Report, Row, Table, plain
from groupcalc.units import show_name

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

STYLE = """
:root { color-scheme: light dark; --rule: #8886; --soft: #8881; --mark: #b45309; }
@media (prefers-color-scheme: dark) { :root { --mark: #fbbf24; } }
body { font: 14px/1.45 system-ui, sans-serif; margin: 1.5rem auto; padding: 0 1rem; max-width: 100rem; }
h1 { font-size: 1rem; font-weight: 400; margin: 0; opacity: .75; }
h2 { font-size: 1.2rem; margin: 1.5rem 0 0; overflow-wrap: anywhere; }
p { margin: .25rem 0; overflow-wrap: anywhere; }
.scroll { overflow: auto; max-height: 85vh; margin: .75rem 0; }
table { border-collapse: separate; border-spacing: 0; font-variant-numeric: tabular-nums; }
th, td { padding: .1rem .6rem; text-align: right; white-space: nowrap; }
th.left, td.left { text-align: left; }
thead, tfoot { position: sticky; background: Canvas; z-index: 1; }
thead { top: 0; }
tfoot { bottom: 0; }
thead th { border-bottom: 1px solid var(--rule); }
tbody tr:hover { background: var(--soft); }
tfoot td { font-weight: 600; }
tfoot tr:first-child td { border-top: 1px solid var(--rule); }
@media print { .scroll { overflow: visible; max-height: none; } }
th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; }
th[aria-sort=ascending] button::after { content: " ▲"; }
th[aria-sort=descending] button::after { content: " ▼"; }
.warning { color: var(--mark); }
.note { opacity: .75; }
"""

SCRIPT = """
"use strict";
const key = cell => {
  const value = cell.dataset.value;
  if (value === undefined) return cell.textContent;
  return value === "" ? null : /^-?\\d+$/.test(value) ? BigInt(value) : parseFloat(value);
};
const order = (a, b) => a === b ? 0 : a === null ? 1 : b === null ? -1 :
  typeof a === "string" ? a.localeCompare(b, undefined, {numeric: true}) : a < b ? -1 : a > b ? 1 : 0;
for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, column) => {
    if (!head.textContent) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      const first = head.classList.contains("left") ? "ascending" : "descending";
      const next = now === "none" ? first : now === "ascending" ? "descending" : "ascending";
      heads.forEach(other => other.hasAttribute("aria-sort") && other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", next);
      const sign = next === "ascending" ? 1 : -1;
      const keyed = [...body.rows].map(row => [key(row.cells[column]), row]);
      keyed.sort(([a], [b]) => a === null || b === null ? order(a, b) : sign * order(a, b));
      for (const [, row] of keyed) body.append(row);
    });
  });
}
"""


def html(report: Report) -> str:
    """The tables as one page: no network, readable without scripts, every figure exact in `data-value`."""
    title = " · ".join(table.name for table in report.tables if table.name)
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>groupcalc · {inert(title)}</title>",
        f"<style>{STYLE}</style>",
        "<h1>groupcalc</h1>",
        *(line for table in report.tables for line in _table(table)),
        *(f'<p class="note">{inert(note)}</p>' for note in report.notes),
        f"<script>{SCRIPT}</script>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def inert(text: str) -> str:
    """The text as HTML that shows exactly it, in an element or a quoted attribute."""
    from html import escape  # its table of entities is loaded only by who asks for HTML

    return escape(show_name(text)).replace("##", "&#35;&#35;")  # `##[error]` is an order to who reads a build's log


def _grid(table: Table) -> Iterator[str]:
    yield '<div class="scroll"><table>'
    yield f"<thead><tr>{''.join(map(_head, table.columns))}</tr></thead>"
    yield "<tbody>"
    yield from (_row(table.columns, row) for row in table.rows)
    yield "</tbody>"
    if table.closing:
        yield "<tfoot>"
        yield from (_row(table.columns, row) for row in table.closing)
        yield "</tfoot>"
    yield "</table></div>"


def _table(table: Table) -> Iterator[str]:
    if table.name:
        yield f"<h2>{inert(table.name)}</h2>"
    if table.facts:
        yield f"<p>{inert(' · '.join(table.facts))}</p>"
    if table.columns:
        yield from _grid(table)
    yield from (f"<p>{inert(note)}</p>" for note in table.notes)
    yield from (f'<p class="warning">⚠ {inert(warning)}</p>' for warning in table.warnings)


def _head(column: Column) -> str:
    return f'<th scope="col"{_class(column)}>{inert(column.header)}</th>'


def _row(columns: tuple[Column, ...], row: Row) -> str:
    return f"<tr>{''.join(_cell(column, value) for column, value in zip(columns, row, strict=True))}</tr>"


def _cell(column: Column, value: Any) -> str:
    exact = "" if column.align == "left" else f' data-value="{inert(plain(value))}"'
    return f"<td{_class(column)}{exact}>{inert(column.text(value))}</td>"


def _class(column: Column) -> str:
    return ' class="left"' if column.align == "left" else ""
