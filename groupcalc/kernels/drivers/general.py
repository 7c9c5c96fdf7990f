"""The driver for every geometry: each tap adds a scaled row of the input to a row of the output."""

from __future__ import annotations

from typing import Any

from numba import prange

from groupcalc.kernels.jit import driver, get_num_threads, set_num_threads


@driver(sizes=23)
def rows(x: Any, w: Any, bias: Any, y: Any, scratch: Any, sizes: Any) -> None:
    """y[n, oc, od, oh, :] += w[oc, ic, kd, kh, kw] · x[n, ic, id, ih, kw·dilation - pad :: stride], over all taps.

    The threads share the rows evenly. The innermost loops run over slices, whose bounds LLVM knows to be within
    the array: over computed indices it would not vectorise them.
    """
    threads, batch, groups, in_group, out_group = sizes[:5]
    in_d, out_d, kernel_d, stride_d, dilation_d, pad_d = sizes[5:11]
    in_h, out_h, kernel_h, stride_h, dilation_h, pad_h = sizes[11:17]
    in_w, out_w, kernel_w, stride_w, dilation_w, pad_w = sizes[17:]
    of_caller = get_num_threads()
    set_num_threads(threads)
    count = batch * groups * out_group * out_d * out_h
    for thread in prange(threads):
        for index in range(count * thread // threads, count * (thread + 1) // threads):
            oh = index % out_h
            od = index // out_h % out_d
            channel = index // (out_h * out_d)  # n and oc in one
            oc = channel % (groups * out_group)
            row = y[index * out_w : (index + 1) * out_w]
            row[:] = bias[oc]
            first = (channel // (groups * out_group) * groups + oc // out_group) * in_group  # n and the group's ic 0
            for ic in range(in_group):
                for kd in range(kernel_d):
                    depth = od * stride_d + kd * dilation_d - pad_d
                    if depth < 0 or depth >= in_d:
                        continue
                    for kh in range(kernel_h):
                        height = oh * stride_h + kh * dilation_h - pad_h
                        if height < 0 or height >= in_h:
                            continue
                        start = (((first + ic) * in_d + depth) * in_h + height) * in_w
                        line = x[start : start + in_w]
                        weight = (((oc * in_group + ic) * kernel_d + kd) * kernel_h + kh) * kernel_w
                        for kw in range(kernel_w):
                            shift = kw * dilation_w - pad_w
                            lo = max(0, (stride_w - 1 - shift) // stride_w)
                            hi = min(out_w, (in_w - 1 - shift) // stride_w + 1)
                            if lo >= hi:
                                continue
                            tap = w[weight + kw]
                            outputs = row[lo:hi]
                            inputs = line[lo * stride_w + shift :]
                            if stride_w == 1:
                                for ow in range(hi - lo):
                                    outputs[ow] += tap * inputs[ow]
                            else:
                                for ow in range(hi - lo):
                                    outputs[ow] += tap * inputs[ow * stride_w]
    set_num_threads(of_caller)
