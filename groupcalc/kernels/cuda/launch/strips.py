"""Depthwise convolution of wide planes: a thread computes a few rows of a few neighbouring outputs."""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda

from groupcalc.kernels.cuda.launch.tile import tile


@cache
def strips(KH: int, KW: int, SH: int, SW: int, DH: int, DW: int, R: int, V: int, Q: int, LEAD: int, M: int) -> Any:
    """Strips of R rows by V outputs; rows are loaded Q at once; M outputs a channel of the input.

    Nothing goes through shared memory: the rows that two threads both see come from the level-1 cache, and no thread
    waits for another.
    """
    taps, window = (
        tile("read", COUNT=KH * KW),
        tile("window", KH=KH, KW=KW, SH=SH, SW=SW, DH=DH, DW=DW, R=R, V=V, Q=Q, LEAD=LEAD),
    )
    store = tile("store", TM=1, R=R, V=V)
    room = -(-KH * KW // 4) * 4
    divide = tile("divide")

    @cuda.jit  # type: ignore[untyped-decorator]
    def convolve(x: Any, w: Any, bias: Any, y: Any, sizes: Any) -> None:
        """A warp's lanes are neighbours in a row, then strips, then channels; images are the grid's last axis."""
        channels, in_h, in_w, out_h, out_w, pad_h, pad_w, col_blocks, col_magic = sizes
        row_block = divide(cuda.blockIdx.y, col_magic)
        col_block = cuda.blockIdx.y - row_block * col_blocks
        oc = cuda.blockIdx.x * cuda.blockDim.z + cuda.threadIdx.z
        oh = (row_block * cuda.blockDim.y + cuda.threadIdx.y) * R
        ow = (col_block * cuda.blockDim.x + cuda.threadIdx.x) * V
        if oc < channels and oh < out_h and ow < out_w:
            plane = cuda.blockIdx.z * channels + oc
            top, left = oh * SH - pad_h, ow * SW - pad_w - LEAD
            sums = window(x, plane // M * in_h * in_w, in_h, in_w, top, left, taps(w, oc * room), bias[oc])
            store(y, (plane * out_h + oh) * out_w + ow, 0, out_w, 1, out_h - oh, sums)

    return convolve
