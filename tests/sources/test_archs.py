"""Architectures by name cost what their papers print: exactly where a figure is exact, else within its rounding."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest

from groupcalc.costs.cost import GraphCost, LayerCost
from groupcalc.costs.model import cost
from groupcalc.sources.archs.arch import Figure
from groupcalc.sources.archs.grammar import Variant, load_arch, parse_arch
from groupcalc.sources.archs.table import ARCHS


def priced(text: str) -> GraphCost:
    return cost(load_arch(f"arch:{text}"))


def rows(text: str) -> dict[str, LayerCost]:
    return {row.name: row for row in priced(text).layers}


def norm_params(found: GraphCost) -> int:
    return sum(row.cost.params for row in found.layers if row.op == "BatchNormalization")


# Standard, group and depthwise convolution.


def test_the_seeds_example_halves_everything_but_the_traffic() -> None:
    dense, grouped = priced("conv").totals, priced("group_conv").totals
    assert dense.params == 64 * 32 * 3 * 3 == 18_432
    assert dense.macs == 64 * 32 * 3 * 3 * 100 * 100 == 184_320_000
    assert (grouped.params, grouped.macs) == (9_216, 92_160_000)
    assert (grouped.input_bytes, grouped.output_bytes) == (dense.input_bytes, dense.output_bytes)


def test_group_convolution_has_a_gth_of_the_weights_for_any_g() -> None:
    for groups in (2, 4, 8, 16, 32):
        found = priced(f"group_conv,groups={groups}").totals
        assert found.params == groups * (64 // groups) * (32 // groups) * 9
        assert found.params * groups == found.dense_params == 18_432


def test_mobilenets_layer_dense_and_separable() -> None:
    """MobileNet, table 3: 3×3, 512 → 512 at 14×14."""
    dense = priced("conv,in_channels=512,out_channels=512,input=14").totals
    assert dense.macs == 14 * 14 * 512 * 512 * 9
    assert (round(dense.macs / 1e6, 1), round(dense.params / 1e6, 2)) == (462.4, 2.36)
    some = priced("separable_conv").totals
    assert some.macs == 14 * 14 * (512 * 9 + 512 * 512)
    assert (round(some.macs / 1e6, 1), round(some.params / 1e6, 2)) == (52.3, 0.27)
    assert priced("depthwise_conv").totals.params == 512 * 3 * 3


def test_global_depthwise_is_average_pooling_with_weights() -> None:
    """MobileFaceNet, section 3.2: 7×7, 512 channels."""
    gdc, gap = priced("global_depthwise_conv").totals, priced("global_avg_pool").totals
    assert gdc.params == gdc.macs == 512 * 7 * 7 == 25_088
    assert (gap.params, gap.macs, gap.flops) == (0, 0, 25_088)
    assert gdc.output_bytes == gap.output_bytes == 512 * 4
    gap_row, gdc_row = priced("gap").layers[0], priced("gdc").layers[0]
    assert gap_row.outputs == gdc_row.outputs == ((1, 512, 1, 1),)


# AlexNet.

ALEXNET = {
    # filters · inputs · kernel + biases; filters · inputs · kernel · places
    "conv1": (96 * 3 * 121 + 96, 96 * 3 * 121 * 55 * 55),
    "conv2": (256 * 48 * 25 + 256, 256 * 48 * 25 * 27 * 27),
    "conv3": (384 * 256 * 9 + 384, 384 * 256 * 9 * 13 * 13),
    "conv4": (384 * 192 * 9 + 384, 384 * 192 * 9 * 13 * 13),
    "conv5": (256 * 192 * 9 + 256, 256 * 192 * 9 * 13 * 13),
    "fc6": (4096 * 9216 + 4096, 4096 * 9216),
    "fc7": (4096 * 4096 + 4096, 4096 * 4096),
    "fc8": (1000 * 4096 + 1000, 1000 * 4096),
}
PRINTED = {
    "conv1": (34_944, 105_415_200),
    "conv2": (307_456, 223_948_800),
    "conv3": (885_120, 149_520_384),
    "conv4": (663_936, 112_140_288),
    "conv5": (442_624, 74_760_192),
    "fc6": (37_752_832, 37_748_736),
    "fc7": (16_781_312, 16_777_216),
    "fc8": (4_097_000, 4_096_000),
}


def test_alexnet_layer_by_layer() -> None:
    """Krizhevsky et al. 2012, figure 2: conv2, 4 and 5 see half of the maps."""
    assert ALEXNET == PRINTED
    found = {name: row for name, row in rows("alexnet").items() if row.cost.params}
    assert {name: (row.cost.params, row.cost.macs) for name, row in found.items()} == ALEXNET
    totals = priced("alexnet").totals
    assert (totals.params, totals.macs) == (60_965_224, 724_406_816)


def test_alexnet_without_groups_is_the_dense_equivalent() -> None:
    grouped, dense = priced("alexnet").totals, priced("alexnet,groups=1").totals
    assert (dense.params, dense.macs) == (grouped.dense_params, grouped.dense_macs)
    assert dense.params == 62_378_344


# ResNeXt and ResNet.


def test_resnext50() -> None:
    """Xie et al. 2017, table 1: 25.0·10⁶ params, 4.2·10⁹ FLOPs, which are multiply-adds; ResNet-50: 25.5, 4.1."""
    totals = priced("resnext50_32x4d").totals
    assert totals.params == 25_028_904
    assert f"{totals.macs / 1e9:.3f}" == "4.230"
    dense = priced("resnext50_1x64d").totals
    assert dense.params == 25_557_032
    assert f"{dense.macs / 1e9:.3f}" == "4.089"


def test_resnet_is_resnext_with_one_group() -> None:
    for depth in (50, 101):
        assert priced(f"resnet{depth}").totals == priced(f"resnext{depth}_1x64d").totals


@pytest.mark.parametrize(
    ("name", "params"),  # as torchvision's pages of these models say
    [("resnext101_32x8d", 88_791_336), ("resnext101_64x4d", 83_455_272), ("resnet101", 44_549_160)],
)
def test_depth_101(name: str, params: int) -> None:
    assert priced(name).totals.params == params


@pytest.mark.parametrize(("groups", "width"), [(1, 64), (2, 40), (4, 24), (8, 14), (32, 4)])
def test_table_2_of_resnext_keeps_the_cost(groups: int, width: int) -> None:
    """Xie et al. 2017, table 2: the weights of a block of conv2 stay near 70 k: C·(256·d + 3·3·d·d + d·256)."""
    block = rows(f"resnext50_{groups}x{width}d")
    found = sum(block[f"layer1.1.conv{number}"].cost.params for number in (1, 2, 3))
    assert found == groups * (256 * width + 9 * width**2 + width * 256)
    assert round(found / 1e4) == 7


ROOTS = {
    # Multiply-adds and parameters of "msrc-resnet-50-mirror-rootN", as the authors publish them.
    1: (3_857_974_312, 25_503_976),
    2: (3_684_566_056, 25_448_680),
    4: (3_366_650_920, 25_126_120),
    8: (2_860_876_840, 23_195_368),
    16: (2_434_581_544, 18_691_048),
    32: (2_221_433_896, 16_438_888),
    64: (2_114_860_072, 15_312_808),
}


@pytest.mark.parametrize("groups", ROOTS)
def test_filter_groups_by_depth(groups: int) -> None:
    """Ioannou et al. 2017; the exact figures are those behind the tables, in yanii/phd-thesis.

    Theirs count one operation for each of 64 biases of the stem and 1,000 of the classifier; the stem's bias is in
    Caffe's ResNet, BatchNorm follows it, and it is no part of the paper's definition. Scales and shifts of BatchNorm,
    a layer of its own in Caffe, they leave out.
    """
    found = priced(f"resnet50_root{groups}")
    macs, params = ROOTS[groups]
    assert found.totals.macs == macs - 64 - 1000
    assert found.totals.params - norm_params(found) + 64 == params


def test_filter_groups_halve_from_stage_to_stage() -> None:
    found = rows("resnet50_root16")
    assert [found[f"layer{stage}.0.conv2"].groups for stage in (1, 2, 3, 4)] == [16, 8, 4, 2]
    assert [rows("resnet50_root2")[f"layer{stage}.0.conv2"].groups for stage in (1, 2, 3, 4)] == [2, 1, 1, 1]
    assert all(row.groups == 1 for name, row in found.items() if not name.endswith("conv2"))


# The mobile ones.


def test_mobilenet_v1() -> None:
    """Howard et al. 2017, table 4: 569 M mult-adds, 4.2 M params; with full convolutions 4866 M, 29.3 M."""
    totals, full = priced("mobilenet_v1").totals, priced("conv_mobilenet").totals
    assert (totals.macs, totals.params) == (568_740_352, 4_231_976)
    assert (full.macs, full.params) == (4_867_293_184, 29_294_088)
    # The two printed figures are counted unlike: 4,866 leaves out the classifier's 1024·1000, 569 does not.
    assert round((full.macs - 1024 * 1000) / 1e6) == 4866
    assert round(totals.macs / 1e6) == 569 != round((totals.macs - 1024 * 1000) / 1e6)


def test_mobilenet_v2() -> None:
    """Sandler et al. 2018, table 4: 300 M. Its 3.4 M params do not follow from its table 2, which gives 3,504,872,
    as torchvision's model has them; the convolutions alone are 2,189,760 and the classifier 1,281,000: 3.47 M."""
    totals = priced("mobilenet_v2").totals
    assert totals.macs == 300_774_272
    assert totals.params == 3_504_872


def test_xception() -> None:
    """Chollet 2017, table 3: 22,855,952 params; Keras calls them trainable, and counts 54,528 statistics beside."""
    totals = priced("xception").totals
    assert totals.params == 22_855_952
    assert totals.params + totals.buffers == 22_910_480


def test_mobilefacenet() -> None:
    """Chen et al. 2018, section 3.3: 221 M MAdds, 0.99 M params."""
    found = priced("mobilefacenet")
    assert found.totals.params == 1_003_136
    assert f"{found.totals.macs / 1e6:.2f}" == "220.97"
    # 0.99 M is what is left without the scales of BatchNorm, half of its params.
    assert round((found.totals.params - norm_params(found) / 2) / 1e6, 2) == 0.99
    gdc = next(row for row in found.layers if row.name == "gdc")
    assert (gdc.cost.params, gdc.cost.macs) == (25_088, 25_088)


SHUFFLENET = {1: 142_502_976, 2: 140_036_512, 3: 136_500_672, 4: 133_251_776, 8: 136_829_952}


@pytest.mark.parametrize("groups", SHUFFLENET)
def test_shufflenet_v1(groups: int) -> None:
    """Zhang et al. 2018, table 1: 143, 140, 137, 133, 137 M, of the convolutions."""
    found = priced(f"shufflenet_v1,groups={groups}")
    assert sum(row.cost.macs for row in found.layers if row.op == "Conv") == SHUFFLENET[groups]


# Interleaved group convolutions.


@pytest.mark.parametrize(("groups", "width", "kernel"), [(24, 2, 3), (4, 32, 3), (16, 16, 3), (6, 4, 5)])
def test_weights_of_an_igc_block(groups: int, width: int, kernel: int) -> None:
    """Zhang et al. 2017: L·M·M·S + M·L·L; for L = 24, M = 2: 864 + 1,152."""
    found = rows(f"igc_block,groups={groups},width={width},kernel_size={kernel}")
    primary, secondary = found["igc.primary"].cost.params, found["igc.secondary"].cost.params
    assert primary == groups * width * width * kernel**2
    assert secondary == width * groups * groups
    if (groups, width, kernel) == (24, 2, 3):
        assert (primary, secondary) == (864, 1_152)


def test_an_igc_block_is_widest_where_l_is_m_times_s() -> None:
    """Zhang et al. 2017: of all blocks with at most so many weights, the one with the most channels L·M has L = M·S."""
    weights = priced("igc_block,groups=36,width=4").totals.params
    assert weights == 2 * 36 * 36 * 4  # L = M·S: both halves are equal
    best = max(
        (groups * width, groups, width)
        for groups in range(1, 300)
        for width in range(1, 60)
        if groups * width * (9 * width + groups) <= weights
    )
    assert best == (36 * 4, 36, 4)


def test_igc_for_imagenet() -> None:
    """The authors' ImageNet results (hellozting/InterleavedGroupConvolutions)."""
    wide = priced("igc_resnet18_wide")
    assert round((wide.totals.params - norm_params(wide)) / 1e6, 2) == 8.61
    assert round(wide.totals.macs / 1e9, 1) == 1.3
    assert round(priced("igc_resnet18_l4m32").totals.macs / 1e9, 1) == 1.9
    found = priced("igc_resnet18")
    shortcuts = sum(row.cost.macs for row in found.layers if row.name.endswith("downsample"))
    assert round((found.totals.macs - shortcuts) / 1e9, 1) == 2.2


def test_igc_for_cifar_has_depth_3b_plus_2() -> None:
    found = priced("igc_l24m2")
    assert sum(row.name.endswith("primary") for row in found.layers) == 38 - 2
    stages = [row for row in found.layers if row.name.endswith(".0.secondary")]
    assert [row.groups for row in stages] == [2, 4, 8]  # M doubles
    assert {row.groups for row in found.layers if row.name.endswith("primary")} == {24}


# Every figure that `explain` shows.

FIGURES = [(name, index) for name, arch in ARCHS.items() for index in range(len(arch.figures))]


def exact(name: str, figure: Figure) -> int:
    variant = parse_arch(f"arch:{name}")
    found = cost(Variant(arch=variant.arch, values={**variant.values, **figure.keys}).graph())
    return sum(getattr(row.cost, figure.of) for row in found.layers if not figure.op or row.op == figure.op)


def rounds_to(count: int, printed: str) -> bool:
    """Whether a count lies within half a unit of the last printed place."""
    number, _, prefix = printed.replace(",", "").partition(" ")
    places = len(number.partition(".")[2])
    unit = Fraction({"": 1, "M": 10**6, "G": 10**9}[prefix], 10**places)
    return abs(count - Fraction(number.replace(".", "")) * unit) * 2 <= unit


@pytest.mark.parametrize(("name", "index"), FIGURES)
def test_a_figure_rounds_to_what_the_paper_prints_or_says_why_not(name: str, index: int) -> None:
    figure = ARCHS[name].figures[index]
    assert rounds_to(exact(name, figure), figure.printed) == (not figure.reason)


@pytest.mark.parametrize(("name", "index"), FIGURES)
def test_a_reason_that_begins_with_a_figure_has_the_right_one(name: str, index: int) -> None:
    figure = ARCHS[name].figures[index]
    stated = re.match(r"[0-9,]+", figure.reason)
    if stated:
        assert int(stated[0].replace(",", "")) == exact(name, figure)


def test_a_printed_figure_is_judged_by_its_last_place() -> None:
    assert rounds_to(4_230_479_872, "4.2 G")
    assert not rounds_to(4_260_000_000, "4.2 G")
    assert rounds_to(22_855_952, "22,855,952")
    assert not rounds_to(22_855_953, "22,855,952")


@pytest.mark.parametrize("name", ARCHS)
def test_every_architecture_is_counted_whole(name: str) -> None:
    found = priced(name)
    assert not found.uncounted
    assert not found.warnings
    assert found.inputs[0].name == "input"
