"""Arrays on the device: what is one, what the kernels take, and how NumPy's get there and back."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groupcalc.errors import GeometryError
from groupcalc.kernels import arguments
from groupcalc.kernels.cuda.device import check_memory, simulated
from groupcalc.kernels.cuda.plan import ACCESS_BYTES, DTYPES


def on_device(array: Any) -> bool:
    """Anything with __cuda_array_interface__, torch's and CuPy's arrays too; the simulator's arrays lack it."""
    return hasattr(array, "__cuda_array_interface__") or bool(getattr(array, "__cuda_ndarray__", False))


def check_array(name: str, array: Any) -> None:
    """An array of NumPy or of the device, the latter without gaps, of a dtype that the GPU's kernels take."""
    if not on_device(array):
        arguments.check_kind(name, array)
    shape, dtype, whole = facts(array)
    if dtype not in map(np.dtype, DTYPES):
        fact = f"{name} is {dtype} and the GPU's kernels are for {' and '.join(DTYPES)}"
        raise GeometryError(fact, 'convert it, or use device="cpu"' if dtype == np.float64 else "convert it")
    if not whole:
        raise GeometryError(f"{name} of shape {shape} is not contiguous on the device", "make it so before")


def facts(array: Any) -> tuple[tuple[int, ...], np.dtype[Any], bool]:
    """Shape, dtype, and whether a device array is one run of numbers; a NumPy array is made one on its way."""
    if isinstance(array, np.ndarray):
        return array.shape, array.dtype, True
    interface = getattr(array, "__cuda_array_interface__", None)
    if interface is None:  # the simulator's
        return tuple(array.shape), np.dtype(array.dtype), bool(array.flags.c_contiguous)
    shape, dtype = tuple(interface["shape"]), np.dtype(interface["typestr"])
    strides = interface.get("strides")
    if strides is None:
        return shape, dtype, True
    steps = [prod(shape[axis + 1 :]) * dtype.itemsize for axis in range(len(shape))]
    odd = (size > 1 and have != want for size, have, want in zip(shape, strides, steps, strict=True))
    return shape, dtype, not any(odd)


def to_host(array: Any) -> NDArray[Any]:
    """A NumPy array of either kind."""
    if not on_device(array):
        return array  # type: ignore[no-any-return]
    return flat(array).copy_to_host().reshape(facts(array)[0])  # type: ignore[no-any-return]


def empty(count: int, dtype: Any = np.float32) -> Any:
    """A flat device array of so many numbers. DeviceError when the device has no room for it."""
    from numba import cuda

    check_memory(count * np.dtype(dtype).itemsize)
    return cuda.device_array(count, dtype)


def upload(array: NDArray[Any]) -> Any:
    """A flat copy of a NumPy array on the device."""
    target = empty(array.size, array.dtype)
    target.copy_to_device(np.ascontiguousarray(array).reshape(-1))
    return target


def flat(array: Any) -> Any:
    """A device array without gaps as Numba's, flat; the same memory."""
    from numba import cuda

    view = array if simulated() else cuda.as_cuda_array(array)
    return view.reshape(prod(facts(array)[0]))


def span(array: Any) -> tuple[int, int]:
    """The addresses from the first byte to behind the last."""
    shape, dtype, _ = facts(array)
    interface = getattr(array, "__cuda_array_interface__", None)
    start = int(interface["data"][0]) if interface else int(array._ary.ctypes.data)
    return start, start + prod(shape) * dtype.itemsize


def aligned(array: Any) -> bool:
    """Whether the widest access may start where the array does: it would fault elsewhere."""
    return span(array)[0] % ACCESS_BYTES == 0
