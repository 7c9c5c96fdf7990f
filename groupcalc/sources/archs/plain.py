"""Single layers of every kind of grouping: dense, grouped, depthwise, separable, global depthwise, global average."""

from __future__ import annotations

from groupcalc.graph import Tensor
from groupcalc.sources.archs.arch import BATCH, Arch, Key, figure, image
from groupcalc.sources.archs.net import Net


def conv(net: Net, *, in_channels: int, out_channels: int, kernel_size: int, groups: int = 1) -> Tensor:
    """N·(C/G)·K² weights: each of G groups sees C/G inputs and makes N/G outputs."""
    x = net.image(in_channels)
    return net.conv("conv", x, out_channels, kernel_size, padding=kernel_size // 2, groups=groups, bias=False)


def depthwise(net: Net, *, channels: int, kernel_size: int) -> Tensor:
    """G = C = N: K² weights a channel."""
    return net.conv(
        "conv", net.image(channels), channels, kernel_size, padding=kernel_size // 2, groups=channels, bias=False
    )


def separable(net: Net, *, in_channels: int, out_channels: int, kernel_size: int) -> Tensor:
    """A depthwise K×K convolution, then a dense 1×1."""
    x = depthwise(net, channels=in_channels, kernel_size=kernel_size)
    return net.conv("pointwise", x, out_channels, 1, bias=False)


def global_depthwise(net: Net, *, channels: int) -> Tensor:
    """A depthwise convolution as large as its input: an average with a weight for every place and channel."""
    return net.conv("conv", net.image(channels), channels, net.size, groups=channels, bias=False)


def global_average(net: Net, *, channels: int) -> Tensor:
    """The same with all weights alike, and none of them learned."""
    return net.adaptive_avg_pool("pool", net.image(channels))


IN, OUT = "C, channels of the input", "N, channels of the output"
KERNEL = Key(default=3, what="K", most=1024)
MOBILENET = "Howard et al.: MobileNets, arXiv 1704.04861, 2017"
MOBILEFACENET = "Chen, Liu, Gao, Han: MobileFaceNets, CCBR 2018"
ALEXNET = "Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep CNNs, NIPS 2012"


def _conv(name: str, title: str, paper: str, groups: int) -> Arch:
    grouping = {"groups": Key(default=groups, what="G")} if groups > 1 else {}
    return Arch(
        name=name,
        title=title,
        paper=paper,
        build=conv,
        keys={
            "in_channels": Key(default=32, what=IN),
            "out_channels": Key(default=64, what=OUT),
            "kernel_size": KERNEL,
            **grouping,
            "input": image(100),
            "batch": BATCH,
        },
    )


PLAIN = (
    _conv("conv", "one convolution that keeps the size", "LeCun et al.: Gradient-Based Learning, 1998", groups=1),
    _conv("group_conv", "the same in G groups", ALEXNET, groups=2),
    Arch(
        name="depthwise_conv",
        title="one with as many groups as channels",
        paper=MOBILENET,
        build=depthwise,
        keys={
            "channels": Key(default=512, what="C = N = G"),
            "kernel_size": KERNEL,
            "input": image(14),
            "batch": BATCH,
        },
    ),
    Arch(
        name="separable_conv",
        title="a depthwise convolution and a dense 1×1",
        paper=MOBILENET,
        build=separable,
        keys={
            "in_channels": Key(default=512, what=IN),
            "out_channels": Key(default=512, what=OUT),
            "kernel_size": KERNEL,
            "input": image(14),
            "batch": BATCH,
        },
        figures=(figure("macs", "52.3 M", "table 3"), figure("params", "0.27 M", "table 3")),
    ),
    Arch(
        name="global_depthwise_conv",
        title="depthwise, its kernel the whole image: C×1×1",
        note="also as arch:gdc",
        paper=MOBILEFACENET,
        build=global_depthwise,
        keys={"channels": Key(default=512, what="C = N = G"), "input": image(7), "batch": BATCH},
        aliases=("gdc",),
    ),
    Arch(
        name="global_avg_pool",
        title="global average pooling, no weights",
        note="also as arch:gap",
        paper="Lin, Chen, Yan: Network in Network, ICLR 2014",
        build=global_average,
        keys={"channels": Key(default=512, what="C"), "input": image(7), "batch": BATCH},
        aliases=("gap",),
    ),
)
