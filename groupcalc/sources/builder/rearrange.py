"""Builder calls that move elements: other shapes, other orders, larger and smaller images."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, prod

from groupcalc.conv import per_axis
from groupcalc.errors import GeometryError
from groupcalc.graph import Tensor
from groupcalc.sources.builder.growing import (
    Growing,
    Ints,
    checked_axis,
    divides,
    image,
    integers,
    literal,
    positive,
    spatial,
)
from groupcalc.units import show_shape

RESIZE_MODES = {
    "nearest": "nearest",
    "linear": "linear",
    "bilinear": "linear",
    "trilinear": "linear",
    "bicubic": "cubic",
}
"""torch.nn.Upsample's mode -> that of ONNX Resize."""


class ShapeCalls(Growing):
    """Calls that compute no inner product, and mostly nothing at all."""

    def reshape(self, name: str, x: Tensor, shape: Sequence[int]) -> Tensor:
        if prod(shape) != x.size:
            fact = f"{show_shape(x.shape)} cannot be reshaped to {show_shape(shape)}"
            raise GeometryError(fact, "keep the number of elements")
        return self.op(name, "Reshape", (x, integers(f"{name}.shape", shape)), shape)

    def transpose(self, name: str, x: Tensor, perm: Sequence[int]) -> Tensor:
        return self.op(name, "Transpose", (x,), [x.shape[axis] for axis in perm], {"perm": tuple(perm)})

    def flatten(self, name: str, x: Tensor, start_dim: int = 1, end_dim: int = -1) -> Tensor:
        """x[..., *dims, ...] -> y[..., prod(dims), ...]"""
        start, end = checked_axis("start_dim", start_dim, x), checked_axis("end_dim", end_dim, x)
        if start > end:
            raise GeometryError(f"start_dim={start_dim} lies behind end_dim={end_dim}", "give them in order")
        shape = (*x.shape[:start], prod(x.shape[start : end + 1]), *x.shape[end + 1 :])
        if start == 1 and end == len(x.shape) - 1:
            return self.op(name, "Flatten", (x,), shape, {"axis": 1})
        return self.reshape(name, x, shape)  # ONNX Flatten always leaves two axes

    def channel_shuffle(self, name: str, x: Tensor, groups: int) -> Tensor:
        """x[n, groups·k, *s] -> y[n, k·groups, *s]: the channel k·i + j goes to groups·j + i"""
        batch, count, *size = spatial(x)
        divides("groups", groups, count)
        y = self.reshape(f"{name}.split", x, (batch, groups, count // groups, *size))
        y = self.transpose(f"{name}.transpose", y, (0, 2, 1, *range(3, len(y.shape))))
        return self.reshape(name, y, x.shape)

    def pixel_shuffle(self, name: str, x: Tensor, upscale_factor: int) -> Tensor:
        """x[n, c·r², h, w] -> y[n, c, h·r, w·r]"""
        batch, count, height, width = image(x)
        r = upscale_factor
        positive("upscale_factor", r)
        divides("upscale_factor²", r**2, count)
        shape = (batch, count // r**2, height * r, width * r)
        return self.op(name, "DepthToSpace", (x,), shape, {"blocksize": r, "mode": "CRD"})

    def pixel_unshuffle(self, name: str, x: Tensor, downscale_factor: int) -> Tensor:
        """x[n, c, h·r, w·r] -> y[n, c·r², h, w]; ONNX SpaceToDepth orders the channels otherwise"""
        batch, count, height, width = image(x)
        r = downscale_factor
        divides("downscale_factor", r, height)
        divides("downscale_factor", r, width)
        y = self.reshape(f"{name}.split", x, (batch, count, height // r, r, width // r, r))
        y = self.transpose(f"{name}.transpose", y, (0, 1, 3, 5, 2, 4))
        return self.reshape(name, y, (batch, count * r**2, height // r, width // r))

    def upsample(
        self,
        name: str,
        x: Tensor,
        *,
        size: Ints | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
    ) -> Tensor:
        """x[n, c, *s] -> y[n, c, *size], or each of s times its scale_factor, rounded down"""
        batch, count, *old = spatial(x)
        if (size is None) == (scale_factor is None):
            raise GeometryError("the new size is not clear", "give either size or scale_factor")
        new = scaled(old, scale_factor) if scale_factor is not None else per_axis(size or 0, len(old), "size")
        if min(new) < 1:
            raise GeometryError(f"the new size {show_shape(new)} is too small", "use 1 or more")
        corners = "asymmetric" if mode == "nearest" else "align_corners" if align_corners else "half_pixel"
        attributes = {"mode": RESIZE_MODES[mode], "coordinate_transformation_mode": corners, "nearest_mode": "floor"}
        if scale_factor is not None:
            factors = (1.0, 1.0, *broadcast_factor(scale_factor, len(old)))
            scales = literal(f"{name}.scales", (len(factors),), factors, "float32")
            inputs: tuple[Tensor | None, ...] = (x, None, scales)
        else:
            inputs = (x, None, None, integers(f"{name}.sizes", (batch, count, *new)))
        return self.op(name, "Resize", inputs, (batch, count, *new), attributes)

    def pad(self, name: str, x: Tensor, padding: Ints, *, mode: str = "constant", value: float = 0.0) -> Tensor:
        """x[n, c, *s] -> y[n, c, *s + padding]; numbers as in torch, two an axis and the last axis first"""
        batch, count, *size = spatial(x)
        pads = per_axis(padding, 2 * len(size), "padding")
        befores, afters = pads[::2][::-1], pads[1::2][::-1]
        shape = (batch, count, *(sum(each) for each in zip(size, befores, afters, strict=True)))
        if min(shape[2:]) < 1:
            raise GeometryError(f"padding={pads} leaves no output", "crop less")
        inputs = (x, integers(f"{name}.pads", (0, 0, *befores, 0, 0, *afters)))
        fill = (literal(f"{name}.value", (), (value,), x.dtype),) if mode == "constant" else ()
        return self.op(name, "Pad", (*inputs, *fill), shape, {"mode": mode})

    def concat(self, name: str, *parts: Tensor, axis: int = 1) -> Tensor:
        """Tensors that differ along `axis` only -> one, as long there as they are together"""
        at = checked_axis("axis", axis, parts[0])
        rest = {(*part.shape[:at], *part.shape[at + 1 :]) for part in parts}
        if len(rest) > 1 or len({len(part.shape) for part in parts}) > 1:
            shapes = ", ".join(show_shape(part.shape) for part in parts)
            raise GeometryError(f"{shapes} cannot be joined along axis {axis}", "they may differ along that axis only")
        shape = list(parts[0].shape)
        shape[at] = sum(part.shape[at] for part in parts)
        return self.op(name, "Concat", parts, shape, {"axis": axis})


def scaled(old: Sequence[int], factor: float | Sequence[float]) -> tuple[int, ...]:
    """Every size times its factor, rounded down (torch.nn.Upsample)."""
    factors = broadcast_factor(factor, len(old))
    if len(factors) != len(old) or not all(isfinite(each) and 0 < each < 2**31 for each in factors):
        fact = f"scale_factor={factor} does not fit {len(old)} axes"
        raise GeometryError(fact, "use one positive number, or one an axis")
    return tuple(int(size * each) for size, each in zip(old, factors, strict=True))


def broadcast_factor(factor: float | Sequence[float], rank: int) -> tuple[float, ...]:
    """One factor an axis."""
    return (factor,) * rank if isinstance(factor, int | float) else tuple(factor)
