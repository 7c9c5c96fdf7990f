"""The tests that need a device, in Numba's simulator."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
NEED_A_DEVICE = ("kernels/cuda/test_device.py", "cli/test_bench_gpu.py")


def test_what_needs_a_device_passes_in_the_simulator() -> None:
    # A process of its own: Numba chooses between the simulator and a device when it is imported.
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-m",
        "gpu and not slow",
        *(str(ROOT / name) for name in NEED_A_DEVICE),
    ]
    found = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
