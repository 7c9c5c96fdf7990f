"""IGC: a grouped K×K convolution and a grouped 1×1 across its groups, with a permutation before and after the second.
(Zhang, Qi, Xiao, Wang 2017)"""

from __future__ import annotations

from functools import partial

from groupcalc.errors import GeometryError
from groupcalc.graph import Tensor
from groupcalc.sources.archs.arch import BATCH, CLASSES, Arch, Key, figure, image
from groupcalc.sources.archs.net import Net


def interleaved(
    net: Net, name: str, x: Tensor, groups: int, width: int, *, kernel_size: int = 3, stride: int = 1
) -> Tensor:
    """The block of section 3: L = `groups` partitions of M = `width` channels, K×K; then M partitions of L, 1×1."""
    padding = kernel_size // 2
    x = net.conv(
        f"{name}.primary", x, groups * width, kernel_size, stride=stride, padding=padding, groups=groups, bias=False
    )
    x = net.channel_shuffle(f"{name}.permute", x, groups)  # the m-th channels of all L partitions come together
    x = net.conv(f"{name}.secondary", x, groups * width, 1, groups=width, bias=False)
    return net.channel_shuffle(f"{name}.back", x, width)


def block(net: Net, *, groups: int, width: int, kernel_size: int) -> Tensor:
    """One block alone."""
    return interleaved(net, "igc", net.image(groups * width), groups, width, kernel_size=kernel_size)


def _block_bn(net: Net, name: str, x: Tensor, groups: int, width: int, stride: int) -> Tensor:
    return net.batch_norm(f"{name}.bn", interleaved(net, name, x, groups, width, stride=stride))


def cifar(net: Net, *, groups: int, width: int, depth: int, classes: int) -> Tensor:
    """The plain networks: a 3×3 stem and three stages of B blocks, depth 3·B + 2; M doubles by stage."""
    blocks, rest = divmod(depth - 2, 3)
    if rest or blocks < 1:
        near = max(blocks, 1) * 3 + 2
        raise GeometryError(f"depth={depth} is not 3·B + 2", f"use {near} or {near + 3}")
    x = net.conv_relu("conv1", net.image(), groups * width, 3)
    for stage in range(3):
        for number in range(blocks):
            name, stride = f"stage{stage + 1}.{number}", 2 if stage and not number else 1
            x = net.relu(f"{name}.relu", _block_bn(net, name, x, groups, width << stage, stride))
    return net.classifier("fc", x, classes)


def imagenet(net: Net, *, groups: int, width: int, classes: int, double_groups: bool) -> Tensor:
    """ResNet-18 of blocks: M doubles by stage, or L where `double_groups`."""
    # The authors' network that doubles L begins with half the channels of its first stage.
    stem = groups * width // 2 if double_groups else groups * width
    x = net.max_pool("maxpool", net.conv_relu("conv1", net.image(), stem, 7, stride=2), 3, stride=2, padding=1)
    for stage in range(4):
        for number in range(2):
            primary, each = (groups << stage, width) if double_groups else (groups, width << stage)
            x = _residual(net, f"layer{stage + 1}.{number}", x, primary, each, 2 if stage and not number else 1)
    return net.classifier("fc", x, classes)


def _residual(net: Net, name: str, x: Tensor, groups: int, width: int, stride: int) -> Tensor:
    """Two blocks, added to the input; where shapes differ a 1×1 brings it along, grouped like the primary ones."""
    y = net.relu(f"{name}.igc1.relu", _block_bn(net, f"{name}.igc1", x, groups, width, stride))
    y = _block_bn(net, f"{name}.igc2", y, groups, width, 1)
    if x.shape != y.shape:
        x = net.conv_bn(f"{name}.downsample", x, groups * width, stride=stride, groups=groups)
    return net.relu(f"{name}.relu", net.add(f"{name}.add", x, y))


PAPER = "Zhang, Qi, Xiao, Wang: Interleaved Group Convolutions, ICCV 2017"
PARTITIONS = "L, partitions of the primary convolution"
CHANNELS = "M, channels of each"
RESULTS = "the authors' ImageNet results"

IGCS = (
    Arch(
        name="igc_block",
        title="one interleaved group convolution",
        note="L·M·M·K² + M·L·L weights, widest where L = M·K²",
        paper=PAPER,
        build=block,
        keys={
            "groups": Key(default=24, what=PARTITIONS),
            "width": Key(default=2, what=CHANNELS),
            "kernel_size": Key(default=3, what="K", most=1024),
            "input": image(32),
            "batch": BATCH,
        },
    ),
    Arch(
        name="igc_cifar",
        title="plain network of such blocks for CIFAR",
        note="arch:igc_l24m2 is groups=24,width=2",
        paper=PAPER,
        build=cifar,
        keys={
            "groups": Key(default=24, what=PARTITIONS),
            "width": Key(default=2, what=f"{CHANNELS} in the first stage"),
            "depth": Key(default=38, what="3·B + 2, with B blocks a stage", most=3002),
            "classes": Key(default=10, what="outputs of the classifier", most=10**6),
            "input": image(32),
            "batch": BATCH,
        },
        aliases=(r"igc_l(?P<groups>\d+)m(?P<width>\d+)",),
    ),
    Arch(
        name="igc_resnet18",
        title="ResNet-18 of such blocks, M doubles by stage",
        note="IGC-L16M16+Ident.; L4M32 is arch:igc_resnet18_l4m32",
        paper=PAPER,
        build=partial(imagenet, double_groups=False),
        keys={
            "groups": Key(default=16, what=PARTITIONS),
            "width": Key(default=16, what=f"{CHANNELS} in the first stage"),
            "classes": CLASSES,
            "input": image(224),
            "batch": BATCH,
        },
        aliases=(r"igc_resnet18_l(?P<groups>\d+)m(?P<width>\d+)",),
        figures=(
            figure("macs", "2.2 G", RESULTS, reason="2,265,989,120; 2.2 without the 1×1 of the shortcuts"),
            figure("macs", "1.9 G", RESULTS, groups=4, width=32),
        ),
    ),
    Arch(
        name="igc_resnet18_wide",
        title="ResNet-18 of such blocks, L doubles by stage",
        note="IGC-L100M2+Ident.",
        paper=PAPER,
        build=partial(imagenet, double_groups=True),
        keys={
            "groups": Key(default=100, what=f"{PARTITIONS} in the first stage"),
            "width": Key(default=2, what=CHANNELS),
            "classes": CLASSES,
            "input": image(224),
            "batch": BATCH,
        },
        figures=(
            figure("params", "8.61 M", RESULTS, reason="the 30,200 scales and shifts of BatchNorm are left out"),
            figure("macs", "1.3 G", RESULTS),
        ),
    ),
)
