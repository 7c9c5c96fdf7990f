"""The builder as architectures use it: an image of the wanted size, and convolutions followed by BatchNorm."""

from __future__ import annotations

from typing import Any

from groupcalc.errors import GeometryError
from groupcalc.graph import Tensor
from groupcalc.sources.builder import Builder


class Net(Builder):
    """A network in the making; errors name the layer.

    batch  images at once
    size   height and width of the image
    """

    def __init__(self, name: str, *, batch: int, size: tuple[int, int]) -> None:
        super().__init__(name)
        self.batch = batch
        self.size = size

    def image(self, channels: int = 3) -> Tensor:
        """The image that the network reads."""
        return self.source("input", (self.batch, channels, *self.size))

    def conv(self, name: str, x: Tensor, *arguments: Any, **named: Any) -> Tensor:
        """As Builder.conv."""
        try:
            return super().conv(name, x, *arguments, **named)
        except GeometryError as error:
            raise error.within(f"layer '{name}'") from error.__cause__

    def max_pool(self, name: str, x: Tensor, *arguments: Any, **named: Any) -> Tensor:
        """As Builder.max_pool."""
        try:
            return super().max_pool(name, x, *arguments, **named)
        except GeometryError as error:
            raise error.within(f"layer '{name}'") from error.__cause__

    def conv_bn(
        self, name: str, x: Tensor, out_channels: int, kernel_size: int = 1, *, stride: int = 1, groups: int = 1
    ) -> Tensor:
        """A convolution that keeps the size but for its stride, without bias, and BatchNorm."""
        padding = kernel_size // 2
        x = self.conv(name, x, out_channels, kernel_size, stride=stride, padding=padding, groups=groups, bias=False)
        return self.batch_norm(f"{name}.bn", x)

    def conv_relu(
        self, name: str, x: Tensor, out_channels: int, kernel_size: int = 1, *, stride: int = 1, groups: int = 1
    ) -> Tensor:
        """`conv_bn`, and ReLU."""
        return self.relu(f"{name}.relu", self.conv_bn(name, x, out_channels, kernel_size, stride=stride, groups=groups))

    def depthwise(self, name: str, x: Tensor, kernel_size: int = 3, *, stride: int = 1) -> Tensor:
        """`conv_bn` with one input channel a group, and as many outputs."""
        return self.conv_bn(name, x, x.shape[1], kernel_size, stride=stride, groups=x.shape[1])

    def classifier(self, name: str, x: Tensor, classes: int) -> Tensor:
        """Global average pooling and a linear layer."""
        x = self.flatten(f"{name}.flatten", self.adaptive_avg_pool(f"{name}.pool", x))
        return self.linear(name, x, classes)
