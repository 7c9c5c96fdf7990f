"""conv2d and prepare: any arrays that NumPy can make, and one sentence for what does not fit."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numba
import numpy as np
import pytest

from groupcalc import kernels
from groupcalc.conv import conv
from groupcalc.errors import GeometryError
from groupcalc.kernels.reference import convolve

RNG = np.random.default_rng(4)
X = RNG.standard_normal((2, 6, 9, 7), dtype=np.float32)
W = RNG.standard_normal((4, 3, 3, 3), dtype=np.float32)
GIVEN: dict[str, Any] = {"padding": 1, "groups": 2}
EXPECTED = convolve(conv(6, 4, 3, (9, 7), padding=1, groups=2, batch=2), X, W)


def close(y: np.ndarray, expected: np.ndarray = EXPECTED) -> bool:
    return bool(np.allclose(y, expected, rtol=0, atol=1e-4))


# --- arrays as they come --------------------------------------------------------------------------------------------


def test_conv2d_is_the_convolution() -> None:
    y = kernels.conv2d(X, W, **GIVEN)
    assert y.dtype == np.float32
    assert close(y)


def test_float64_goes_through_the_reference() -> None:
    y = kernels.conv2d(X.astype(np.float64), W.astype(np.float64), **GIVEN)
    np.testing.assert_array_equal(y, EXPECTED)


def strided(a: np.ndarray) -> np.ndarray:
    room = np.full((*a.shape[:-1], 2 * a.shape[-1]), np.nan, a.dtype)
    room[..., ::2] = a
    return room[..., ::2]


def misaligned(a: np.ndarray) -> np.ndarray:
    room = np.zeros(a.nbytes + 1, np.uint8)
    shifted = room[1:].view(a.dtype).reshape(a.shape)
    shifted[...] = a
    assert not shifted.flags.aligned
    return shifted


def read_only(a: np.ndarray) -> np.ndarray:
    copy = a.copy()
    copy.flags.writeable = False
    return copy


VIEWS = {
    "strided": strided,
    "misaligned": misaligned,
    "read-only": read_only,
    "reversed": lambda a: a[..., ::-1].copy()[..., ::-1],
    "channels-last": lambda a: a.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_any_layout_of_the_operands_gives_the_same_bits(view: Any) -> None:
    plain = kernels.conv2d(X, W, **GIVEN)
    np.testing.assert_array_equal(kernels.conv2d(view(X), view(W), **GIVEN), plain)


@pytest.mark.parametrize("view", [VIEWS[name] for name in ("strided", "misaligned", "reversed", "channels-last")])
def test_the_output_can_have_any_layout(view: Any) -> None:
    run = kernels.prepare(W, X.shape, **GIVEN)
    out = view(np.zeros(EXPECTED.shape, np.float32))
    assert run(X, out) is out
    assert close(out)


def test_a_broadcast_input_is_read_as_what_it_shows() -> None:
    x = np.broadcast_to(X[:1], X.shape)
    assert close(kernels.conv2d(x, W, **GIVEN), np.broadcast_to(EXPECTED[:1], EXPECTED.shape))


def test_no_image_gives_no_output() -> None:
    assert kernels.conv2d(X[:0], W, **GIVEN).shape == (0, *EXPECTED.shape[1:])


def test_weights_and_bias_are_read_when_prepared_and_not_again() -> None:
    w, bias = W.copy(), np.zeros(4, np.float32)
    run = kernels.prepare(w, X.shape, bias, **GIVEN)
    w[...] = np.nan
    bias[...] = np.nan
    assert close(run(X))


def test_the_plan_says_what_runs() -> None:
    plan = kernels.prepare(W, X.shape, threads=1, **GIVEN).plan
    assert plan is not None
    assert plan.threads == 1
    # 2 images, 4 outputs, 3 inputs each, and along an axis of n pixels 3n taps less one at each end on padding
    assert plan.real_macs == 2 * 4 * 3 * (3 * 9 - 2) * (3 * 7 - 2)


def test_the_callers_threads_stay_as_they_were() -> None:
    before = numba.get_num_threads()
    kernels.conv2d(X, W, threads=1, **GIVEN)
    assert numba.get_num_threads() == before


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one CPU")
def test_the_bits_do_not_depend_on_the_number_of_threads() -> None:
    one, two = (kernels.conv2d(X, W, threads=count, **GIVEN) for count in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_numba_waits_for_the_first_convolution_in_float32() -> None:
    probe = """
import sys
import numpy as np
from groupcalc import kernels
x, w = np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3))
kernels.conv2d(x, w)
assert "numba" not in sys.modules
kernels.conv2d(x.astype("f4"), w.astype("f4"))
assert "numba" in sys.modules
"""
    subprocess.run([sys.executable, "-c", probe], check=True)


# --- what does not fit ----------------------------------------------------------------------------------------------

BIAS = np.zeros(4, np.float32)
WRONG = {
    "groups-divide": ({"groups": 4}, "groups=4 does not divide in_channels=6 (use 1, 2)"),
    "groups-zero": ({"groups": 0}, "groups=0 is not a positive number (use 1 or more)"),
    "channels": ({"groups": 1}, "w takes 3 channels a group, x has 6 in 1 groups (give w the shape (4, 6, 3, 3))"),
    "padding-negative": ({"padding": -1}, "padding=-1 is negative (use 0 or more)"),
    "padding-word": ({"padding": "full"}, 'padding=\'full\' is not known (use a number, "same" or "valid")'),
    "stride": ({"stride": 0}, "stride=0 is too small (use 1 or more)"),
    "dilation": ({"dilation": (1, 1, 1)}, "dilation=1 has 3 numbers for 2 axes (give 1 or 2)"),
    "bias-shape": ({"bias": BIAS[:3]}, "bias has the shape (3,) (give one number an output channel, (4,))"),
    "bias-dtype": ({"bias": BIAS.astype("f8")}, "bias is float64 and w float32 (give both the same dtype)"),
    "threads": ({"threads": 0}, "threads=0 is not a positive number (use 1 or more)"),
    "device": ({"device": "tpu"}, 'device=\'tpu\' is not known (use "cpu" or "cuda")'),
    "x-rank": ({"x": X[0, 0]}, "x has 2 axes (give x[batch, channels, *spatial] with 1 to 3 spatial axes)"),
    "w-rank": ({"w": W[0]}, "w has 3 axes and x 4 (give both the same)"),
    "x-dtype": ({"x": X.astype("i4")}, "x is int32 (use float32 or float64)"),
    "w-dtype": ({"w": W.astype("f2")}, 'w is float16 (use float32 or float64, or device="cuda")'),
    "byte-order": ({"x": X.astype(">f4")}, "x is >f4 (use float32 or float64)"),
    "dtypes-differ": ({"x": X.astype("f8")}, "x is float64 and w float32 (give both the same dtype)"),
    "not-an-array": ({"x": X.tolist()}, "x is a list, not a NumPy array (convert it with numpy.asarray)"),
    "empty-axis": ({"x": X[:, :, :0]}, "x of size (0, 7) leaves no output (give x at least one element an axis)"),
    "too-small": (
        {"x": X[:, :, :2], "padding": 0},
        "the kernel reaches over 3×3 but the padded input is only 2×7 "
        "(use a smaller kernel_size or dilation, or more padding)",
    ),
}


@pytest.mark.parametrize(("changes", "sentence"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(GeometryError) as caught:
        kernels.conv2d(**({"x": X, "w": W} | GIVEN | changes))
    assert str(caught.value) == sentence
    assert isinstance(caught.value, ValueError)


def test_more_threads_than_the_pool_holds_are_refused() -> None:
    pool = numba.config.NUMBA_NUM_THREADS
    with pytest.raises(GeometryError, match=f"threads={pool + 1} is more than the {pool} that Numba's pool holds"):
        kernels.conv2d(X, W, threads=pool + 1, **GIVEN)


OUT = np.zeros(EXPECTED.shape, np.float32)
WRONG_OUT = {
    "shape": (OUT[:1], "out has the shape (1, 4, 9, 7) (give it the shape (2, 4, 9, 7))"),
    "dtype": (OUT.astype("f8"), "out is float64 and x float32 (give both the same dtype)"),
    "read-only": (read_only(OUT), "out is read-only (give an array that can be written)"),
}


@pytest.mark.parametrize(("out", "sentence"), WRONG_OUT.values(), ids=WRONG_OUT)
def test_an_output_that_does_not_fit_is_one_sentence(out: np.ndarray, sentence: str) -> None:
    with pytest.raises(GeometryError) as caught:
        kernels.prepare(W, X.shape, **GIVEN)(X, out)
    assert str(caught.value) == sentence


def test_an_output_that_overlaps_the_input_is_refused() -> None:
    room = np.zeros(X.size + OUT.size - 1, np.float32)
    x, out = room[: X.size].reshape(X.shape), room[X.size - 1 :].reshape(OUT.shape)
    run = kernels.prepare(W, X.shape, **GIVEN)
    with pytest.raises(GeometryError, match="out overlaps x in memory"):
        run(x, out)


def test_an_output_between_the_elements_of_the_input_is_apart_from_it() -> None:
    room = np.zeros((2, 6, 9, 14), np.float32)
    x, out = room[..., ::2], room[:, :4, :, 1::2]
    x[...] = X
    assert close(kernels.prepare(W, X.shape, **GIVEN)(x, out))


def test_an_input_of_another_shape_asks_to_prepare_again() -> None:
    with pytest.raises(GeometryError, match="prepare again for this shape"):
        kernels.prepare(W, X.shape, **GIVEN)(X[:1])


def test_other_arrays_than_those_of_the_latest_call_are_checked() -> None:
    run = kernels.prepare(W, X.shape, **GIVEN)
    x, y = X.copy(), np.empty(run(X).shape, np.float32)
    first = run(x, y).copy()
    np.testing.assert_array_equal(run(x, y), first)
    with pytest.raises(GeometryError, match="out has the shape"):
        run(x, y[..., :1])
    with pytest.raises(GeometryError, match="x has the shape"):
        run(x[:, :1], y)
    with pytest.raises(GeometryError, match="x is a NoneType"):
        run(None, y)  # type: ignore[arg-type]
    x[...] = 0
    assert not np.array_equal(run(x, y), first)


def test_an_array_of_the_latest_call_keeps_its_memory() -> None:
    run = kernels.prepare(W, X.shape, **GIVEN)
    y = np.empty(run(X).shape, np.float32)
    run(X, y)
    with pytest.raises(ValueError, match="cannot resize"):
        y.resize(1, refcheck=False)


def test_an_output_that_was_made_read_only_after_a_call_is_not_written() -> None:
    run = kernels.prepare(W, X.shape, **GIVEN)
    y = run(X).copy()
    run(X, y)
    before = y.copy()
    y.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        run(X + 1, y)
    np.testing.assert_array_equal(y, before)
