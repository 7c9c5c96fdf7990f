"""Xception: every convolution behind the stem is depthwise separable. (Chollet 2017, figure 5)"""

from __future__ import annotations

from groupcalc.graph import Tensor
from groupcalc.sources.archs.arch import BATCH, CLASSES, Arch, figure, image
from groupcalc.sources.archs.net import Net


def xception(net: Net, *, classes: int) -> Tensor:
    """Entry flow, eight times the middle flow, exit flow; BatchNorm behind every convolution (figure 5, caption)."""
    x = net.conv("conv1", net.image(), 32, 3, stride=2, bias=False)  # the two of the stem are not padded
    x = net.relu("conv1.relu", net.batch_norm("conv1.bn", x))
    x = net.conv("conv2", x, 64, 3, bias=False)
    x = net.relu("conv2.relu", net.batch_norm("conv2.bn", x))
    for number, channels in enumerate((128, 256, 728), 1):
        x = _shrinking(net, f"entry{number}", x, (channels, channels), relu_first=number > 1)
    for number in range(1, 9):
        y = x
        for part in range(1, 4):
            name = f"middle{number}.sep{part}"
            y = _separable(net, name, net.relu(f"{name}.relu", y), 728)
        x = net.add(f"middle{number}.add", y, x)
    x = _shrinking(net, "exit", x, (728, 1024), relu_first=True)
    for number, channels in enumerate((1536, 2048), 3):
        x = net.relu(f"exit.sep{number}.relu", _separable(net, f"exit.sep{number}", x, channels))
    return net.classifier("fc", x, classes)


def _shrinking(net: Net, name: str, x: Tensor, channels: tuple[int, int], *, relu_first: bool) -> Tensor:
    """Two separable convolutions and pooling by 2, added to a 1×1 convolution with stride 2."""
    y = net.relu(f"{name}.relu", x) if relu_first else x
    y = _separable(net, f"{name}.sep1", y, channels[0])
    y = _separable(net, f"{name}.sep2", net.relu(f"{name}.sep1.relu", y), channels[1])
    y = net.max_pool(f"{name}.pool", y, 3, stride=2, padding=1)
    return net.add(f"{name}.add", y, net.conv_bn(f"{name}.shortcut", x, channels[1], stride=2))


def _separable(net: Net, name: str, x: Tensor, out_channels: int) -> Tensor:
    """3×3 depthwise, then 1×1, with nothing between the two. (sections 1.2 and 4.7)"""
    x = net.conv(f"{name}.dw", x, x.shape[1], 3, padding=1, groups=x.shape[1], bias=False)
    return net.conv_bn(f"{name}.pw", x, out_channels)


XCEPTION = Arch(
    name="xception",
    title="Xception, extreme Inception",
    paper="Chollet: Xception, CVPR 2017",
    build=xception,
    keys={"classes": CLASSES, "input": image(299), "batch": BATCH},
    figures=(figure("params", "22,855,952", "table 3"),),
)
