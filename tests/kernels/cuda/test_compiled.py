"""Every kernel as it is compiled for an H100 keeps the bound and commits no fault: its PTX runs on the CPU.

The simulator runs the tiles of launch/plain.py; a device those of launch/emit.py, through NVVM. No GPU is needed to
compile them, and `interpreter` sees what a GPU would not report: races, stray accesses, outputs written twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from groupcalc.conv import Conv, conv
from groupcalc.kernels.cuda.device import Gpu, simulated
from groupcalc.kernels.cuda.plan import FLOAT_BYTES, Plan
from groupcalc.kernels.cuda.table import KERNELS, plan
from groupcalc.sources.spec import load_text
from tests.kernels.cuda import test_device
from tests.kernels.cuda.interpreter import NOBODY, Array, FaultError, launch
from tests.kernels.cuda.ptx import parse

if simulated():
    pytest.skip("Numba's simulator compiles nothing", allow_module_level=True)
pytest.importorskip("numba_cuda", reason="numba-cuda, which has the compiler, is not installed")
for library in ("nvvm", "nvrtc"):
    from cuda.pathfinder import DynamicLibNotFoundError, load_nvidia_dynamic_lib

    try:
        load_nvidia_dynamic_lib(library)
    except DynamicLibNotFoundError:
        pytest.skip(f"{library}, of which numba-cuda compiles, is not installed", allow_module_level=True)

H100 = Gpu(name="NVIDIA H100 80GB HBM3", processors=132, shared_floats=228 * 256, l2_bytes=50 << 20)
CAPABILITY = (9, 0)


def compiled(planned: Plan) -> str:
    """The PTX of a plan's kernel."""
    from groupcalc.kernels.cuda.launch.tile import signature

    return _compiled(KERNELS[planned.kernel].load(planned).py_func, signature(len(planned.sizes), planned.conv.dtype))


@cache
def _compiled(kernel: Callable[..., None], signature: Any) -> str:
    from numba import cuda

    text: str = cuda.compile_ptx(kernel, signature, cc=CAPABILITY)[0]
    return text


def run(planned: Plan, given: Any, code: str, blocks: Iterable[int] | None = None) -> Array:
    """y, and who wrote it; NaN until then."""
    kernel, c = KERNELS[planned.kernel], planned.conv
    bias = np.zeros(c.out_channels) if given.bias is None else given.bias
    packed, biases = kernel.pack(planned, np.asarray(given.w, np.float32), np.asarray(bias, np.float32))
    y = Array("y", np.full(c.batch * c.out_channels * prod(c.out_size), np.nan, given.x.dtype), writable=True)
    arrays = (Array("x", given.x), Array("w", packed), Array("bias", biases), y)
    launch(parse(code), planned.grid, planned.block, (*arrays, *planned.sizes), planned.shared * FLOAT_BYTES, blocks)
    return y


def check_what_is_written(planned: Plan, given: Any, y: Array, integers: bool = False) -> None:
    """Within the bound, as far as it is written."""
    c = planned.conv
    shape = (c.batch, c.groups, c.out_channels // c.groups, prod(c.out_size))
    written = (y.writer != NOBODY).reshape(shape)
    images, groups = (np.flatnonzero(written.any(axis=axes)) for axes in ((1, 2, 3), (0, 2, 3)))
    part = given.part(images, groups)
    here = np.ix_(images, groups)
    found, exact = y.data.reshape(shape)[here], part.exact().reshape(written[here].shape)
    limit = 0 if integers else part.bound().reshape(exact.shape)
    worst = np.max((abs(found - exact) - limit)[written[here]])
    assert worst <= 0, f"{planned.kernel} {dict(planned.literals)} is {worst} past the bound on {c}"


# --- the tests of a device, on what it would run --------------------------------------------------------------------


@pytest.fixture(params=[1, H100.processors], ids=["one-processor", "H100"])
def planned_for(request: pytest.FixtureRequest) -> Gpu:
    """With one processor the blocks become large: they take images and groups together."""
    return replace(H100, processors=request.param)


@pytest.fixture(autouse=True)
def described(monkeypatch: pytest.MonkeyPatch) -> None:
    """The GPU that those tests ask for."""
    monkeypatch.setattr(test_device, "gpu", lambda: H100)


@pytest.fixture
def keeps_the_bound(operands: Any) -> Callable[..., None]:
    """Run all blocks of a plan: every output is written, and within the bound."""

    def check(planned: Plan, seed: int, integers: bool = False) -> None:
        given = operands(planned.conv, seed, integers)
        if prod(planned.grid):
            y = run(planned, given, compiled(planned))
            assert (y.writer != NOBODY).all()
            check_what_is_written(planned, given, y, integers)

    return check


test_any_geometry = test_device.test_any_geometry_keeps_the_bound
test_strips = test_device.test_strips_of_depthwise_outputs_keep_the_bound
test_planes = test_device.test_whole_planes_in_shared_memory_keep_the_bound
test_grouped = test_device.test_grouped_products_keep_the_bound
test_chunks = test_device.test_channels_that_come_in_chunks_keep_the_bound
test_planned = test_device.test_whatever_is_planned_keeps_the_bound
test_integers = test_device.test_sums_of_integers_are_exact
test_wide = test_device.test_a_wide_draw_keeps_the_bound


# --- and it does not pass for what is wrong -------------------------------------------------------------------------

WRONG = {
    "planes": conv(8, 8, 3, (7, 7), padding=1, groups=8),
    "grouped": conv(8, 8, 3, (7, 7), padding=1, groups=2),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_kernel_without_its_barriers_races(name: str, operands: Any) -> None:
    planned = plan(WRONG[name], H100)
    assert planned.kernel == name
    code, barriers = re.subn(r"bar\.sync\s+0;", "", compiled(planned))
    assert barriers > 0
    with pytest.raises(FaultError, match=r"races with another thread|not written"):
        run(planned, operands(planned.conv, seed=7), code)


def test_an_input_shorter_than_planned_is_left(operands: Any) -> None:
    planned = plan(WRONG["grouped"], H100)
    given = operands(planned.conv, seed=8)
    given.x = given.x.reshape(-1)[:-1]
    with pytest.raises(FaultError, match="is outside x"):
        run(planned, given, compiled(planned))


# --- layers in use --------------------------------------------------------------------------------------------------

SUITE = Path(__file__).parents[3] / "examples" / "suites" / "grouped.toml"
GRAPH = load_text(SUITE.read_text(), kind="toml", name=SUITE.stem, place=str(SUITE))
LAYERS = {layer.name: found for layer in GRAPH.layers if (found := Conv.of(layer))}


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 32])
@pytest.mark.parametrize("layer", LAYERS)
def test_the_first_the_middle_and_the_last_block_of_a_layer_keep_the_bound(
    layer: str, batch: int, operands: Any
) -> None:
    planned = plan(replace(LAYERS[layer], batch=batch), H100)
    given, count = operands(planned.conv, seed=6), prod(planned.grid)
    y = run(planned, given, compiled(planned), sorted({0, count // 2, count - 1}))
    check_what_is_written(planned, given, y)
