"""What the compiler makes of the kernels, where numba-cuda is installed; no GPU is needed to compile."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from groupcalc.conv import Conv, conv
from groupcalc.kernels.cuda.device import Gpu
from groupcalc.kernels.cuda.plan import DTYPES
from groupcalc.kernels.cuda.table import KERNELS, plan

pytest.importorskip("numba_cuda", reason="numba-cuda, which has the compiler, is not installed")

LARGE = Gpu(name="large", processors=132, shared_floats=228 * 256, l2_bytes=50 << 20)
ARCHITECTURE = (8, 0)

LAYERS = {
    "strips": conv(128, 128, 3, (56, 56), padding=1, groups=128, batch=32),
    "strips-7×7": conv(96, 96, 7, (56, 56), padding=3, groups=96, batch=32),
    "planes": conv(960, 960, 3, (7, 7), padding=1, groups=960, batch=32),
    "grouped": conv(256, 256, 3, (28, 28), padding=1, groups=32, batch=32),
    "grouped-pointwise": conv(240, 240, 1, (28, 28), groups=3, batch=32),
    "grouped-stride-2": conv(256, 256, 3, (56, 56), padding=1, stride=2, groups=32, batch=32),
    "general": conv(8, 8, 3, (8, 8, 8), padding=1, groups=2),
}


def compiled(found: Conv, dtype: str = "float32") -> tuple[str, Any]:
    from numba import cuda

    from groupcalc.kernels.cuda.launch.tile import signature

    planned = plan(replace(found, dtype=dtype), LARGE)
    kernel = KERNELS[planned.kernel].load(planned).py_func
    code, _ = cuda.compile_ptx(kernel, signature(len(planned.sizes), dtype), cc=ARCHITECTURE)
    return code, planned


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LAYERS)
def test_sums_stay_in_registers(name: str, dtype: str) -> None:
    code, planned = compiled(LAYERS[name], dtype)
    assert name.startswith(planned.kernel)
    assert ".local" not in code


@pytest.mark.parametrize("name", ["planes", "grouped"])
def test_shared_memory_has_nothing_before_what_is_accessed_16_bytes_at_once(name: str) -> None:
    code, _ = compiled(LAYERS[name])
    (declared,) = re.findall(r"^.*\.shared \.align.*$", code, re.MULTILINE)
    assert declared.startswith(".extern ")


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_strip_is_loaded_and_stored_in_accesses_of_16_bytes(dtype: str) -> None:
    code, planned = compiled(LAYERS["strips"], dtype)
    assert planned.literals["V"] == planned.literals["Q"] == 16 // DTYPES[dtype]
    rows, lanes, kernel_h, kernel_w = (planned.literals[name] for name in ("R", "V", "KH", "KW"))
    assert len(re.findall("fma.rn.f32", code)) == rows * lanes * kernel_h * kernel_w
    # The nine weights are three accesses. A strip sees two rows more than it has, each with a whole one in the middle.
    assert len(re.findall(r"ld.global\S*.v4", code)) >= 3 + rows + 2
    assert len(re.findall(r"st.global.v4", code)) >= rows


def test_a_half_is_converted_where_it_is_loaded_and_where_it_is_stored() -> None:
    code, planned = compiled(LAYERS["grouped"], "float16")
    # 28 columns by 16 bytes are not whole, so four halves come at once: 8 bytes; the taps are float32 already.
    assert planned.literals["Q"] == 4
    assert re.findall(r"ld.global.v2.[bu]32", code)
    assert len(re.findall(r"ld.shared.[fb]32", code)) == planned.literals["R"] + planned.literals["KH"] - 1
    assert not re.findall(r"ld.shared\S*16", code)
    assert "fma.rn.f16" not in code


def test_the_grouped_kernel_keeps_a_column_of_taps_in_straight_code() -> None:
    code, planned = compiled(LAYERS["grouped"])
    rows, channels, kernel_h = (planned.literals[name] for name in ("R", "TM", "KH"))
    assert len(re.findall("fma.rn.f32", code)) == rows * channels * kernel_h
    assert len(re.findall("ld.shared.v4", code)) == kernel_h * channels // 4
    assert len(re.findall(r"ld.shared.[fb]32", code)) == rows + kernel_h - 1
