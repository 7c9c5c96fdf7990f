"""What each figure of a report counts, by which convention, and how other tools differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One figure.

    key         as in a saved result
    unit        of its whole numbers
    text        paragraphs: the definition, then conventions
    elsewhere   tool -> how its figure of that name differs
    aliases     other spellings
    """

    key: str
    unit: str
    text: tuple[str, ...]
    elsewhere: Mapping[str, str]
    aliases: tuple[str, ...] = ()


METRICS: Mapping[str, Metric] = {
    metric.key: metric
    for metric in (
        Metric(
            key="macs",
            unit="multiply-adds",
            text=(
                "One multiply and one add of an inner product: convolutions of every kind, matrix products, attention, "
                "recurrent cells, einsum. Nothing else has MACs.",
                "A convolution has N · C/G · K for each place of its output, N outputs, C inputs, K taps: grouping "
                "divides them by G. Taps that fall on padding are counted.",
            ),
            elsewhere={
                "fvcore": "the same count under the name of flops: one flop is one multiply-add",
                "PyTorch FlopCounterMode": "2 FLOPs a multiply-add, so twice as many; products and attention only",
                "JAX (XLA cost analysis)": "2 FLOPs a multiply-add; taps on padding are left out",
                "thop": "multiply-adds, and beside them elements of normalisation, pooling and softmax as MACs",
                "ptflops": "multiply-adds, and biases, BatchNorm (2 an element), ReLU and pooling as MACs",
                "torchinfo": "mult-adds: params × places, so that biases count as well, and BatchNorm by its params",
                "onnx-tool": "MACs for everything: an exp is 16, a division 2",
            },
            aliases=("mac", "mult-adds", "madds"),
        ),
        Metric(
            key="flops",
            unit="floating-point operations",
            text=(
                "2 × MACs, and one for each bias add, element of normalisation, activation, pooling, reduction or "
                "elementwise arithmetic, unless the rule of the operator says otherwise and why.",
                "A count, never a rate: FLOP/s is written flops_per_s.",
            ),
            elsewhere={
                "fvcore": "half: one flop is one multiply-add",
                "PyTorch FlopCounterMode": "2 × MACs and nothing else",
                "most papers": "FLOPs are multiply-adds: ResNeXt-50's 4.2 G are our 4.230 GMACs, 8.5 GFLOPs",
            },
            aliases=("flop",),
        ),
        Metric(
            key="params",
            unit="elements",
            text=(
                "Elements of learned tensors, each tensor once however often it is used, in the row of the first layer "
                "that uses it, wherever the file keeps it.",
                "Running means and variances are buffers. Shapes, axes, scales, zero points, bounds and indices are "
                "arguments, and neither.",
            ),
            elsewhere={
                "Keras": "total params has the running statistics in it; trainable params are ours",
                "torchinfo": "the same; statistics are no parameters",
                "papers of the Caffe years": "often without BatchNorm, whose scales were a layer of their own",
            },
            aliases=("parameters", "weights"),
        ),
        Metric(
            key="buffers",
            unit="elements",
            text=("Elements that are stored and not learned: BatchNormalization's running mean and variance.",),
            elsewhere={"Keras": "non-trainable params"},
        ),
        Metric(
            key="weight_bytes",
            unit="bytes",
            text=(
                "Bytes of the constants that a layer reads, params and buffers alike, each tensor once at its own "
                "dtype; types narrower than a byte are packed.",
            ),
            elsewhere={},
        ),
        Metric(
            key="input_bytes",
            unit="bytes",
            text=("Bytes of the activations that a layer reads, each once: what a cold cache must fetch at least.",),
            elsewhere={},
        ),
        Metric(
            key="output_bytes",
            unit="bytes",
            text=("Bytes of the activations that a layer writes. Grouping changes neither these nor its inputs.",),
            elsewhere={"torchinfo": "forward/backward pass size: twice the outputs of all layers with params"},
        ),
        Metric(
            key="peak_activation_bytes",
            unit="bytes",
            text=(
                "The largest sum of live activations over the node order: a tensor lives from the layer that writes it "
                "to the last that reads it; a reshape shares the memory of what it views; weights are not in it.",
            ),
            elsewhere={"torchinfo": "has no peak: its pass size adds all layers, whether they live at once or not"},
            aliases=("peak",),
        ),
        Metric(
            key="arithmetic_intensity",
            unit="FLOP/byte",
            text=(
                "FLOPs / (weight bytes + input bytes + output bytes). Below the ridge point of a machine, its FLOP/s "
                "over its bytes/s, memory bounds a layer and not arithmetic.",
                "G groups divide the FLOPs and the weights, but not the activations: a 128→128 3×3 layer at 56×56 "
                "falls from 243 to 8.9 with 32 groups. That is why the clock does not follow 1/G.",
            ),
            elsewhere={},
            aliases=("intensity",),
        ),
        Metric(
            key="dense_macs",
            unit="multiply-adds",
            text=("The MACs of the same layers with one group: MACs × G, convolution by convolution.",),
            elsewhere={},
        ),
        Metric(
            key="dense_params",
            unit="elements",
            text=("The params of the same layers with one group; biases and norms stay as they are.",),
            elsewhere={},
        ),
    )
}


def metric(name: str) -> Metric | None:
    """The metric of that name in any spelling; None when it is none."""
    word = name.lower()
    for found in METRICS.values():
        if word == found.key or word in found.aliases:
            return found
    return None


def metric_data(found: Iterable[Metric]) -> list[dict[str, Any]]:
    """Metrics as data."""
    return [
        {"key": each.key, "unit": each.unit, "text": list(each.text), "elsewhere": dict(each.elsewhere)}
        for each in found
    ]
