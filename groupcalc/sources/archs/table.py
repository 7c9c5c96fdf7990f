"""The table of architectures by name."""

from __future__ import annotations

from collections.abc import Mapping

from groupcalc.sources.archs.alexnet import ALEXNET
from groupcalc.sources.archs.arch import Arch
from groupcalc.sources.archs.deep_roots import RESNET50_ROOT
from groupcalc.sources.archs.igc import IGCS
from groupcalc.sources.archs.mobilefacenet import MOBILEFACENET
from groupcalc.sources.archs.mobilenet_v1 import MOBILENETS_V1
from groupcalc.sources.archs.mobilenet_v2 import MOBILENET_V2
from groupcalc.sources.archs.plain import PLAIN
from groupcalc.sources.archs.resnext import RESNEXTS
from groupcalc.sources.archs.shufflenet_v1 import SHUFFLENET_V1
from groupcalc.sources.archs.xception import XCEPTION

ARCHS: Mapping[str, Arch] = {
    arch.name: arch
    for arch in (
        ALEXNET, *RESNEXTS, RESNET50_ROOT, *MOBILENETS_V1, MOBILENET_V2, XCEPTION, MOBILEFACENET, SHUFFLENET_V1, *IGCS,
        *PLAIN,
    )
}  # fmt: skip
