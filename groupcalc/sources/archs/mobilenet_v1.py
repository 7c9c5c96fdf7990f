"""MobileNet: depthwise separable convolutions, and the same network with full ones. (Howard et al. 2017, table 1)"""

from __future__ import annotations

from fractions import Fraction
from functools import partial

from groupcalc.graph import Tensor
from groupcalc.sources.archs.arch import BATCH, CLASSES, Arch, Key, figure, image
from groupcalc.sources.archs.net import Net

ROWS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
"""Outputs and stride of each separable convolution. Table 1 gives the last a stride of 2, but also an input and an
output of 7×7: it is 1."""


def mobilenet(net: Net, *, separable: bool, width: Fraction, classes: int) -> Tensor:
    """`width` is the paper's α: α·M inputs and α·N outputs for every layer. (section 3.3)"""
    x = net.conv_relu("conv1", net.image(), _scaled(32, width), 3, stride=2)
    for number, (out_channels, stride) in enumerate(ROWS, 2):
        if separable:  # figure 3: BatchNorm and ReLU behind both
            x = net.relu(f"conv{number}.dw.relu", net.depthwise(f"conv{number}.dw", x, stride=stride))
            x = net.conv_relu(f"conv{number}.pw", x, _scaled(out_channels, width))
        else:
            x = net.conv_relu(f"conv{number}", x, _scaled(out_channels, width), 3, stride=stride)
    return net.classifier("fc", x, classes)


def _scaled(channels: int, width: Fraction) -> int:
    """Rounded down, at least 1."""
    return max(int(channels * width), 1)


PAPER = "Howard et al.: MobileNets, arXiv 1704.04861, 2017"
KEYS = {
    "width": Key(default=Fraction(1), what="α, a multiplier of all channels", most=64),
    "classes": CLASSES,
    "input": image(224),
    "batch": BATCH,
}

MOBILENETS_V1 = (
    Arch(
        name="mobilenet_v1",
        title="MobileNet, depthwise separable",
        note="arch:mobilenet_v1_0.75_160 is width=0.75,input=160",
        paper=PAPER,
        build=partial(mobilenet, separable=True),
        keys=KEYS,
        aliases=(r"mobilenet_?v1(?:_(?P<width>\d+(?:\.\d+)?)(?:_(?P<input>\d+))?)?",),
        figures=(
            figure("macs", "569 M", "table 4"),
            figure("params", "4.2 M", "table 4"),
            figure("macs", "325 M", "table 6", width=Fraction(3, 4)),
            figure("params", "2.6 M", "table 6", width=Fraction(3, 4)),
            figure("macs", "149 M", "table 6", width=Fraction(1, 2)),
            figure("params", "1.3 M", "table 6", width=Fraction(1, 2)),
            figure("macs", "41 M", "table 6", width=Fraction(1, 4)),
            figure("params", "0.5 M", "table 6", width=Fraction(1, 4)),
            figure("macs", "418 M", "table 7", input=(192, 192)),
            figure("macs", "290 M", "table 7", input=(160, 160), reason="290,675,200: cut, not rounded"),
            figure("macs", "186 M", "table 7", input=(128, 128)),
        ),
    ),
    Arch(
        name="mobilenet_v1_full",
        title="the same with full 3×3 convolutions",
        note="the paper's Conv MobileNet, also as arch:conv_mobilenet",
        paper=PAPER,
        build=partial(mobilenet, separable=False),
        keys=KEYS,
        aliases=("conv_mobilenet",),
        figures=(
            figure("macs", "4866 M", "table 4", op="Conv"),  # the classifier's 1 M, in the 569 M above, is left out
            figure("params", "29.3 M", "table 4"),
        ),
    ),
)
