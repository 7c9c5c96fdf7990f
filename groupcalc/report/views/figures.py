"""Figures beside each other: how one differs from another, never so rounded that two look equal."""

from __future__ import annotations

from groupcalc.units import show_bytes, show_count, show_ratio


def figure(count: int, unit: str) -> str:
    """`4.230 GMACs`, `25.03 M params`, `10.00 MiB`, `54 layers`."""
    if unit == "B":
        return show_bytes(count)
    if count == 1:
        return f"1 {unit.removesuffix('s')}"
    if unit in ("MACs", "FLOPs"):
        return show_count(count, unit)
    return f"{show_count(count)} {unit}"


def change(base: int, new: int, unit: str) -> str:
    """`4.230 → 4.447 GMACs`; the unit once where both have it; whole numbers where rounding would hide a change."""
    before, after = figure(base, unit), figure(new, unit)
    if before == after and base != new:
        return f"{base:,} → {new:,} {unit}"
    number, _, rest = before.partition(" ")
    return f"{number} → {after}" if rest == after.partition(" ")[2] else f"{before} → {after}"


def signed(delta: int, unit: str) -> str:
    """`+216.8 MMACs`, `-3 layers`."""
    return f"{'-' if delta < 0 else '+'}{figure(abs(delta), unit)}"


def percent(delta: int, base: int) -> str:
    """`+5.1 %` of the base, rounded in integers; "" where there is none."""
    if base == 0:
        return ""
    tenths = (abs(delta) * 2000 + base) // (2 * base)
    sign = "-" if delta < 0 else "+"
    return f"{sign}<0.1 %" if delta and not tenths else f"{sign}{tenths // 10}.{tenths % 10} %"


def times(base: int, new: int) -> str:
    """`×16`, `×2.69`, `×0.50`; "" where there is no base."""
    return show_ratio(new, base).removesuffix(".0").removesuffix(".00") if base else ""
