"""MobileFaceNet: a global depthwise convolution in place of average pooling. (Chen, Liu, Gao, Han 2018, table 1)"""

from __future__ import annotations

from groupcalc.graph import Tensor
from groupcalc.sources.archs.arch import BATCH, Arch, Key, figure, image
from groupcalc.sources.archs.net import Net

ROWS = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))
"""t c n s of the bottlenecks: expansion, channels, repeats, stride of the first."""


def mobilefacenet(net: Net, *, classes: int) -> Tensor:
    """`classes` is the length of the face's feature vector. PReLU throughout, but for the linear layers."""
    x = _conv(net, "conv1", net.image(), 64, 3, stride=2)
    x = _active(net, "conv2", net.depthwise("conv2", x))
    for row, (expansion, channels, repeats, stride) in enumerate(ROWS, 1):
        for block in range(repeats):
            x = _bottleneck(net, f"block{row}.{block}", x, channels, 1 if block else stride, expansion)
    x = _conv(net, "conv3", x, 512)
    x = net.conv("gdc", x, 512, x.shape[2:], groups=512, bias=False)  # section 3.2: the kernel is the whole map
    x = net.conv_bn("embedding", net.batch_norm("gdc.bn", x), classes)
    return net.flatten("flatten", x)


def _bottleneck(net: Net, name: str, x: Tensor, out_channels: int, stride: int, expansion: int) -> Tensor:
    """The inverted residual of MobileNetV2. (section 3.3)"""
    y = _conv(net, f"{name}.expand", x, x.shape[1] * expansion)
    y = _active(net, f"{name}.dw", net.depthwise(f"{name}.dw", y, stride=stride))
    y = net.conv_bn(f"{name}.project", y, out_channels)
    return net.add(f"{name}.add", x, y) if x.shape == y.shape else y


def _conv(net: Net, name: str, x: Tensor, out_channels: int, kernel_size: int = 1, stride: int = 1) -> Tensor:
    return _active(net, name, net.conv_bn(name, x, out_channels, kernel_size, stride=stride))


def _active(net: Net, name: str, x: Tensor) -> Tensor:
    """PReLU with a slope a channel."""
    return net.prelu(f"{name}.prelu", x, x.shape[1])


MOBILEFACENET = Arch(
    name="mobilefacenet",
    title="MobileFaceNet, ends in a global depthwise conv",
    paper="Chen, Liu, Gao, Han: MobileFaceNets, CCBR 2018",
    build=mobilefacenet,
    keys={
        "classes": Key(default=128, what="length of the feature vector", most=10**6),
        "input": image(112),
        "batch": BATCH,
    },
    figures=(
        figure("macs", "221 M", "section 3.3"),
        figure("params", "0.99 M", "section 3.3", reason="the scales of BatchNorm are left out"),
    ),
)
