"""Our kernels on a GPU against cuDNN's, layer by layer. Run by hand, on a machine with a GPU.

    pip install '.[cuda12]' torch        # or cuda13: what the driver takes
    python examples/gpu_table.py examples/suites/grouped.toml --batch 1 32 256

INPUT is anything with convolutions that `groupcalc analyze` reads: a layer file, a network, a layer line. Every figure
is the median of samples by the device's own events, a sample being launches that are all queued before the first of
them starts, on buffers taken in turn, twice the level-2 cache together. cuDNN is asked through torch, in benchmark
mode, in two layouts, with TF32 off and on; its input and output are in the layout asked for. TF32 rounds the inputs to
10 bits of mantissa, so it stands in a column of its own. `bound` is the larger of the bytes (weights, input and output,
each once) at the copy bandwidth and the operations at the multiply-add rate, both measured first, over the time.

Ours must keep the error bound of any float32 sum, against float64 on the same device, or the row says so. Without torch
the table has our figures alone, unchecked; in Numba's simulator its times are those of the simulator.
"""

from __future__ import annotations

import argparse
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from math import exp, log, prod
from statistics import median
from typing import Any

import numpy as np

from groupcalc import kernels
from groupcalc.conv import Conv
from groupcalc.errors import GroupcalcError
from groupcalc.kernels.cuda import events, probes
from groupcalc.kernels.cuda.device import Gpu, gpu
from groupcalc.sources import load
from groupcalc.sources.given import Given
from groupcalc.sources.targets import expand

Launch = Callable[[], object]

ROUNDS, SAMPLES = 3, 5
SAMPLE_S = 0.01
TORCH = {
    "nchw": (False, False),
    "channels_last": (True, False),
    "nchw tf32": (False, True),
    "channels_last tf32": (True, True),
}
"""Variants of cuDNN: whether channels are last, and whether TF32 is allowed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="+", metavar="INPUT")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 32, 256])
    asked = parser.parse_args()
    found, clocks = gpu(), state()
    top = probes.ceilings(found)
    print(
        f"{found.name}: copy {top.copy_bytes_per_s / 1e9:.4g} GB/s, multiply-add {top.flops_per_s / 1e12:.4g} TFLOP/s,"
    )
    print(f"an empty launch {top.launch_s * 1e6:.3g} µs of the device, {top.host_launch_s * 1e6:.3g} µs of the host")
    print(clocks)
    ratios: dict[tuple[int, str, str], list[float]] = defaultdict(list)
    print(
        f"{'batch':>5} {'layer':<40} {'kernel':<8} {'ours µs':>9} {'bound':>6} "
        f"{'float32':>10} {'TF32':>9}  best variants"
    )
    for batch in asked.batch:
        for name, conv in layers(asked.inputs):
            family = name.rsplit("/", 1)[0] if "/" in name else "all"
            for column, ratio in row(name, replace(conv, batch=batch), found, top):
                ratios[batch, family, column].append(ratio)
    for (batch, family, column), each in ratios.items():
        mean = exp(sum(map(log, each)) / len(each))
        print(f"batch {batch} {family}: {mean:.3f} of {column} (geometric mean of {len(each)}, worst {min(each):.3f})")
    print(state())


def layers(inputs: list[str]) -> Iterator[tuple[str, Conv]]:
    targets, failures = expand(inputs)
    for failure in failures:
        raise SystemExit(str(failure.error))
    for target in targets:
        for layer in load(target, Given()).layers:
            conv = Conv.of(layer)
            if conv is not None and not conv.transposed and conv.dtype == "float32":
                yield layer.name, conv


def row(name: str, conv: Conv, found: Gpu, top: probes.Ceilings) -> Iterator[tuple[str, float]]:
    """Print a row, and give the ratios to cuDNN's best with and without TF32; above 1 ours is faster."""
    touched = 4 * (
        conv.batch * conv.in_channels * prod(conv.in_size) + conv.batch * conv.out_channels * prod(conv.out_size)
    )
    weights = prod(conv.weight_shape)
    flops = 2 * conv.batch * prod(conv.out_size) * weights
    try:
        launches, kernel, note = ours(conv, events.rotations(touched, found.l2_bytes))
    except GroupcalcError as error:
        print(f"{conv.batch:>5} {name:<40} {error}")
        return
    engines = {"ours": launches, **(cudnn(conv, len(launches)) if find_spec("torch") else {})}
    times = alternating(engines)
    bound = max((touched + 4 * weights) / top.copy_bytes_per_s, flops / top.flops_per_s)
    best = {}
    for column in ("float32", "TF32"):
        variants = {name: s for name, s in times.items() if name != "ours" and ("tf32" in name) == (column == "TF32")}
        if variants:
            best[column] = min(variants.items(), key=lambda item: item[1])
    shown = "".join(
        f" {best[column][1] * 1e6:9.1f}" if column in best else f" {'–':>9}" for column in ("float32", "TF32")
    )
    named = ", ".join(variant for variant, _ in best.values())
    share = f"{100 * bound / times['ours']:.0f} %"
    print(
        f"{conv.batch:>5} {name:<40} {kernel:<8} {times['ours'] * 1e6:9.1f} {share:>6} {shown}  {named} {note}".rstrip()
    )
    for column, (_, seconds) in best.items():
        yield column, seconds / times["ours"]


def alternating(engines: dict[str, list[Launch]]) -> dict[str, float]:
    """Median seconds of a launch of each engine, in rounds, so that a change of clocks meets all of them."""
    taken: dict[str, list[events.Sample]] = defaultdict(list)
    stopwatch = events.new_stopwatch()
    calls = {}
    for name, launches in engines.items():
        (first,) = events.measure(launches, samples=1, calls=8, stopwatch=stopwatch)
        calls[name] = max(4, min(events.MOST_QUEUED, int(SAMPLE_S / max(first.device_s, 1e-9))))
    for _ in range(ROUNDS):
        for name, launches in engines.items():
            taken[name] += events.measure(launches, samples=SAMPLES, calls=calls[name], stopwatch=stopwatch)
    for name, samples in taken.items():
        if not all(sample.queued for sample in samples):
            print(f"! {name}: the host was too slow to queue all launches; its figure has some of the host in it")
    return {name: median(sample.device_s for sample in samples) for name, samples in taken.items()}


def ours(conv: Conv, count: int) -> tuple[list[Launch], str, str]:
    """A launch for each of `count` pairs of buffers, the kernel's name, and what is wrong with the result."""
    from numba import cuda

    if find_spec("torch"):
        import torch

        torch.cuda.empty_cache()  # what the row before has left, which the driver takes for used
    rng = np.random.default_rng(0)
    x = rng.standard_normal((conv.batch, conv.in_channels, *conv.in_size), dtype=np.float32)
    w = rng.standard_normal(conv.weight_shape, dtype=np.float32)
    run = kernels.prepare(
        w, x.shape, None, conv.stride, conv.padding, conv.dilation, conv.groups, device="cuda"
    )  # fmt: skip
    shape = (conv.batch, conv.out_channels, *conv.out_size)
    pairs = [(cuda.to_device(x), cuda.device_array(shape, np.float32)) for _ in range(count)]
    run(*pairs[0])
    note = check(conv, x, w, pairs[0][1]) if find_spec("torch") else ""
    return [partial(run, *pair) for pair in pairs], run.plan.kernel if run.plan else "", note


def check(conv: Conv, x: np.ndarray, w: np.ndarray, y: Any) -> str:
    """|y - y64| <= γ(K+2)·(|x| ∗ |w|), both convolutions in float64 on the device, a few images at a time."""
    import torch

    terms = prod(conv.weight_shape[1:]) + 2
    gamma = terms * 2.0**-24 / (1 - terms * 2.0**-24)
    weights = torch.from_numpy(w).cuda().double()
    for first in range(0, conv.batch, 8):
        images = torch.from_numpy(x[first : first + 8]).cuda().double()
        result = torch.as_tensor(y, device="cuda")[first : first + 8].double()
        error = (result - convolved(conv, images, weights)).abs()
        if not bool((error <= gamma * convolved(conv, images.abs(), weights.abs()) + 1e-37).all()):
            return "! past the error bound"
    return ""


def convolved(conv: Conv, x: Any, w: Any) -> Any:
    import torch

    function = (torch.conv1d, torch.conv2d, torch.conv3d)[len(conv.in_size) - 1]
    pads = [pads[0] for pads in conv.padding]
    if any(before != after for before, after in conv.padding):
        x = torch.nn.functional.pad(x, [amount for pair in reversed(conv.padding) for amount in pair])
        pads = [0] * len(pads)
    return function(x, w, None, conv.stride, pads, conv.dilation, conv.groups)


def cudnn(conv: Conv, count: int) -> dict[str, list[Launch]]:
    """The variants of TORCH, each with `count` inputs; outputs are kept, so that torch takes other memory each time."""
    import torch

    torch.inference_mode().__enter__()  # for as long as the process lives
    torch.backends.cudnn.benchmark = True
    found = {}
    for name, (last, tf32) in TORCH.items():
        if last and len(conv.in_size) != 2:
            continue
        layout = torch.channels_last if last else torch.contiguous_format
        w = torch.randn(conv.weight_shape, device="cuda").to(memory_format=layout)
        shape = (conv.batch, conv.in_channels, *conv.in_size)
        inputs = [torch.randn(shape, device="cuda").to(memory_format=layout) for _ in range(count)]
        kept: list[Any] = [None] * count

        def launch(number: int, inputs: Any = inputs, w: Any = w, kept: Any = kept, tf32: bool = tf32) -> None:
            torch.backends.cudnn.allow_tf32 = tf32
            kept[number] = convolved(conv, inputs[number], w)

        found[name] = [partial(launch, number) for number in range(count)]
    return found


def state() -> str:
    """Clocks, temperature and power as the driver says, to judge the figures by."""
    query = "--query-gpu=clocks.sm,clocks.mem,temperature.gpu,power.draw"
    try:
        said = subprocess.run(
            ["nvidia-smi", query, "--format=csv,noheader"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "(clocks are not known: no nvidia-smi)"
    return f"clocks, temperature, power: {said.stdout.strip()}"


if __name__ == "__main__":
    main()
