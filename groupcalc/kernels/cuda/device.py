"""Gpu: what kernels are planned for; whether there is one, and what to do when there is not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from groupcalc.errors import DeviceError
from groupcalc.kernels.cuda.plan import FLOAT_BYTES
from groupcalc.units import show_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A CUDA device.

    processors     streaming multiprocessors
    shared_floats  float32 numbers of shared memory a processor
    l2_bytes       of its level-2 cache
    uuid           by which the driver's own tools know it
    """

    name: str
    processors: int
    shared_floats: int
    l2_bytes: int
    uuid: str = ""


SIMULATED = Gpu(name="simulator", processors=1, shared_floats=64 * 1024 // FLOAT_BYTES, l2_bytes=64)
"""What Numba's simulator is planned for: one processor, as one thread of Python runs it, and hardly a cache."""


def gpu() -> Gpu:
    """The current device. DeviceError in one line when there is none, or nothing to drive it with."""
    if simulated():
        return SIMULATED
    _require()
    from numba import cuda

    return _facts(cuda.get_current_device().id)


@cache
def _facts(number: int) -> Gpu:
    from numba import cuda

    device = cuda.gpus[number]
    name = device.name.decode() if isinstance(device.name, bytes) else str(device.name)
    return Gpu(
        name=name,
        processors=device.MULTIPROCESSOR_COUNT,
        shared_floats=device.MAX_SHARED_MEMORY_PER_MULTIPROCESSOR // FLOAT_BYTES,
        l2_bytes=device.L2_CACHE_SIZE,
        uuid=str(device.uuid),
    )


def simulated() -> bool:
    """Whether Numba runs kernels in its simulator (NUMBA_ENABLE_CUDASIM=1), without a GPU and without numba-cuda."""
    from numba import config

    return bool(config.ENABLE_CUDASIM)


def _require() -> None:
    if find_spec("numba_cuda") is None:
        fact = 'device="cuda" needs numba-cuda, which is not installed'
        raise DeviceError(fact, "pip install 'groupcalc[cuda13]', or groupcalc[cuda12] for a driver of CUDA 12")
    from numba import cuda
    from numba.cuda.cudadrv.driver import driver

    if not cuda.is_available():
        said = " ".join((driver.initialization_error or "its compiler, NVVM, cannot be loaded").split()).rstrip(".:")
        raise DeviceError(f'device="cuda" cannot be used: {said}', 'use device="cpu", or NUMBA_ENABLE_CUDASIM=1')
    if not len(cuda.gpus):
        raise DeviceError("the CUDA driver sees no GPU", 'use device="cpu"')


def check_memory(needed: int) -> None:
    """DeviceError when so many bytes are not free on the device."""
    free = free_bytes()
    if needed > free:
        release()
        free = free_bytes()
    if needed > free:
        fact = f"the convolution needs {show_bytes(needed)} of device memory, and {show_bytes(int(free))} are free"
        raise DeviceError(fact, "split the batch, or free arrays on the device")


def free_bytes() -> float:
    """Of the device's memory; the simulator has no end of it."""
    from numba import cuda

    return float(cuda.current_context().get_memory_info().free)


def release() -> None:
    """Free what Numba has put off freeing."""
    from numba import cuda

    cuda.current_context().deallocations.clear()
