"""Grouped and dense convolution as a matrix product in registers: tiles of output channels by rows of a column."""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda, float32

from groupcalc.kernels.cuda.launch.tile import tile


@cache
def blocks(KH: int, SH: int, DH: int, TM: int, R: int, WIDTH: int, PITCH: int, Q: int, LEAD: int) -> Any:
    """A thread sums TM channels by R rows of one column; a block has WIDTH channels of each of its groups.

    PITCH numbers a row of the input in shared memory, loaded Q at once, of which the first LEAD are there only for
    that. Rows, not neighbours in a row, are what a thread keeps: the lanes of a warp are neighbours instead, so their
    loads hit different banks and their stores are whole lines of memory.
    """
    starts, step = tile("starts", R=R, TM=TM), tile("step", PITCH=PITCH, WIDTH=WIDTH, R=R, TM=TM, KH=KH, SH=SH, DH=DH)
    stage, store = tile("stage", Q=Q), tile("store", TM=TM, R=R, V=1)
    pieces, quads, at_once = WIDTH // TM, PITCH // Q, next(lanes for lanes in (4, 2, 1) if WIDTH % lanes == 0)
    move = tile("move", Q=at_once)
    divide = tile("divide")

    @cuda.jit  # type: ignore[untyped-decorator]
    def convolve(x: Any, w: Any, bias: Any, y: Any, sizes: Any) -> None:
        """The input channels come in chunks: their weights, then the part of their planes that the block sees."""
        batch, groups, in_group, out_group, in_h, in_w, out_h, out_w = sizes[:8]
        kernel_w, stride_w, dilation_w, pad_h, pad_w = sizes[8:13]
        group_count, image_count, chunk, strips, rows, x_start = sizes[13:19]
        tiles, tile_magic, col_blocks, col_magic = sizes[19:23]
        strip_magic, quad_magic, row_magic, plane_magic = sizes[23:]
        shared = cuda.shared.array(0, float32)  # all there is, so it starts where the widest access may
        threads = cuda.blockDim.x * cuda.blockDim.y * cuda.blockDim.z
        thread = (cuda.threadIdx.z * cuda.blockDim.y + cuda.threadIdx.y) * cuda.blockDim.x + cuda.threadIdx.x

        group_block = divide(cuda.blockIdx.x, tile_magic)
        part = cuda.blockIdx.x - group_block * tiles
        row_block = divide(cuda.blockIdx.y, col_magic)
        col_block = cuda.blockIdx.y - row_block * col_blocks
        first_group, first_image = group_block * group_count, cuda.blockIdx.z * image_count
        top, left = row_block * strips * R * SH - pad_h, col_block * cuda.blockDim.x * stride_w - pad_w - LEAD

        g = cuda.threadIdx.z // pieces
        piece = cuda.threadIdx.z - g * pieces
        image = divide(cuda.threadIdx.y, strip_magic)
        strip = cuda.threadIdx.y - image * strips
        group, n, oc = first_group + g, first_image + image, part * WIDTH + piece * TM
        oh, ow = (row_block * strips + strip) * R, col_block * cuda.blockDim.x + cuda.threadIdx.x
        active = n < batch and group < groups and oc < out_group and oh < out_h and ow < out_w

        of_channel, planes = kernel_w * KH * WIDTH, group_count * chunk
        plane = rows * PITCH
        x_own = x_start + ((image * planes + g * in_group) * rows + strip * R * SH) * PITCH
        x_own += cuda.threadIdx.x * stride_w + LEAD
        w_own = g * in_group * of_channel + piece * TM
        sums = starts(bias, (min(group, groups - 1) * tiles + part) * WIDTH + piece * TM)
        for first in range(0, in_group, chunk):
            if first > 0:
                cuda.syncthreads()
            count = min(chunk, in_group - first)
            present = min(group_count, groups - first_group)
            w_first = ((first_group * tiles + part) * in_group + first) * of_channel
            for at in range(thread * at_once, present * count * of_channel, threads * at_once):
                move(shared, at, w, w_first + at)
            x_first = ((first_image * groups + first_group) * in_group + first) * in_h * in_w
            for item in range(thread, image_count * planes * rows * quads, threads):
                line = divide(item, quad_magic)
                channel = divide(line, row_magic)
                of_image = divide(channel, plane_magic)
                ic = channel - of_image * planes
                live = first_image + of_image < batch and ic < present * count
                row, column = top + line - channel * rows, left + (item - line * quads) * Q
                ic += of_image * groups * in_group
                stage(shared, x_start + item * Q, x, x_first, ic, row, column, in_h, in_w, live)
            cuda.syncthreads()
            if active:
                x_at, w_at = x_own, w_own
                for _ in range(count):
                    for kw in range(kernel_w):
                        sums = step(sums, shared, x_at + kw * dilation_w, shared, w_at)
                        w_at += KH * WIDTH
                    x_at += plane
        if active:
            y_at = (((n * groups + group) * out_group + oc) * out_h + oh) * out_w + ow
            store(y, y_at, out_h * out_w, out_w, out_group - oc, out_h - oh, sums)

    return convolve
