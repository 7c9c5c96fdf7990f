"""The register tiles in plain Python: what the simulator runs, and what `emit` is tested against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Tile = Callable[..., Any]
ZERO = np.float32(0)


def window(*, KH: int, KW: int, SH: int, SW: int, DH: int, DW: int, R: int, V: int, Q: int, LEAD: int) -> Tile:
    def tile(x: Any, at: int, in_h: int, in_w: int, top: int, left: int, taps: Any, start: Any) -> Any:
        assert left % Q == in_w % Q == 0

        def value(row: int, column: int) -> Any:
            inside = 0 <= row < in_h and 0 <= column < in_w
            return x[at + row * in_w + column] if inside else ZERO

        sums = [start] * (R * V)
        for r, v, kh, kw in np.ndindex(R, V, KH, KW):
            row, column = top + r * SH + kh * DH, left + LEAD + v * SW + kw * DW
            sums[r * V + v] += taps[kh * KW + kw] * value(row, column)
        return tuple(sums)

    return tile


def step(*, PITCH: int, WIDTH: int, R: int, TM: int, KH: int, SH: int, DH: int) -> Tile:
    def tile(sums: Any, x: Any, x_at: int, w: Any, w_at: int) -> Any:
        totals = list(sums)
        for m, r, kh in np.ndindex(TM, R, KH):
            totals[m * R + r] += w[w_at + kh * WIDTH + m] * x[x_at + (r * SH + kh * DH) * PITCH]
        return tuple(totals)

    return tile


def starts(*, R: int, TM: int) -> Tile:
    return lambda bias, at: tuple(bias[at + m] for m in range(TM) for _ in range(R))


def read(*, COUNT: int) -> Tile:
    def tile(array: Any, at: int) -> Any:
        assert at % 4 == 0
        return tuple(array[at + number] for number in range(COUNT))

    return tile


def move(*, Q: int) -> Tile:
    def tile(target: Any, t_at: int, source: Any, s_at: int) -> None:
        assert t_at % Q == s_at % Q == 0
        for number in range(Q):
            target[t_at + number] = source[s_at + number]

    return tile


def stage(*, Q: int) -> Tile:
    def tile(
        target: Any, t_at: int, x: Any, at: int, plane: int, row: int, column: int, in_h: int, in_w: int, live: bool
    ) -> None:
        inside = live and 0 <= row < in_h and 0 <= column < in_w
        offset = at + (plane * in_h + row) * in_w + column
        assert t_at % Q == 0
        assert not inside or offset % Q == 0
        for number in range(Q):
            target[t_at + number] = x[offset + number] if inside else ZERO

    return tile


def store(*, TM: int, R: int, V: int) -> Tile:
    def tile(y: Any, at: int, plane: int, pitch: int, channels: int, rows: int, sums: Any) -> None:
        assert at % V == pitch % V == 0
        for m, r, v in np.ndindex(min(TM, channels), min(R, rows), V):
            y[at + m * plane + r * pitch + v] = sums[(m * R + r) * V + v]

    return tile


def divide() -> Tile:
    return lambda number, factor: number * factor >> 32


def chain(*, COUNT: int, LENGTH: int) -> Tile:
    def tile(sums: Any, a: Any, b: Any) -> Any:
        for _ in range(LENGTH):
            sums = tuple(value * a + b for value in sums)
        return sums

    return tile
