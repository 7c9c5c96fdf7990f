"""Plans for a GPU are launchable, cover every output once, and follow the shape and the number of processors."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, prod
from typing import Any

import numpy as np
import pytest

from groupcalc.conv import Conv, conv
from groupcalc.kernels.cuda import grouped, planes, strips
from groupcalc.kernels.cuda.blocking import cuts
from groupcalc.kernels.cuda.device import Gpu
from groupcalc.kernels.cuda.plan import BLOCK_LAYERS, GRID, SHARED_FLOATS, Plan, even
from groupcalc.kernels.cuda.table import KERNELS, plan
from tests.kernels.cuda.test_device import GROUPED

LARGE = Gpu(name="large", processors=132, shared_floats=228 * 256, l2_bytes=50 << 20)
ONE = Gpu(name="one", processors=1, shared_floats=228 * 256, l2_bytes=50 << 20)
SMALL = Gpu(name="small", processors=2, shared_floats=64 * 256, l2_bytes=1 << 20)


def sums(found: Plan) -> int:
    """Sums of a thread."""
    return found.literals["R"] * found.literals.get("TM", 1) * found.literals.get("V", 1)


@pytest.mark.parametrize("seed", range(60))
def test_every_plan_can_be_launched(seed: int, drawn: Callable[..., Conv]) -> None:
    found = drawn(np.random.default_rng(seed), rank=1 + seed % 3)
    for gpu in (LARGE, SMALL):
        for kernel in KERNELS.values():
            planned = kernel.fit(found, gpu)
            if planned is None or not found.batch:
                continue
            assert prod(planned.block) * 255 <= 65536  # registers: at most 255 a thread, 65,536 a block
            assert planned.block[2] <= BLOCK_LAYERS
            assert planned.shared <= SHARED_FLOATS
            assert all(1 <= blocks <= most for blocks, most in zip(planned.grid, GRID, strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_the_threads_of_a_grouped_plan_have_a_sum_for_every_output(seed: int, drawn: Callable[..., Conv]) -> None:
    found = drawn(np.random.default_rng(seed), rank=2, batch=3)
    for cut in cuts(found):
        out_group = found.out_channels // found.groups
        assert cut.tiles * cut.block_channels >= out_group
        assert cut.grid[0] // cut.tiles * cut.groups >= found.groups
        assert cut.grid[1] // cut.col_blocks * cut.strips * cut.rows >= found.out_size[0]
        assert cut.col_blocks * cut.columns >= found.out_size[1]
        assert cut.grid[2] * cut.images >= found.batch
        assert cut.groups == 1 or (cut.tiles == 1 and cut.chunk == found.in_channels // found.groups)


def test_the_cases_of_a_device_have_last_blocks_that_are_not_full() -> None:
    images, groups = (
        min(cuts(conv(kernel_size=3, padding=1, **GROUPED[name])), key=lambda cut: cut.cycles(ONE))
        for name in ("images-together", "groups-together")
    )
    assert images.conv.batch % images.images > 0
    assert groups.conv.groups % groups.groups > 0


@pytest.mark.parametrize("seed", range(20))
def test_grouped_weights_stand_where_their_indices_say(seed: int, drawn: Callable[..., Conv]) -> None:
    found = drawn(np.random.default_rng(seed), rank=2, batch=1)
    planned = grouped.fit(found, LARGE)
    assert planned is not None
    rng = np.random.default_rng(seed)
    w, bias = rng.standard_normal(found.weight_shape, "f4"), rng.standard_normal(found.out_channels, "f4")
    packed, biases = grouped.pack(planned, w, bias)
    assert packed.shape == planned.packed_shape
    out_group, width = found.out_channels // found.groups, planned.packed_shape[-1]
    for oc in range(found.out_channels):
        group, own = divmod(oc, out_group)
        part, lane = divmod(own, width)
        np.testing.assert_array_equal(packed[group, part, :, :, :, lane], w[oc].transpose(0, 2, 1))
        assert biases.reshape(found.groups, -1)[group, own] == bias[oc]
    assert np.count_nonzero(packed) == np.count_nonzero(w)


# --- what the shape decides -----------------------------------------------------------------------------------------


def depthwise(channels: int, size: int, kernel: int = 3, **given: Any) -> Conv:
    return conv(channels, channels, kernel, (size, size), **({"padding": kernel // 2} | given), groups=channels)


@pytest.mark.parametrize(
    ("size", "stride", "stored", "loaded"),
    [
        (56, 1, 4, 4),  # rows of 14 · 4
        (56, 2, 4, 4),  # 28 outputs are 7 · 4, and their inputs start at multiples of 8
        (28, 2, 2, 4),  # 14 outputs are 7 · 2, and their inputs start at multiples of 4
        (30, 1, 2, 2),  # rows of 15 · 2
        (113, 1, 1, 1),  # a prime
    ],
)
def test_accesses_are_as_wide_as_the_rows_allow(size: int, stride: int, stored: int, loaded: int) -> None:
    found = strips.fit(depthwise(64, size, stride=stride), LARGE)
    assert found is not None
    assert (found.literals["V"], found.literals["Q"]) == (stored, loaded)


def test_small_planes_with_odd_rows_go_through_shared_memory() -> None:
    assert plan(depthwise(960, 7), LARGE).kernel == "planes"
    assert plan(depthwise(512, 14), LARGE).kernel == "planes"
    assert plan(depthwise(256, 28), LARGE).kernel == "strips"  # 7 · 4
    assert plan(depthwise(64, 113), LARGE).kernel == "strips"  # two planes of 113² numbers are past 24 KiB


def test_neighbouring_planes_are_copied_in_whole_accesses_where_runs_start_at_one() -> None:
    # 49 numbers a plane: 4 planes are the first whole number of accesses of four.
    whole = planes.fit(depthwise(960, 7, batch=8), LARGE)
    assert whole is not None
    assert whole.literals["Q"] == 4
    assert whole.block[2] % 4 == 0
    # With 33 channels the second image starts at 33·49, no multiple of four.
    odd = planes.fit(depthwise(33, 7, batch=8), LARGE)
    assert odd is not None
    assert odd.literals["Q"] == 1


@pytest.mark.parametrize("given", [depthwise(128, 56), conv(256, 256, 3, (28, 28), padding=1, groups=32)])
def test_few_images_get_smaller_tiles_so_that_every_processor_has_work(given: Conv) -> None:
    from dataclasses import replace

    few, many = plan(given, LARGE), plan(replace(given, batch=64), LARGE)
    assert sums(few) < sums(many)
    assert prod(few.grid) >= LARGE.processors


def test_tiles_divide_the_rows_of_usual_planes() -> None:
    for size in (7, 14, 28, 56):
        found = plan(conv(256, 256, 3, (size, size), padding=1, groups=32, batch=64), LARGE)
        assert size % found.literals["R"] == 0


def test_three_axes_and_tall_kernels_go_to_the_general_kernel() -> None:
    assert plan(conv(4, 4, 3, (5, 5, 5)), LARGE).kernel == "general"
    assert plan(conv(4, 4, (12, 1), (20, 20)), LARGE).kernel == "general"


def test_a_batch_past_the_grid_goes_to_a_kernel_that_can_hold_it() -> None:
    # 65,535 blocks are all that the grid's third axis holds, and strips give each image its own.
    assert plan(depthwise(4, 8, batch=65535), LARGE).kernel == "strips"
    found = plan(depthwise(4, 8, batch=65536), LARGE)
    assert found.kernel != "strips"
    assert found.launchable


def test_offsets_past_32_bits_go_to_the_general_kernel() -> None:
    assert plan(conv(1, 1, 3, (46341, 46341)), LARGE).kernel == "general"  # 46,341² > 2³¹


def test_even_parts_are_as_few_as_hold_the_most() -> None:
    assert even(112, 64) == 56
    assert even(64, 64) == 64
    assert even(65, 64) == 33
    assert ceil(65 / even(65, 64)) == 2
