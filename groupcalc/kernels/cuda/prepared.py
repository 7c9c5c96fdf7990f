"""OnDevice: one convolution with its weights on the GPU and its kernel compiled, ready to run again and again."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groupcalc.errors import GeometryError
from groupcalc.kernels.cuda import arrays
from groupcalc.kernels.cuda.plan import FLOAT_BYTES, Plan
from groupcalc.kernels.cuda.table import KERNELS
from groupcalc.kernels.prepared import Prepared


class OnDevice(Prepared):
    """float32 or float16 on the GPU, summed in float32.

    A device array gives a device array; a NumPy array is copied and gives a NumPy array.

    Launches go to the default stream, and are waited for only when the result goes back to NumPy.
    """

    plan: Plan

    def __init__(self, plan: Plan, w: NDArray[Any], bias: NDArray[Any] | None) -> None:
        from groupcalc.kernels.cuda.launch.tile import compiled, configured

        super().__init__(plan.conv)
        self.plan = plan
        kernel = KERNELS[plan.kernel]
        if bias is None:
            bias = np.zeros(plan.conv.out_channels, np.float32)
        packed = kernel.pack(plan, np.asarray(w, np.float32), np.asarray(bias, np.float32))
        self._w, self._b = map(arrays.upload, packed)
        ready = compiled(kernel.load(plan), len(plan.sizes), plan.conv.dtype)
        self._launch = configured(ready, plan.grid, plan.block, plan.shared * FLOAT_BYTES)
        self._rooms: dict[str, Any] = {}

    def __call__(self, x: Any, out: Any = None) -> Any:
        """y[batch, out_channels, *out_size] of x[batch, in_channels, *in_size]; `out` itself when it is given.

        Raises GeometryError when x or out is not what this was prepared for, they lie on different sides, or out
        overlaps x; DeviceError when the device has no room for what has to be copied or made.
        """
        if out is not None and arrays.on_device(x) != arrays.on_device(out):
            raise GeometryError("of x and out one is on the device and one is not", "give both on one side")
        if not arrays.on_device(x):
            return super().__call__(x, out)
        self._check("x", x, self._in_shape)
        if out is None:
            y = arrays.empty(prod(self._out_shape), self._dtype)
            self._run(self._aligned("x", x), y)
            return y.reshape(self._out_shape)
        self._check("out", out, self._out_shape)
        _check_apart(x, out)
        y = arrays.flat(out) if arrays.aligned(out) else self._room("y", self._out_shape)
        self._run(self._aligned("x", x), y)
        if not arrays.aligned(out):
            arrays.flat(out).copy_to_device(y)
        return out

    def _compute(self, x: NDArray[Any], out: NDArray[Any]) -> None:
        """NumPy's arrays, by way of the device."""
        if not out.size:
            return
        source, y = self._room("x", self._in_shape), self._room("y", self._out_shape)
        if x.size:
            source.copy_to_device(np.ascontiguousarray(x).reshape(-1))
        self._run(source, y)
        out[...] = y.copy_to_host().reshape(self._out_shape)

    def _run(self, x: Any, y: Any) -> None:
        if prod(self._out_shape):
            self._launch(x, self._w, self._b, y, self.plan.sizes)

    def _aligned(self, name: str, array: Any) -> Any:
        """The array flat, or a copy of it where the widest access may start."""
        if arrays.aligned(array):
            return arrays.flat(array)
        room = self._room(name, self._in_shape)
        room.copy_to_device(arrays.flat(array))
        return room

    def _room(self, name: str, shape: tuple[int, ...]) -> Any:
        """Device memory of its own, taken when it is first needed."""
        if name not in self._rooms:
            self._rooms[name] = arrays.empty(prod(shape), self._dtype)
        return self._rooms[name]

    def _check(self, name: str, array: Any, expected: tuple[int, ...]) -> None:
        arrays.check_array(name, array)
        shape, dtype, _ = arrays.facts(array)
        if shape != expected:
            raise GeometryError(f"{name} has the shape {shape}, not {expected}", "prepare again for this shape")
        if dtype != self._dtype:
            raise GeometryError(f"{name} is {dtype} and w {self._dtype}", "give both the same dtype")


def _check_apart(x: Any, out: Any) -> None:
    (x_start, x_end), (start, end) = arrays.span(x), arrays.span(out)
    if start < x_end and x_start < end:
        raise GeometryError("out overlaps x in memory", "give an array of its own")
