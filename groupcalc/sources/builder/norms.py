"""Builder calls that normalise."""

from __future__ import annotations

from collections.abc import Sequence

from groupcalc.errors import GeometryError
from groupcalc.graph import Tensor
from groupcalc.sources.builder.growing import Growing, Ints, channels, divides, literal, positive, weight
from groupcalc.units import show_shape


class NormCalls(Growing):
    """Normalisation over the batch, groups of channels, or the last axes."""

    def batch_norm(
        self,
        name: str,
        x: Tensor,
        *,
        eps: float = 1e-5,
        affine: bool = True,
        bias: bool = True,
        track_running_stats: bool = True,
    ) -> Tensor:
        """x[n, c, *s] -> y[n, c, *s], by stored statistics"""
        shape = (channels(x),)
        stats = [
            _operand(f"{name}.running_{key}", shape, x, track_running_stats, at_rest)
            for key, at_rest in (("mean", 0.0), ("var", 1.0))
        ]
        inputs = (x, *_affine(name, shape, x, affine, bias), *stats)
        return self.op(name, "BatchNormalization", inputs, x.shape, {"epsilon": eps})

    def instance_norm(
        self, name: str, x: Tensor, *, eps: float = 1e-5, affine: bool = False, bias: bool = True
    ) -> Tensor:
        """x[n, c, *s] -> y[n, c, *s], by the statistics of each of the n·c planes"""
        affines = _affine(name, (channels(x),), x, affine, bias)
        return self.op(name, "InstanceNormalization", (x, *affines), x.shape, {"epsilon": eps})

    def group_norm(
        self, name: str, x: Tensor, num_groups: int, *, eps: float = 1e-5, affine: bool = True, bias: bool = True
    ) -> Tensor:
        """x[n, c, *s] -> y[n, c, *s], by the statistics of each group of channels"""
        divides("num_groups", num_groups, channels(x))
        affines = _affine(name, (channels(x),), x, affine, bias)
        attributes = {"num_groups": num_groups, "epsilon": eps}
        return self.op(name, "GroupNormalization", (x, *affines), x.shape, attributes)

    def layer_norm(
        self,
        name: str,
        x: Tensor,
        normalized_shape: Ints,
        *,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> Tensor:
        """x[..., *normalized_shape] -> the same, by the statistics over normalized_shape"""
        last = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        if not last or x.shape[-len(last) :] != last:
            fact = f"normalized_shape={show_shape(last)} is not the end of its input {show_shape(x.shape)}"
            raise GeometryError(fact, f"use {show_shape(x.shape[-max(len(last), 1) :])}")
        affines = _affine(name, last, x, elementwise_affine, bias)
        return self.op(name, "LayerNormalization", (x, *affines), x.shape, {"axis": -len(last), "epsilon": eps})

    def local_response_norm(
        self, name: str, x: Tensor, size: int, *, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
    ) -> Tensor:
        """x[n, c, *s] -> y[n, c, *s], by the squares of `size` neighbouring channels"""
        positive("size", size)
        channels(x)
        return self.op(name, "LRN", (x,), x.shape, {"size": size, "alpha": alpha, "beta": beta, "bias": k})


def _affine(name: str, shape: Sequence[int], x: Tensor, affine: bool, bias: bool) -> tuple[Tensor, Tensor]:
    scale = _operand(f"{name}.weight", shape, x, affine, 1.0)
    return scale, _operand(f"{name}.bias", shape, x, affine and bias, 0.0)


def _operand(name: str, shape: Sequence[int], x: Tensor, learned: bool, at_rest: float) -> Tensor:
    """ONNX wants the operand in any case; where torch has no such tensor it is ones or zeros, and no parameter."""
    return weight(name, shape, x) if learned else literal(name, shape, (at_rest,), x.dtype)
