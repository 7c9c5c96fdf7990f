"""ResNeXt and ResNet: bottlenecks whose 3×3 convolution has C groups of d channels. (Xie et al. 2017, table 1)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from groupcalc.graph import Tensor
from groupcalc.sources.archs.arch import BATCH, CLASSES, Arch, Figure, Key, figure, image
from groupcalc.sources.archs.net import Net

DEPTHS: Mapping[int, tuple[int, ...]] = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
"""Bottlenecks of conv2 to conv5. (He et al. 2016, table 1)"""


def resnext(net: Net, *, depth: int, groups: int, width: int, classes: int) -> Tensor:
    """Any C×d: `groups` is the cardinality C, `width` the d of conv2."""
    return bottlenecks(net, depth, [groups] * 4, groups * width, classes)


def resnet(net: Net, *, depth: int, width: int, classes: int) -> Tensor:
    """The same with one group: 1×64d is ResNet."""
    return bottlenecks(net, depth, [1] * 4, width, classes)


def bottlenecks(
    net: Net, depth: int, groups: Sequence[int], inner: int, classes: int, stride_first: bool = False
) -> Tensor:
    """A 7×7 stem, four stages whose 3×3 convolutions have `groups[stage]` groups and inner·2^stage channels."""
    x = net.max_pool("maxpool", net.conv_relu("conv1", net.image(), 64, 7, stride=2), 3, stride=2, padding=1)
    for stage, blocks in enumerate(DEPTHS[depth]):
        for block in range(blocks):
            stride = 2 if stage and not block else 1  # the first block of conv3 to conv5 halves the size
            name = f"layer{stage + 1}.{block}"
            x = _bottleneck(net, name, x, inner << stage, 256 << stage, stride, groups[stage], stride_first)
    return net.classifier("fc", x, classes)


def _bottleneck(
    net: Net, name: str, x: Tensor, inner: int, out_channels: int, stride: int, groups: int, stride_first: bool
) -> Tensor:
    """1×1, 3×3 in groups, 1×1, added to the input, which a 1×1 brings to the same shape where need be (option B).

    The stride is the 3×3's, as in the authors' Torch code; He et al. have it in the first 1×1 (`stride_first`).
    """
    strides = (stride, 1) if stride_first else (1, stride)
    y = net.conv_relu(f"{name}.conv1", x, inner, stride=strides[0])
    y = net.conv_relu(f"{name}.conv2", y, inner, 3, stride=strides[1], groups=groups)
    y = net.conv_bn(f"{name}.conv3", y, out_channels)
    if x.shape != y.shape:
        x = net.conv_bn(f"{name}.downsample", x, out_channels, stride=stride)
    return net.relu(f"{name}.relu", net.add(f"{name}.add", y, x))


PAPER = "Xie, Girshick, Dollár, Tu, He: Aggregated Residual Transformations, CVPR 2017"


def _resnext(depth: int, figures: tuple[Figure, ...]) -> Arch:
    return Arch(
        name=f"resnext{depth}",
        title=f"ResNeXt-{depth} C×d",
        note=f"any C×d as arch:resnext{depth}_32x4d",
        paper=PAPER,
        build=partial(resnext, depth=depth),
        keys={
            "groups": Key(default=32, what="C, the cardinality"),
            "width": Key(default=4, what="d, channels of a group in the first stage"),
            "classes": CLASSES,
            "input": image(224),
            "batch": BATCH,
        },
        aliases=(rf"resnext{depth}_(?P<groups>\d+)x(?P<width>\d+)d",),
        figures=figures,
    )


def _resnet(depth: int, figures: tuple[Figure, ...]) -> Arch:
    return Arch(
        name=f"resnet{depth}",
        title=f"ResNet-{depth}",
        note=f"the stride is in the 3×3 convolutions; it is arch:resnext{depth}_1x64d",
        paper=f"He, Zhang, Ren, Sun: Deep Residual Learning, CVPR 2016; {PAPER}",
        build=partial(resnet, depth=depth),
        keys={
            "width": Key(default=64, what="channels of the 3×3 convolutions in the first stage"),
            "classes": CLASSES,
            "input": image(224),
            "batch": BATCH,
        },
        figures=figures,
    )


RESNEXTS = (
    _resnext(50, (figure("params", "25.0 M", "table 1"), figure("macs", "4.2 G", "table 1"))),
    _resnext(101, ()),
    _resnet(
        50,
        (
            figure("params", "25.5 M", "Xie, table 1", reason="25,557,032: cut, not rounded"),
            figure("macs", "4.1 G", "Xie, table 1"),
        ),
    ),
    _resnet(101, ()),
)
