"""The tests of the kernels on a device, in Numba's simulator."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_every_kernel_passes_its_tests_in_the_simulator() -> None:
    # A process of its own: Numba chooses between the simulator and a device when it is imported.
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-m",
        "gpu and not slow",
        str(Path(__file__).with_name("test_device.py")),
    ]
    found = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
