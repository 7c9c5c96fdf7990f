"""MobileNetV2: inverted residuals, depthwise convolutions between linear bottlenecks. (Sandler et al. 2018, table 2)"""

from __future__ import annotations

from fractions import Fraction

from groupcalc.graph import Tensor
from groupcalc.sources.archs.arch import BATCH, CLASSES, Arch, Key, figure, image
from groupcalc.sources.archs.net import Net

ROWS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""t c n s of table 2: expansion, channels, repeats, stride of the first."""


def mobilenet_v2(net: Net, *, width: Fraction, classes: int) -> Tensor:
    """`width` multiplies every layer, but the last convolution only if it is above 1. (section 4)"""
    x = _conv(net, "stem", net.image(), _rounded(32 * width), 3, stride=2)
    for row, (expansion, channels, repeats, stride) in enumerate(ROWS, 1):
        for block in range(repeats):
            first = stride if block == 0 else 1
            x = _inverted(net, f"block{row}.{block}", x, _rounded(channels * width), first, expansion)
    x = _conv(net, "head", x, _rounded(1280 * max(width, Fraction(1))))
    return net.classifier("fc", x, classes)


def _inverted(net: Net, name: str, x: Tensor, out_channels: int, stride: int, expansion: int) -> Tensor:
    """Table 1: 1×1 to t·k channels, 3×3 depthwise, both with ReLU6; 1×1 without. Figure 3: a sum where shapes agree."""
    y = x if expansion == 1 else _conv(net, f"{name}.expand", x, x.shape[1] * expansion)
    y = net.relu6(f"{name}.dw.relu6", net.depthwise(f"{name}.dw", y, stride=stride))
    y = net.conv_bn(f"{name}.project", y, out_channels)
    return net.add(f"{name}.add", x, y) if x.shape == y.shape else y


def _conv(net: Net, name: str, x: Tensor, out_channels: int, kernel_size: int = 1, stride: int = 1) -> Tensor:
    return net.relu6(f"{name}.relu6", net.conv_bn(name, x, out_channels, kernel_size, stride=stride))


def _rounded(channels: Fraction) -> int:
    """The nearest multiple of 8, but never less than nine tenths: the authors' code rounds so, not the paper."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < channels * Fraction(9, 10) else near


MOBILENET_V2 = Arch(
    name="mobilenet_v2",
    title="MobileNetV2, inverted residuals",
    note="arch:mobilenet_v2_1.4 is width=1.4",
    paper="Sandler, Howard, Zhu, Zhmoginov, Chen: MobileNetV2, CVPR 2018",
    build=mobilenet_v2,
    keys={
        "width": Key(default=Fraction(1), what="a multiplier of the channels", most=64),
        "classes": CLASSES,
        "input": image(224),
        "batch": BATCH,
    },
    aliases=(r"mobilenet_?v2(?:_(?P<width>\d+(?:\.\d+)?)(?:_(?P<input>\d+))?)?",),
    figures=(
        figure("macs", "300 M", "table 4", reason="300,774,272: cut, not rounded"),
        figure("params", "3.4 M", "table 4", reason="3,504,872: the paper's own table 2 gives no 3.4 M"),
    ),
)
