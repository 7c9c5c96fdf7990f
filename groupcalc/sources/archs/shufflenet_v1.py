"""ShuffleNet: grouped 1×1 convolutions, and a shuffle that lets the groups exchange channels. (Zhang et al. 2018)"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from groupcalc.graph import Tensor
from groupcalc.sources.archs.arch import BATCH, CLASSES, Arch, Figure, Key, figure, image
from groupcalc.sources.archs.net import Net

CHANNELS: Mapping[int, int] = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}
"""Outputs of stage 2 by groups, twice as many a stage later: chosen so that the cost stays. (table 1)"""

REPEATS = (3, 7, 3)
"""Units of stages 2 to 4 behind the one with stride 2."""


def shufflenet(net: Net, *, groups: int, width: Fraction, classes: int) -> Tensor:
    """`width` scales all channels: ShuffleNet s×. (section 3.3)"""
    x = net.conv_relu("conv1", net.image(), _rounded(24 * width, groups), 3, stride=2)
    x = net.max_pool("maxpool", x, 3, stride=2, padding=1)
    channels = _rounded(CHANNELS[groups] * width, 4 * groups)
    for stage, repeats in enumerate(REPEATS, 2):
        # Section 3.3: no groups in the first 1×1 of stage 2, for its 24 inputs are few.
        x = _unit(net, f"stage{stage}.0", x, channels, 2, groups, 1 if stage == 2 else groups)
        for unit in range(1, repeats + 1):
            x = _unit(net, f"stage{stage}.{unit}", x, channels, 1, groups, groups)
        channels *= 2
    return net.classifier("fc", x, classes)


def _unit(net: Net, name: str, x: Tensor, channels: int, stride: int, groups: int, first_groups: int) -> Tensor:
    """Figure 2 (b), and (c) with stride 2: grouped 1×1, shuffle, 3×3 depthwise, grouped 1×1; then a sum, or beside
    the input pooled. The inner channels are a quarter of the unit's outputs."""
    y = net.conv_relu(f"{name}.conv1", x, channels // 4, groups=first_groups)
    y = net.channel_shuffle(f"{name}.shuffle", y, groups)
    y = net.depthwise(f"{name}.dw", y, stride=stride)
    if stride == 1:
        y = net.conv_bn(f"{name}.conv2", y, channels, groups=groups)
        return net.relu(f"{name}.relu", net.add(f"{name}.add", y, x))
    y = net.conv_bn(f"{name}.conv2", y, channels - x.shape[1], groups=groups)
    pooled = net.avg_pool(f"{name}.pool", x, 3, stride=2, padding=1)
    return net.relu(f"{name}.relu", net.concat(f"{name}.concat", pooled, y))


def _rounded(channels: Fraction, step: int) -> int:
    """The nearest multiple of `step`, at least one: whatever the width, channels and their quarter fall into groups."""
    return max(int(channels / step + Fraction(1, 2)), 1) * step


def _printed(where: str) -> tuple[Figure, ...]:
    """The complexity at each group count: of the convolutions only, the classifier left out."""
    rows = zip(CHANNELS, (143, 140, 137, 133, 137), strict=True)
    return tuple(figure("macs", f"{macs} M", where, op="Conv", groups=groups) for groups, macs in rows)


SHUFFLENET_V1 = Arch(
    name="shufflenet_v1",
    title="ShuffleNet, grouped 1×1 and channel shuffle",
    note="the paper's figures leave the classifier out",
    paper="Zhang, Zhou, Lin, Sun: ShuffleNet, CVPR 2018",
    build=shufflenet,
    keys={
        "groups": Key(default=3, what="groups of the 1×1 convolutions", choices=tuple(CHANNELS)),
        "width": Key(default=Fraction(1), what="s, a multiplier of the channels", most=64),
        "classes": CLASSES,
        "input": image(224),
        "batch": BATCH,
    },
    aliases=(r"shufflenet_?v1",),
    figures=(*_printed("table 1"), figure("macs", "38 M", "table 2", op="Conv", groups=1, width=Fraction(1, 2))),
)
