"""`arch:NAME,key=value,…`: read back as written, no sign for a shell, one line for every mistake."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groupcalc.errors import GroupcalcError
from groupcalc.sources import load
from groupcalc.sources.archs.arch import Key, Value
from groupcalc.sources.archs.grammar import Variant, load_arch, parse_arch
from groupcalc.sources.archs.table import ARCHS
from groupcalc.sources.given import Given
from groupcalc.sources.targets import Target, expand, names_input


def values(key: Key) -> st.SearchStrategy[Value]:
    if key.choices:
        return st.sampled_from(key.choices)
    if isinstance(key.default, Fraction):
        return st.integers(1, key.most * 10**6).map(lambda millionths: Fraction(millionths, 10**6))
    whole = st.integers(1, key.most)
    return whole if isinstance(key.default, int) else st.tuples(whole, whole)


@st.composite
def variants(draw: st.DrawFn) -> Variant:
    arch = draw(st.sampled_from(list(ARCHS.values())))
    return Variant(arch=arch, values={name: draw(values(key)) for name, key in arch.keys.items()})


@given(variants(), st.randoms())
def test_a_variant_reads_back_from_its_words_in_any_order(variant: Variant, order: st.DataObject) -> None:
    text = str(variant)
    assert parse_arch(text) == variant
    name, *words = text.split(",")
    order.shuffle(words)  # type: ignore[attr-defined]
    assert parse_arch(",".join([name, *words])) == variant


@given(variants())
def test_no_shell_needs_quotes(variant: Variant) -> None:
    text = str(variant)
    assert shlex.quote(text) == text or re.fullmatch(r"[a-z0-9_:,=.]+", text)
    assert shlex.split(text) == [text]


@settings(deadline=None)
@given(st.text(st.sampled_from("arch:alexnetgroups=,01289._x-é\n\x1b"), max_size=40))
def test_any_text_is_an_architecture_or_one_line(text: str) -> None:
    found = refusal(lambda: parse_arch(f"arch:{text}"))
    assert found is None or (str(found).isprintable() and found.way_out)


@settings(deadline=None, max_examples=60)
@given(variants())
def test_any_value_in_range_is_built_or_refused_in_one_line(variant: Variant) -> None:
    if int(variant.values.get("depth", 0)) > 100:  # type: ignore[arg-type]
        return
    found = refusal(variant.graph)
    assert found is None or str(found).isprintable()


def refusal(build: Callable[[], object]) -> GroupcalcError | None:
    try:
        build()
    except GroupcalcError as error:
        return error
    return None


ALIASES = [
    ("resnext50_32x4d", "arch:resnext50"),
    ("resnext50_8x14d", "arch:resnext50,groups=8,width=14"),
    ("resnext101_64x4d,input=160", "arch:resnext101,groups=64,input=160"),
    ("resnet50_root16", "arch:resnet50_root"),
    ("resnet50_root_64", "arch:resnet50_root,groups=64"),
    ("mobilenetv1", "arch:mobilenet_v1"),
    ("mobilenet_v1_0.75_160", "arch:mobilenet_v1,width=0.75,input=160"),
    ("mobilenet_v1_0.50", "arch:mobilenet_v1,width=0.5"),
    ("conv_mobilenet", "arch:mobilenet_v1_full"),
    ("mobilenetv2", "arch:mobilenet_v2"),
    ("mobilenet_v2_1.4", "arch:mobilenet_v2,width=1.4"),
    ("shufflenetv1", "arch:shufflenet_v1"),
    ("igc_l32m26", "arch:igc_cifar,groups=32,width=26"),
    ("igc_resnet18_l4m32", "arch:igc_resnet18,groups=4,width=32"),
    ("gdc", "arch:global_depthwise_conv"),
    ("gap", "arch:global_avg_pool"),
]


@pytest.mark.parametrize(("alias", "text"), ALIASES)
def test_the_fields_names_are_aliases(alias: str, text: str) -> None:
    assert str(parse_arch(f"arch:{alias}")) == text


def test_a_key_beside_an_alias_wins() -> None:
    assert str(parse_arch("arch:resnext50_32x4d,groups=8,width=14")) == "arch:resnext50,groups=8,width=14"


def test_no_alias_hides_a_name_or_another_alias() -> None:
    for name in [*ARCHS, *(alias for alias, _ in ALIASES)]:
        bare = name.partition(",")[0]
        fits = {
            arch.name for arch in ARCHS.values() for alias in (arch.name, *arch.aliases) if re.fullmatch(alias, bare)
        }
        assert len(fits) == 1, name


REFUSED = [
    ("resnet5", "there is no architecture 'resnet5' (did you mean 'resnet50'?)"),
    ("", "there is no architecture '' (groupcalc explain arch lists them)"),
    ("resnext50,groups", "'groups' is no key=value (write groups=32)"),
    ("resnext50,", "'' is no key=value (write groups=32)"),
    ("resnext50,group=8", "resnext50 has no key 'group' (did you mean 'groups'?)"),
    ("xception,groups=8", "xception has no key 'groups' (there is: classes, input, batch)"),
    ("resnext50,groups=8,groups=4", "groups is given twice (give it once)"),
    ("resnext50,width=0", "width=0 is not a whole number from 1 up to 65536 (write width=4)"),
    ("resnext50,width=1.5", "width=1.5 is not a whole number from 1 up to 65536 (write width=4)"),
    ("resnext50,width=٣", "width=٣ is not a whole number from 1 up to 65536 (write width=4)"),
    ("mobilenet_v1,width=0", "width=0 is not a multiplier above 0 and up to 64 (write width=1)"),
    ("mobilenet_v1,input=224x", "input=224x is not a size, 224 or 224x192, each number from 1 up to 65536 "
                                "(write input=224)"),
    ("shufflenet_v1,groups=5", "groups=5 is none of its values (use 1, 2, 3, 4, 8)"),
    ("alexnet,groups=3", "layer 'conv2': groups=3 does not divide out_channels=256 (use 1, 2, 4, 8, …)"),
    ("alexnet,input=10", "layer 'conv1': the kernel reaches over 11×11 but the padded input is only 10×10 "
                         "(use a smaller kernel_size or dilation, or more padding)"),
    ("alexnet,input=30", "layer 'pool2': the kernel reaches over 3×3 but the padded input is only 2×2 "
                         "(use a smaller kernel_size or dilation, or more padding)"),
    ("igc_cifar,depth=9", "depth=9 is not 3·B + 2 (use 8 or 11)"),
    ("igc_cifar,depth=1", "depth=1 is not 3·B + 2 (use 5 or 8)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_is_wrong_is_said_with_the_way_out(text: str, message: str) -> None:
    with pytest.raises(GroupcalcError) as caught:
        load(Target(path=f"arch:{text}", kind="arch"), Given())
    assert str(caught.value) == f"arch:{text}: {message}"


def test_an_image_need_not_be_square() -> None:
    graph = load_arch("arch:mobilenet_v1,input=96x160,batch=2")
    assert graph.inputs[0].shape == (2, 3, 96, 160)


def test_a_long_word_is_cut_in_the_message() -> None:
    with pytest.raises(GroupcalcError) as caught:
        parse_arch(f"arch:{'x' * 5000}")
    assert len(str(caught.value)) < 300


def test_an_architecture_is_an_input() -> None:
    assert expand(["arch:alexnet"]) == ([Target(path="arch:alexnet", kind="arch")], [])
    assert names_input("arch:alexnet")
