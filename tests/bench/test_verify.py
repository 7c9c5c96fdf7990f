"""The bound on float32 rounding: what any order of summation keeps, and wrong results do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from groupcalc.bench.operands import empty, operands
from groupcalc.bench.result import Case
from groupcalc.bench.verify import expected
from groupcalc.conv import conv
from groupcalc.errors import EngineError
from groupcalc.kernels import conv2d

CASE = Case(name="a", conv=conv(6, 4, 3, (7, 6), padding=1, groups=2), threads=1, seed=5)


def run_in_float32(case: Case) -> np.ndarray:
    given, c = operands(case), case.conv
    y = given.x
    for w, bias in zip(given.weights, given.biases, strict=True):
        y = conv2d(y, w, bias, c.stride, c.padding, c.dilation, c.groups, threads=1)
    return y


@pytest.mark.parametrize("chain", [1, 4])
def test_float32_keeps_the_bound_and_fills_a_part_of_it(chain: int) -> None:
    case = replace(CASE, conv=replace(CASE.conv, out_channels=6), chain=chain)
    assert 0 < expected(case).error(run_in_float32(case)) < 1


def test_the_bound_of_one_layer_is_that_of_its_sums() -> None:
    truth = expected(CASE)
    # Every output is the sum of 3 channels · 9 taps products and a bias: each loses at most (K + 2) half units.
    assert np.all(truth.bound > 0)
    ones = np.abs(truth.bound).max() / (27 + 2) / 2.0**-24
    assert ones < 10 * np.abs(truth.y).max()


def cut_to_tf32(array: np.ndarray) -> np.ndarray:
    """The first 10 of 23 bits of the mantissa."""
    return (array.view(np.uint32) & np.uint32(2**32 - 2**13)).view(np.float32)


def test_tf32_keeps_a_bound_of_its_own_and_not_that_of_float32() -> None:
    given, c = operands(CASE), CASE.conv
    x, w = cut_to_tf32(given.x), cut_to_tf32(given.weights[0])
    y = conv2d(x, w, given.biases[0], c.stride, c.padding, c.dilation, c.groups, threads=1)
    assert 0 < expected(CASE, tf32=True).error(y) < 1
    with pytest.raises(EngineError, match="its output is wrong"):
        expected(CASE).error(y)
    with pytest.raises(EngineError, match="its output is wrong"):
        expected(CASE, tf32=True).error(y + np.float32(0.1))


HALF = replace(CASE, conv=replace(CASE.conv, dtype="float16"))


def test_operands_are_of_the_dtype_of_the_case() -> None:
    given = operands(HALF)
    assert {array.dtype for array in (given.x, *given.weights, *given.biases) if array is not None} == {np.dtype("f2")}
    np.testing.assert_array_equal(given.x, operands(CASE).x.astype(np.float16))


def test_sums_in_float32_that_are_stored_as_float16_keep_its_bound_and_sums_in_float16_do_not() -> None:
    given, c = operands(HALF), replace(CASE.conv, batch=1)
    assert given.biases[0] is not None
    wide = [array.astype(np.float32) for array in (given.x, given.weights[0], given.biases[0])]
    y = conv2d(*wide, c.stride, c.padding, c.dilation, c.groups, threads=1).astype(np.float16)
    assert 0 < expected(HALF).error(y) < 1
    # The roundoff of one sum of 27 products in float16 is some ten times that of storing it.
    row = [np.float16(0)]
    for a, b in zip(given.x[0, :3, :3, :3].ravel(), given.weights[0][0].ravel(), strict=True):
        row.append(np.float16(row[-1] + a * b))
    exact = given.x[0, :3, :3, :3].astype("f8").ravel() @ given.weights[0][0].astype("f8").ravel()
    y[0, 0, 1, 1] = row[-1] + given.biases[0][0]
    assert abs(exact + float(given.biases[0][0]) - expected(HALF).y[0, 0, 1, 1]) < 1e-12
    with pytest.raises(EngineError, match="its output is wrong"):
        expected(HALF).error(y)


def test_images_come_again_and_each_is_checked() -> None:
    case = replace(CASE, conv=replace(CASE.conv, batch=17))  # 7 + 7 + 3
    x = operands(case).x
    np.testing.assert_array_equal(x[7:14], x[:7])
    np.testing.assert_array_equal(x[14:], x[:3])
    assert len({image.tobytes() for image in x}) == 7
    y = run_in_float32(case)
    truth = expected(case)
    assert len(truth.y) == 7
    assert 0 < truth.error(y) < 1
    for image in range(17):
        wrong = y.copy()
        wrong[image] = y[(image + 1) % 17]
        with pytest.raises(EngineError, match="its output is wrong"):
            truth.error(wrong)
    with pytest.raises(EngineError, match="its output is"):
        truth.error(y[:7])


@pytest.mark.parametrize("change", [1e-3, -1e-3, np.nan, np.inf])
def test_one_wrong_element_is_seen(change: float) -> None:
    y = expected(CASE).y.astype(np.float32)
    y[0, 1, 2, 3] += np.float32(change)
    with pytest.raises(EngineError, match="its output is wrong: off by"):
        expected(CASE).error(y)


def test_another_shape_is_seen() -> None:
    truth = expected(CASE)
    with pytest.raises(EngineError, match="its output is "):
        truth.error(np.zeros(truth.y.shape[1:], np.float32))


def test_operands_are_the_same_in_every_process_and_others_by_another_seed() -> None:
    one, same, other = operands(CASE), operands(CASE), operands(replace(CASE, seed=6))
    np.testing.assert_array_equal(one.x, same.x)
    np.testing.assert_array_equal(one.weights[0], same.weights[0])
    assert not np.array_equal(one.x, other.x)


def test_the_layers_of_a_chain_have_weights_of_their_own() -> None:
    given = operands(replace(CASE, conv=replace(CASE.conv, out_channels=6), chain=2))
    assert not np.array_equal(*given.weights)


@pytest.mark.parametrize("shape", [(3,), (5, 7), (1, 1, 1, 1)])
def test_arrays_begin_at_a_cache_line(shape: tuple[int, ...]) -> None:
    array = empty(shape)
    assert array.shape == shape
    assert array.ctypes.data % 64 == 0
    assert array.flags.c_contiguous
