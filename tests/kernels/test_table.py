"""The planner picks without a compiler, and what it picks is right on every host."""

from __future__ import annotations

import subprocess
import sys

import pytest

from groupcalc.conv import Conv, conv
from groupcalc.errors import GroupcalcError
from groupcalc.kernels.host import HOSTS, Host, this_host
from groupcalc.kernels.table import KERNELS, plan

LAYERS = {
    "dense 3×3": (conv(64, 64, 3, (56, 56), padding=1), "grouped"),
    "ResNeXt's 3×3": (conv(256, 256, 3, (28, 28), padding=1, groups=32), "grouped"),
    "1×1 of a large plane": (conv(240, 240, 1, (28, 28), groups=3), "pointwise"),
    "1×1 of a small plane": (conv(960, 960, 1, (7, 7), groups=3), "grouped"),
    "depthwise": (conv(96, 96, 7, (28, 28), padding=3, groups=96), "rows"),
    "depthwise, stride 2": (conv(96, 96, 3, (28, 28), stride=2, padding=1, groups=96), "rows"),
    "four channels a group": (conv(128, 128, 3, (56, 56), padding=1, groups=32), "rows"),
    "depthwise to one pixel": (conv(96, 96, 7, (7, 7), groups=96), "dots"),
    "three axes": (conv(8, 8, 3, (9, 9, 9), padding=1), "general"),
    "one axis": (conv(8, 8, 3, (90,), padding=1), "grouped"),
    "few channels, dilated": (conv(8, 4, 3, (9, 9), dilation=2), "general"),
    "dilated": (conv(8, 8, 3, (9, 9), dilation=2), "rare"),
}


@pytest.mark.parametrize(("layer", "kernel"), LAYERS.values(), ids=LAYERS)
def test_each_kind_of_layer_has_its_kernel(layer: Conv, kernel: str) -> None:
    assert plan(layer, HOSTS["avx512"], threads=1).kernel == kernel


def test_every_plan_is_for_the_layer_and_the_threads_it_was_asked_for(host: Host) -> None:
    for layer, _ in LAYERS.values():
        found = plan(layer, host, threads=3)
        assert found.kernel in KERNELS
        assert (found.conv, found.threads, found.sizes[0]) == (layer, 3, 3)
        assert 0 <= found.lane_waste < 1


def test_planning_needs_no_compiler() -> None:
    probe = """
import sys
from groupcalc.conv import conv
from groupcalc.kernels.host import HOSTS
from groupcalc.kernels.table import plan
for host in HOSTS.values():
    plan(conv(64, 64, 3, (56, 56), padding=1), host, threads=1)
assert not {"numba", "llvmlite"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", probe], check=True)


def test_the_last_kernel_fits_everything(host: Host) -> None:
    *_, last = KERNELS.values()
    assert all(last.fit(layer, host, 1) is not None for layer, _ in LAYERS.values())


# --- the host ---------------------------------------------------------------------------------------------------------


def test_this_machine_is_one_of_the_table() -> None:
    assert this_host() in HOSTS.values()


def test_a_host_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUPCALC_HOST", "avx2")
    assert this_host() is HOSTS["avx2"]


def test_an_unknown_host_is_refused_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUPCALC_HOST", "z80")
    with pytest.raises(GroupcalcError, match=r"GROUPCALC_HOST=z80 is not known \(use avx512, avx2, neon, portable\)"):
        this_host()
