"""The kernel for every geometry: a thread an output, every size given at run time."""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda, float32


@cache
def outputs() -> Any:
    """The one specialisation."""

    @cuda.jit  # type: ignore[untyped-decorator]
    def convolve(x: Any, w: Any, bias: Any, y: Any, sizes: Any) -> None:
        """Threads stride over all outputs, neighbours next to each other: their loads and stores go together."""
        count, groups, in_group, out_group = sizes[:4]
        in_d, out_d, kernel_d, stride_d, dilation_d, pad_d = sizes[4:10]
        in_h, out_h, kernel_h, stride_h, dilation_h, pad_h = sizes[10:16]
        in_w, out_w, kernel_w, stride_w, dilation_w, pad_w = sizes[16:]
        for index in range(cuda.grid(1), count, cuda.gridsize(1)):
            ow = index % out_w
            row = index // out_w
            oh = row % out_h
            od = row // out_h % out_d
            channel = row // (out_h * out_d)  # n and oc in one
            oc = channel % (groups * out_group)
            first = (channel // (groups * out_group) * groups + oc // out_group) * in_group
            total = bias[oc]
            for ic in range(in_group):
                for kd in range(kernel_d):
                    depth = od * stride_d + kd * dilation_d - pad_d
                    if depth < 0 or depth >= in_d:
                        continue
                    for kh in range(kernel_h):
                        height = oh * stride_h + kh * dilation_h - pad_h
                        if height < 0 or height >= in_h:
                            continue
                        x_row = (((first + ic) * in_d + depth) * in_h + height) * in_w
                        w_row = (((oc * in_group + ic) * kernel_d + kd) * kernel_h + kh) * kernel_w
                        for kw in range(kernel_w):
                            column = ow * stride_w + kw * dilation_w - pad_w
                            if column >= 0 and column < in_w:
                                total += w[w_row + kw] * float32(x[x_row + column])
            y[index] = total

    return convolve
