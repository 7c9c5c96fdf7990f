"""Depthwise convolution of small planes: a block takes neighbouring planes through shared memory as one run."""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda, float32

from groupcalc.kernels.cuda.launch.tile import tile


@cache
def planes(KH: int, KW: int, SH: int, SW: int, DH: int, DW: int, R: int, Q: int) -> Any:
    """Strips of R rows by one output; runs are copied Q numbers at once.

    Rows of 7 or 14 numbers start anywhere, but neighbouring planes are one run of memory: it is read and written in
    whole accesses, and only shared memory sees the odd rows.
    """
    taps, move = tile("read", COUNT=KH * KW), tile("move", Q=Q)
    window = tile("window", KH=KH, KW=KW, SH=SH, SW=SW, DH=DH, DW=DW, R=R, V=1, Q=1, LEAD=0)
    store = tile("store", TM=1, R=R, V=1)
    room = -(-KH * KW // 4) * 4

    @cuda.jit  # type: ignore[untyped-decorator]
    def convolve(x: Any, w: Any, bias: Any, y: Any, sizes: Any) -> None:
        """Threads are columns, strips and planes; the images are the grid's second axis."""
        channels, in_h, in_w, out_h, out_w, pad_h, pad_w, y_start = sizes
        shared = cuda.shared.array(0, float32)  # all there is, so it starts where the widest access may
        oc = cuda.blockIdx.x * cuda.blockDim.z
        count = min(cuda.blockDim.z, channels - oc)
        first = cuda.blockIdx.y * channels + oc
        threads = cuda.blockDim.x * cuda.blockDim.y * cuda.blockDim.z
        thread = (cuda.threadIdx.z * cuda.blockDim.y + cuda.threadIdx.y) * cuda.blockDim.x + cuda.threadIdx.x
        plane, run = first * in_h * in_w, count * in_h * in_w
        at = thread * Q
        while at + Q <= run:  # range would divide to count its steps
            move(shared, at, x, plane + at)
            at += threads * Q
        at = run // Q * Q + thread
        while at < run:
            shared[at] = x[plane + at]
            at += threads
        cuda.syncthreads()
        z = cuda.threadIdx.z
        if z < count:
            oh, ow = cuda.threadIdx.y * R, cuda.threadIdx.x
            top, left = oh * SH - pad_h, ow * SW - pad_w
            sums = window(shared, z * in_h * in_w, in_h, in_w, top, left, taps(w, (oc + z) * room), bias[oc + z])
            store(shared, y_start + (z * out_h + oh) * out_w + ow, 0, out_w, 1, out_h - oh, sums)
        cuda.syncthreads()
        plane, run = first * out_h * out_w, count * out_h * out_w
        at = thread * Q
        while at + Q <= run:
            move(y, plane + at, shared, y_start + at)
            at += threads * Q
        at = run // Q * Q + thread
        while at < run:
            y[plane + at] = shared[y_start + at]
            at += threads

    return convolve
