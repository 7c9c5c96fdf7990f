"""Deep Roots: filter groups that thin out with depth. (Ioannou, Robertson, Cipolla, Criminisi 2017)"""

from __future__ import annotations

from groupcalc.graph import Tensor
from groupcalc.sources.archs.arch import BATCH, CLASSES, Arch, Key, figure, image
from groupcalc.sources.archs.net import Net
from groupcalc.sources.archs.resnext import bottlenecks


def resnet50_root(net: Net, *, groups: int, classes: int) -> Tensor:
    """The 3×3 convolutions of res2 to res5 in N, N/2, N/4 and N/8 groups, in one where that is less."""
    by_stage = [max(groups >> stage, 1) for stage in range(4)]
    return bottlenecks(net, 50, by_stage, 64, classes, stride_first=True)


STEM_BIAS = "their stem has 64 biases, and their BatchNorm 53,120 scales and shifts that they leave out"

RESNET50_ROOT = Arch(
    name="resnet50_root",
    title="ResNet-50 with filter groups by depth",
    note="root-16 has 16, 8, 4 and 2 groups; also as arch:resnet50_root16",
    paper="Ioannou, Robertson, Cipolla, Criminisi: Deep Roots, CVPR 2017",
    build=resnet50_root,
    keys={
        "groups": Key(default=16, what="N, the groups of the first stage", choices=(1, 2, 4, 8, 16, 32, 64)),
        "classes": CLASSES,
        "input": image(224),
        "batch": BATCH,
    },
    aliases=(r"resnet50_root_?(?P<groups>\d+)",),
    figures=(
        figure("macs", "3.86 G", "results, ResNet 50", groups=1),
        figure("params", "25.5 M", "results, ResNet 50", groups=1, reason=STEM_BIAS),
        figure("macs", "2.43 G", "results, root-16"),
        figure("params", "18.7 M", "results, root-16"),
        figure("macs", "2.11 G", "results, root-64", groups=64),
        figure("params", "15.3 M", "results, root-64", groups=64, reason=STEM_BIAS),
    ),
)
