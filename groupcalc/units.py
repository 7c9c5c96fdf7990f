"""How counts, bytes, shapes and names are shown to people; machines get the whole integers. And rates, as typed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from groupcalc.errors import UsageError

COUNT_PREFIXES = ("", "k", "M", "G", "T", "P", "E")
BYTE_PREFIXES = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


def show_count(count: int, unit: str = "", digits: int = 4) -> str:
    """A count with an SI prefix (powers of 1000): `4230` -> `4.230 k`; below 1000 the whole number.

    `unit` is joined to the prefix as the field writes it: `4.230 GMACs`, `8.460 GFLOPs`.
    """
    return _show(count, 1000, COUNT_PREFIXES, unit, digits)


def show_bytes(count: int, digits: int = 4) -> str:
    """Bytes with a binary prefix (powers of 1024): `10240` -> `10.00 KiB`."""
    return _show(count, 1024, BYTE_PREFIXES, "B", digits)


def _show(count: int, base: int, prefixes: tuple[str, ...], unit: str, digits: int) -> str:
    sign, count = ("-", -count) if count < 0 else ("", count)
    if count < base:
        return f"{sign}{count} {unit}".rstrip()
    for power in range(1, len(prefixes)):
        whole = count // base**power
        decimals = max(0, digits - len(str(whole)))
        scale = base**power
        rounded = (count * 10**decimals * 2 + scale) // (2 * scale)  # half up, in integers
        if decimals and rounded == 10**digits:  # 99.995 has become 100.00, a digit too many
            decimals, rounded = decimals - 1, rounded // 10
        if rounded < base * 10**decimals or power == len(prefixes) - 1:
            break
    text = str(rounded).rjust(decimals + 1, "0")
    number = f"{text[:-decimals]}.{text[-decimals:]}" if decimals else text
    return f"{sign}{number} {prefixes[power]}{unit}"


def show_percent(part: int, whole: int) -> str:
    """A share in per cent with one decimal, rounded in integers: `0.6 %`."""
    if whole == 0:
        return "–"
    tenths = (part * 2000 + whole) // (2 * whole)
    return f"{tenths // 10}.{tenths % 10} %"


def show_part(part: float) -> str:
    """A part in whole per cent: `44 %`, `-3 %`."""
    return f"{round(100 * part)} %"


def show_ratio(part: int, whole: int) -> str:
    """A factor with three significant digits: `×2.69`, `×32.0`, `×128`."""
    if whole == 0:
        return "–"
    ratio = part / whole
    return f"×{ratio:.2f}" if ratio < 10 else f"×{ratio:.1f}" if ratio < 100 else f"×{ratio:.0f}"


def show_intensity(flops_per_byte: float) -> str:
    """An arithmetic intensity with about three digits: `0.25`, `8.91`, `27.2`, `243`."""
    return f"{flops_per_byte:.{2 if flops_per_byte < 10 else 1 if flops_per_byte < 100 else 0}f}"


def show_seconds(seconds: float) -> str:
    """A time with three significant digits: `850 ns`, `12.3 µs`, `1.04 ms`, `2.50 s`."""
    for unit, scale in (("ns", 1e9), ("µs", 1e6), ("ms", 1e3)):
        value = seconds * scale
        if value < 999.5:
            return f"{_three_digits(value)} {unit}"
    return f"{_three_digits(seconds)} s"


def show_rate(per_s: float, unit: str) -> str:
    """A rate with three significant digits and an SI prefix: `118 GFLOP/s`, `27.5 GB/s`."""
    power = 0
    while per_s >= 999.5 and power < len(COUNT_PREFIXES) - 1:
        per_s, power = per_s / 1000, power + 1
    return f"{_three_digits(per_s)} {COUNT_PREFIXES[power]}{unit}"


RATE = re.compile(
    r"(?P<number>\d{1,18}(?:\.\d{1,18})?(?:[eE]\+?\d{1,2})?)\s*(?P<prefix>[KMGTP]i|[kKMGTPE]?)(?P<unit>.*)"
)

PREFIXES = {
    **{prefix: 1000.0**power for power, prefix in enumerate(COUNT_PREFIXES)},
    **{prefix: 1024.0**power for power, prefix in enumerate(BYTE_PREFIXES)},
    "": 1.0,
    "K": 1000.0,
}


def parse_rate(text: str, unit: str) -> float:
    """A rate as `show_rate` writes it, with or without its unit: `236GFLOP/s`, `27.5 GB/s`, `27GiB/s`, `236G`, `2e11`.

    unit  `FLOP/s` or `B/s`; binary prefixes are for bytes only. UsageError for any other text, and for no rate at all.
    """
    example = f"write 27{'GB/s' if unit == 'B/s' else 'GFLOP/s'}"
    found = RATE.fullmatch(text.strip())
    if not found:
        raise UsageError(f"'{show_name(text)}' is not a rate", example)
    number, prefix, word = found["number"], found["prefix"], found["unit"]
    if word not in ("", unit):
        raise UsageError(f"'{show_name(text)}' is not in {unit}", example)
    if prefix.endswith("i") and unit != "B/s":
        raise UsageError(f"'{show_name(text)}': {prefix} is for bytes", example)
    rate = float(number) * PREFIXES[prefix]
    if not 0 < rate < 1e24:
        raise UsageError(f"'{show_name(text)}' is no rate of a machine", example)
    return rate


def _three_digits(value: float) -> str:
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}"


def show_shape(shape: Iterable[int]) -> str:
    """A shape as people write it: `1×3×224×224`; a scalar is `scalar`."""
    return "×".join(map(str, shape)) or "scalar"


def show_name(name: str) -> str:
    """A name from a file, made inert: whatever does not print is shown as its escape.

    Covers terminal escapes, line ends, bidirectional overrides and lone surrogates.
    """
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
