"""Builder: a network written call by call, each call returning a tensor whose shape is already known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groupcalc.conv import conv
from groupcalc.errors import GeometryError
from groupcalc.graph import Tensor
from groupcalc.sources.builder.growing import Ints, channels, checked_axis, literal, positive, spatial, weight
from groupcalc.sources.builder.norms import NormCalls
from groupcalc.sources.builder.rearrange import ShapeCalls
from groupcalc.sources.builder.windows import adaptive_kernel, broadcast, pool_window
from groupcalc.units import show_shape


class Builder(NormCalls, ShapeCalls):
    """Layers in the order in which they are called, as an ONNX file of the same network would give them.

        net = Builder("net", input=(1, 3, 224, 224))
        x = net.relu("relu1", net.conv("conv1", net.input, 64, 7, stride=2, padding=3))
        graph = net.graph(x)

    Methods take the name of the layer, the tensors that it reads, and its arguments by their torch.nn names; they
    return the tensor that it writes, which has the layer's name. A call that ONNX knows as several operators becomes
    several layers, `name.part` and so on. Raises GeometryError when shapes and arguments do not fit together.
    """

    # Convolutions and matrix products.

    def conv(
        self,
        name: str,
        x: Tensor,
        out_channels: int,
        kernel_size: Ints,
        *,
        stride: Ints = 1,
        padding: Ints | str = 0,
        dilation: Ints = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> Tensor:
        """x[n, c, *s] -> y[n, out_channels, *groupcalc.conv.Conv.out_size]"""
        batch, in_channels, *size = spatial(x)
        geometry = conv(
            in_channels, out_channels, kernel_size, size,
            stride=stride, padding=padding, dilation=dilation, groups=groups, batch=batch, bias=bias, dtype=x.dtype,
        )  # fmt: skip
        return self._append(geometry.layer(name, x, self.repeat))

    def conv_transpose(
        self,
        name: str,
        x: Tensor,
        out_channels: int,
        kernel_size: Ints,
        *,
        stride: Ints = 1,
        padding: Ints = 0,
        output_padding: Ints = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Ints = 1,
    ) -> Tensor:
        """x[n, c, *s] -> y[n, out_channels, *groupcalc.conv.Conv.out_size]"""
        batch, in_channels, *size = spatial(x)
        geometry = conv(
            in_channels, out_channels, kernel_size, size,
            stride=stride, padding=padding, dilation=dilation, groups=groups, batch=batch, bias=bias, dtype=x.dtype,
            transposed=True, output_padding=output_padding,
        )  # fmt: skip
        for extra, step, spread in zip(geometry.output_padding, geometry.stride, geometry.dilation, strict=True):
            if extra >= max(step, spread):  # torch refuses it too: the extra rows would read no input
                fact = f"output_padding={extra} is not below stride or dilation"
                raise GeometryError(fact, f"use at most {max(step, spread) - 1}")
        return self._append(geometry.layer(name, x, self.repeat))

    def linear(self, name: str, x: Tensor, out_features: int, *, bias: bool = True) -> Tensor:
        """x[..., k] @ w[k, out_features] + b -> y[..., out_features]; exporters write Gemm only for two axes."""
        positive("out_features", out_features)
        *rows, in_features = x.shape
        shape = (*rows, out_features)
        b = weight(f"{name}.bias", (out_features,), x) if bias else None
        if len(rows) == 1:
            w = weight(f"{name}.weight", (out_features, in_features), x)
            attributes = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 1}
            return self.op(name, "Gemm", (x, w, b) if b else (x, w), shape, attributes)
        w = weight(f"{name}.weight", (in_features, out_features), x)
        if b is None:
            return self.op(name, "MatMul", (x, w), shape)
        y = self.op(name, "MatMul", (x, w), shape, output=f"{name}.matmul")
        return self.op(f"{name}.bias", "Add", (y, b), shape, output=name)

    # Activations.

    def unary(self, name: str, x: Tensor, op: str, **attributes: Any) -> Tensor:
        """Any operator of one input that keeps its shape."""
        return self.op(name, op, (x,), x.shape, attributes)

    def relu(self, name: str, x: Tensor) -> Tensor:
        return self.unary(name, x, "Relu")

    def relu6(self, name: str, x: Tensor) -> Tensor:
        return self.clip(name, x, 0.0, 6.0)

    def clip(self, name: str, x: Tensor, least: float, most: float) -> Tensor:
        bounds = (literal(f"{name}.min", (), (least,), x.dtype), literal(f"{name}.max", (), (most,), x.dtype))
        return self.op(name, "Clip", (x, *bounds), x.shape)

    def leaky_relu(self, name: str, x: Tensor, negative_slope: float = 0.01) -> Tensor:
        return self.unary(name, x, "LeakyRelu", alpha=negative_slope)

    def prelu(self, name: str, x: Tensor, num_parameters: int = 1) -> Tensor:
        """x[n, c, *s] -> y[n, c, *s], with one learned slope, or one a channel"""
        if num_parameters != 1 and num_parameters != channels(x):
            fact = f"num_parameters={num_parameters} is not the number of channels of its input {show_shape(x.shape)}"
            raise GeometryError(fact, f"use 1 or {channels(x)}")
        slope = weight(f"{name}.weight", (num_parameters, *(1 for _ in x.shape[2:])), x)
        return self.op(name, "PRelu", (x, slope), x.shape)

    def sigmoid(self, name: str, x: Tensor) -> Tensor:
        return self.unary(name, x, "Sigmoid")

    def silu(self, name: str, x: Tensor) -> Tensor:
        return self.mul(name, x, self.sigmoid(f"{name}.sigmoid", x))

    def hard_swish(self, name: str, x: Tensor) -> Tensor:
        return self.unary(name, x, "HardSwish")

    def hard_sigmoid(self, name: str, x: Tensor) -> Tensor:
        return self.unary(name, x, "HardSigmoid", alpha=1 / 6, beta=0.5)

    def softmax(self, name: str, x: Tensor, dim: int | None = -1, *, op: str = "Softmax") -> Tensor:
        """`dim=None` is torch's old implicit axis: 0 for an input of 0, 1 or 3 axes, else 1."""
        axis = (0 if len(x.shape) in (0, 1, 3) else 1) if dim is None else dim
        checked_axis("dim", axis, x)
        return self.op(name, op, (x,), x.shape, {"axis": axis})

    # Pooling.

    def max_pool(
        self,
        name: str,
        x: Tensor,
        kernel_size: Ints,
        *,
        stride: Ints | None = None,
        padding: Ints = 0,
        dilation: Ints = 1,
        ceil_mode: bool = False,
    ) -> Tensor:
        """x[n, c, *s] -> y[n, c, *windows]; stride is kernel_size unless given"""
        rows = spatial(x)
        window, size = pool_window(rows[2:], kernel_size, stride, padding, dilation, ceil_mode)
        return self.op(name, "MaxPool", (x,), (*rows[:2], *size), {**window, "ceil_mode": int(ceil_mode)})

    def avg_pool(
        self,
        name: str,
        x: Tensor,
        kernel_size: Ints,
        *,
        stride: Ints | None = None,
        padding: Ints = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> Tensor:
        """x[n, c, *s] -> y[n, c, *windows]; stride is kernel_size unless given"""
        rows = spatial(x)
        window, size = pool_window(rows[2:], kernel_size, stride, padding, 1, ceil_mode)
        attributes = {**window, "ceil_mode": int(ceil_mode), "count_include_pad": int(count_include_pad)}
        return self.op(name, "AveragePool", (x,), (*rows[:2], *size), attributes)

    def adaptive_avg_pool(self, name: str, x: Tensor, output_size: int | Sequence[int | None] | None = 1) -> Tensor:
        """x[n, c, *s] -> y[n, c, *output_size]; None keeps an axis as it is"""
        kernel = adaptive_kernel(spatial(x)[2:], output_size)
        if kernel == x.shape[2:]:
            return self.op(name, "GlobalAveragePool", (x,), (*x.shape[:2], *(1 for _ in kernel)))
        return self.avg_pool(name, x, kernel)

    def adaptive_max_pool(self, name: str, x: Tensor, output_size: int | Sequence[int | None] | None = 1) -> Tensor:
        """x[n, c, *s] -> y[n, c, *output_size]; None keeps an axis as it is"""
        kernel = adaptive_kernel(spatial(x)[2:], output_size)
        if kernel == x.shape[2:]:
            return self.op(name, "GlobalMaxPool", (x,), (*x.shape[:2], *(1 for _ in kernel)))
        return self.max_pool(name, x, kernel)

    # Joins, and what does nothing at inference.

    def add(self, name: str, a: Tensor, b: Tensor) -> Tensor:
        return self.op(name, "Add", (a, b), broadcast(a.shape, b.shape))

    def mul(self, name: str, a: Tensor, b: Tensor) -> Tensor:
        return self.op(name, "Mul", (a, b), broadcast(a.shape, b.shape))

    def dropout(self, name: str, x: Tensor) -> Tensor:
        return self.identity(name, x)

    def identity(self, name: str, x: Tensor) -> Tensor:
        return self.unary(name, x, "Identity")
