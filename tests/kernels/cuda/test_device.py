"""Every kernel on a GPU keeps the bound, and arrays stay on the side on which they were given.

The same tests run in Numba's simulator (test_simulator) and, with -m gpu, on a device, where the wide draw joins them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from groupcalc import kernels
from groupcalc.conv import Conv, conv
from groupcalc.errors import GeometryError
from groupcalc.kernels.cuda import general, grouped, planes, probes, strips
from groupcalc.kernels.cuda.device import Gpu, gpu, simulated
from groupcalc.kernels.cuda.plan import DTYPES
from groupcalc.kernels.cuda.table import plan
from groupcalc.kernels.reference import convolve

pytestmark = pytest.mark.gpu

Draw = Callable[..., Conv]
Check = Callable[..., None]


# --- every kernel keeps the bound -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(9))
def test_any_geometry_keeps_the_bound(seed: int, small: Draw, keeps_the_bound: Check) -> None:
    found = small(np.random.default_rng(seed), rank=1 + seed % 3, dtype=list(DTYPES)[seed % 2])
    keeps_the_bound(general.fit(found, gpu()), seed)


STRIPS = {
    "rows-of-four": {"in_size": (9, 8), "kernel_size": 3, "padding": 1},
    "stride-two": {"in_size": (8, 8), "kernel_size": 3, "padding": 1, "stride": 2},
    "rows-of-two": {"in_size": (5, 6), "kernel_size": 5, "padding": 2},
    "odd-rows": {"in_size": (6, 7), "kernel_size": 3, "padding": ((2, 0), (0, 1)), "stride": (3, 1)},
    "dilated": {"in_size": (8, 8), "kernel_size": 3, "padding": 2, "dilation": 2},
    "two-outputs-a-channel": {"in_size": (6, 8), "kernel_size": 3, "padding": 1, "out_channels": 6},
    "one-axis": {"in_size": (20,), "kernel_size": 5, "padding": 2},
    "far-padding": {"in_size": (2, 4), "kernel_size": 3, "padding": 5},
    "all-of-the-plane": {"in_size": (4, 4), "kernel_size": 4},
    "a-channel-left-over": {"in_size": (4, 4), "kernel_size": 3, "in_channels": 65, "out_channels": 65, "groups": 65},
    "a-column-left-over": {"in_size": (2, 67), "kernel_size": 3, "padding": 1},
}


@pytest.mark.parametrize("geometry", STRIPS.values(), ids=STRIPS)
def test_strips_of_depthwise_outputs_keep_the_bound(
    geometry: dict[str, Any], dtype: str, keeps_the_bound: Check, planned_for: Gpu
) -> None:
    given = {"in_channels": 3, "out_channels": 3, "groups": 3, "batch": 2, "dtype": dtype} | geometry
    found = strips.fit(conv(**given), planned_for)
    assert found is not None
    keeps_the_bound(found, seed=1)


PLANES = {
    "7×7": {"in_size": (7, 7), "kernel_size": 3, "padding": 1},
    "whole-accesses": {"in_size": (7, 7), "kernel_size": 3, "padding": 1, "in_channels": 8},
    "14×14": {"in_size": (14, 14), "kernel_size": 3, "padding": 1, "batch": 1},
    "stride-two": {"in_size": (7, 6), "kernel_size": 5, "padding": 2, "stride": 2},
    "dilated": {"in_size": (7, 5), "kernel_size": 3, "padding": ((4, 1), (2, 2)), "dilation": 2},
    "to-one-pixel": {"in_size": (7, 7), "kernel_size": 7},
    "one-axis": {"in_size": (13,), "kernel_size": 3},
}


@pytest.mark.parametrize("geometry", PLANES.values(), ids=PLANES)
def test_whole_planes_in_shared_memory_keep_the_bound(
    geometry: dict[str, Any], dtype: str, keeps_the_bound: Check
) -> None:
    channels = geometry.get("in_channels", 5)
    given = {"in_channels": channels, "out_channels": channels, "groups": channels, "batch": 2, "dtype": dtype}
    found = planes.fit(conv(**(given | geometry)), gpu())
    assert found is not None
    keeps_the_bound(found, seed=2)


GROUPED = {
    "few-channels": {"in_channels": 8, "out_channels": 8, "groups": 2},
    "odd-channels": {"in_channels": 9, "out_channels": 15, "groups": 3, "in_size": (5, 3)},
    "images-together": {"in_channels": 4, "out_channels": 8, "in_size": (3, 3), "batch": 17},
    "groups-together": {"in_channels": 34, "out_channels": 68, "in_size": (3, 3), "batch": 1, "groups": 17},
    "stride-two": {"in_channels": 4, "out_channels": 4, "groups": 2, "stride": 2, "in_size": (7, 8)},
    "dilated": {"in_channels": 2, "out_channels": 4, "dilation": 2, "padding": 2},
    "one-sided-padding": {"in_channels": 2, "out_channels": 3, "padding": ((0, 2), (1, 0))},
    "pointwise": {"in_channels": 12, "out_channels": 10, "groups": 2, "kernel_size": 1, "padding": 0, "batch": 1},
    "more-outputs-than-inputs": {"in_channels": 2, "out_channels": 12, "groups": 2},
    "two-blocks-a-row": {"in_channels": 1, "out_channels": 2, "in_size": (2, 76), "batch": 1},
    "a-column-left-over": {"in_channels": 1, "out_channels": 2, "in_size": (2, 67), "batch": 1},
    "one-axis": {"in_channels": 4, "out_channels": 6, "groups": 2, "in_size": (20,)},
    "wide-kernel": {"in_channels": 2, "out_channels": 4, "kernel_size": (2, 9), "padding": 4, "in_size": (5, 9)},
}


@pytest.mark.parametrize("geometry", GROUPED.values(), ids=GROUPED)
def test_grouped_products_keep_the_bound(
    geometry: dict[str, Any], dtype: str, keeps_the_bound: Check, planned_for: Gpu
) -> None:
    given = {"kernel_size": 3, "padding": 1, "in_size": (4, 8), "batch": 2, "dtype": dtype} | geometry
    found = grouped.fit(conv(**given), planned_for)
    assert found is not None
    keeps_the_bound(found, seed=3)


def test_channels_that_come_in_chunks_keep_the_bound(keeps_the_bound: Check) -> None:
    # 300 channels of 3×3 weights for two outputs and their planes are more than the 12,288 numbers of shared memory.
    found = grouped.fit(conv(300, 2, 3, (3, 4), padding=1), gpu())
    assert found is not None
    assert 300 * (3 * 3 * 2 + 5 * 8) > 12288
    keeps_the_bound(found, seed=4)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_planned_keeps_the_bound(seed: int, small: Draw, keeps_the_bound: Check) -> None:
    found = small(np.random.default_rng(100 + seed), dtype=list(DTYPES)[seed % 2])
    keeps_the_bound(plan(found, gpu()), seed)


@pytest.mark.parametrize("fit", [general.fit, strips.fit, planes.fit, grouped.fit], ids=lambda fit: fit.__module__)
def test_sums_of_integers_are_exact(fit: Any, dtype: str, keeps_the_bound: Check) -> None:
    # At most 4·4 for each of 3·3 taps, far from the 2048 that float16 counts to.
    c = conv(4, 4, 3, (7, 7), padding=1, groups=4, batch=2, dtype=dtype)
    keeps_the_bound(fit(c, gpu()), seed=5, integers=True)


WIDE = [(seed, dtype) for dtype, count in (("float32", 500), ("float16", 150)) for seed in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "stored"), WIDE)
def test_a_wide_draw_keeps_the_bound(seed: int, stored: str, drawn: Draw, keeps_the_bound: Check) -> None:
    rng = np.random.default_rng(seed)
    channels = int(rng.integers(2, 200))
    depthwise = {"in_channels": channels, "out_channels": channels * int(rng.integers(1, 3)), "groups": channels}
    large = {"in_size": tuple(map(int, rng.integers(1, 120, 2)))}
    shapes = [depthwise | large, large, {"in_size": (int(rng.integers(1, 12)),) * 2, "batch": 17}, {}]
    found = drawn(rng, 1 + seed % 3, dtype=stored, **(shapes[seed // 3 % 4] if seed % 3 == 1 else {}))
    keeps_the_bound(plan(found, gpu()), seed)


# --- arrays of either side ------------------------------------------------------------------------------------------

RNG = np.random.default_rng(4)
X = RNG.standard_normal((2, 4, 6, 8), dtype=np.float32)
W = RNG.standard_normal((4, 2, 3, 3), dtype=np.float32)
BIAS = RNG.standard_normal(4, dtype=np.float32)
GIVEN: dict[str, Any] = {"bias": BIAS, "padding": 1, "groups": 2}
EXPECTED = convolve(conv(4, 4, 3, (6, 8), padding=1, groups=2, batch=2), X, W, BIAS)


def to_device(array: np.ndarray) -> Any:
    from numba import cuda

    return cuda.to_device(array)


def close(y: np.ndarray) -> bool:
    return bool(np.allclose(y, EXPECTED, rtol=0, atol=1e-4))


def test_an_array_of_numpy_gives_one_of_numpy() -> None:
    y = kernels.conv2d(X, W, **GIVEN, device="cuda")
    assert isinstance(y, np.ndarray)
    assert close(y)


def test_a_device_array_gives_a_device_array() -> None:
    y = kernels.conv2d(to_device(X), to_device(W), **(GIVEN | {"bias": to_device(BIAS)}), device="cuda")
    assert not isinstance(y, np.ndarray)
    assert y.shape == EXPECTED.shape
    assert close(y.copy_to_host())


def test_float16_comes_back_as_it_was_given() -> None:
    given = GIVEN | {"bias": BIAS.astype(np.float16)}
    x, w = X.astype(np.float16), W.astype(np.float16)
    c = conv(4, 4, 3, (6, 8), padding=1, groups=2, batch=2)
    exact = convolve(c, x, w, given["bias"])
    host = kernels.conv2d(x, w, **given, device="cuda")
    device = kernels.conv2d(to_device(x), w, **given, device="cuda")
    assert host.dtype == device.dtype == np.float16
    # Sums of 2·9 products are below 2⁵: half a unit in the last of 11 places is 2⁻⁷ at most.
    np.testing.assert_allclose(host, exact, rtol=0, atol=2.0**-7)
    np.testing.assert_array_equal(device.copy_to_host(), host)


def test_strided_arrays_of_numpy_are_read_as_what_they_show() -> None:
    x, w = X.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2), W[..., ::-1].copy()[..., ::-1]
    out = np.zeros((*EXPECTED.shape, 2), np.float32)[..., 0]
    run = kernels.prepare(w, x.shape, **GIVEN, device="cuda")
    assert run(x, out) is out
    assert close(out)


def test_layers_of_one_kernel_that_are_ready_at_once_keep_apart() -> None:
    layers = [(W, GIVEN), (np.concatenate([W, W], axis=1), GIVEN | {"groups": 1})]
    runs = [kernels.prepare(w, X.shape, **given, device="cuda") for w, given in layers]
    assert len({run.plan.shared for run in runs if run.plan}) == 2
    assert close(runs[0](X))


def test_a_device_array_that_no_wide_access_may_start_at_is_copied() -> None:
    run = kernels.prepare(W, X.shape, **GIVEN, device="cuda")
    x, out = (to_device(np.zeros(size + 1, np.float32))[1:] for size in (X.size, EXPECTED.size))
    x.copy_to_device(X.reshape(-1))
    x, out = x.reshape(X.shape), out.reshape(EXPECTED.shape)
    assert run(x, out) is out
    assert close(out.copy_to_host())


def test_no_image_gives_no_output() -> None:
    assert kernels.conv2d(X[:0], W, **GIVEN, device="cuda").shape == (0, *EXPECTED.shape[1:])


def test_an_input_that_is_all_padding_gives_the_bias() -> None:
    y = kernels.conv2d(X[:, :, :0], W, **(GIVEN | {"padding": 2}), device="cuda")
    np.testing.assert_array_equal(y, np.broadcast_to(BIAS.reshape(1, 4, 1, 1), (2, 4, 2, 10)))


def test_the_plan_says_what_runs() -> None:
    plan = kernels.prepare(W, X.shape, **GIVEN, device="cuda").plan
    assert plan is not None
    assert plan.kernel == "grouped"
    # 2 images, 4 outputs, 2 inputs each, and along an axis of n pixels 3n taps less one at each end on padding
    assert plan.real_macs == 2 * 4 * 2 * (3 * 6 - 2) * (3 * 8 - 2)


# --- the device itself ----------------------------------------------------------------------------------------------


def test_a_copy_moves_every_number() -> None:
    from groupcalc.kernels.cuda.launch import probes as launched
    from groupcalc.kernels.cuda.launch.tile import configured

    source = np.arange(64, dtype=np.float32)
    target = to_device(np.zeros(64, np.float32))
    configured(launched.copy(), 2, 4)(target, to_device(source), 64)  # two turns for each of 2·4 threads by 4 numbers
    np.testing.assert_array_equal(target.copy_to_host(), source)


def test_multiply_adds_are_done_one_and_all() -> None:
    from groupcalc.kernels.cuda.launch import probes as launched
    from groupcalc.kernels.cuda.launch.tile import configured

    sink = to_device(np.zeros(4, np.float32))
    configured(launched.multiply_add(4, 2), 1, 1)(sink, 2)
    # Four sums of 0: a round adds nothing, the next halves and adds 1, twice: 0, 0, 1, 1/2 + 1.
    assert sink.copy_to_host()[0] == 4 * 1.5


def test_ceilings_are_measured() -> None:
    found = probes.ceilings(gpu())
    assert min(found.copy_bytes_per_s, found.flops_per_s, found.launch_s, found.host_launch_s) > 0


# --- what does not fit ----------------------------------------------------------------------------------------------


def refusal(*args: Any, **changes: Any) -> str:
    with pytest.raises(GeometryError) as caught:
        kernels.conv2d(*args, **(GIVEN | changes), device="cuda")
    return str(caught.value)


def test_float64_is_refused() -> None:
    sentence = 'x is float64 and the GPU\'s kernels are for float32 and float16 (convert it, or use device="cpu")'
    assert refusal(X.astype("f8"), W) == sentence
    assert refusal(to_device(X.astype("f8")), W) == sentence


def test_arrays_of_two_dtypes_are_refused() -> None:
    half = X.astype(np.float16)
    assert refusal(half, W) == "x is float16 and w float32 (give both the same dtype)"
    assert refusal(to_device(half), W) == "x is float16 and w float32 (give both the same dtype)"
    assert refusal(X, W, bias=BIAS.astype(np.float16)) == "bias is float16 and w float32 (give both the same dtype)"


def test_a_list_is_no_array() -> None:
    assert refusal(X.tolist(), W) == "x is a list, not a NumPy array (convert it with numpy.asarray)"


def test_a_device_array_with_gaps_is_refused() -> None:
    message = refusal(to_device(X)[:, :, :, ::2], W)
    assert message == "x of shape (2, 4, 6, 4) is not contiguous on the device (make it so before)"


def test_a_device_array_of_another_shape_asks_to_prepare_again() -> None:
    with pytest.raises(GeometryError, match="prepare again for this shape"):
        kernels.prepare(W, X.shape, **GIVEN, device="cuda")(to_device(X[:1]))


def test_arrays_on_two_sides_are_refused() -> None:
    run = kernels.prepare(W, X.shape, **GIVEN, device="cuda")
    for x, out in (
        (X, to_device(np.zeros(EXPECTED.shape, np.float32))),
        (to_device(X), np.zeros(EXPECTED.shape, "f4")),
    ):
        with pytest.raises(GeometryError, match="one is on the device and one is not"):
            run(x, out)


def test_an_output_that_overlaps_the_input_is_refused() -> None:
    run = kernels.prepare(W, X.shape, **GIVEN, device="cuda")
    room = to_device(np.zeros(X.size + 4, np.float32))
    with pytest.raises(GeometryError, match="out overlaps x in memory"):
        run(room[: X.size].reshape(X.shape), room[4 : 4 + EXPECTED.size].reshape(EXPECTED.shape))


def test_the_simulator_is_known_for_what_it_is() -> None:
    assert (gpu().name == "simulator") == simulated()
