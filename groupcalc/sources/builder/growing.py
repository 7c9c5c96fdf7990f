"""A network as it grows: layers appended one by one, every name used once, every shape known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from groupcalc.errors import GeometryError
from groupcalc.graph import Graph, Layer, Tensor
from groupcalc.units import show_name, show_shape

Ints = int | Sequence[int]
"""One number for all axes, or one an axis."""


class Growing:
    """The layers so far, in the order in which they run.

    repeat  how many equal layers, each with weights of its own, every call from here on stands for
    """

    def __init__(
        self,
        name: str,
        *,
        input: Sequence[int] | None = None,  # noqa: A002 - reads best where it is written
        dtype: str = "float32",
    ) -> None:
        self.name = name
        self.dtype = dtype
        self.repeat = 1
        self._layers: list[Layer] = []
        self._inputs: list[Tensor] = []
        self._taken: set[str] = set()
        self._read: set[str] = set()
        if input is not None:
            self.source("input", input)

    @property
    def input(self) -> Tensor:
        """The first tensor from outside."""
        return self._inputs[0]

    def source(self, name: str, shape: Sequence[int], dtype: str | None = None) -> Tensor:
        """One more tensor from outside."""
        x = Tensor(name=name, shape=tuple(shape), dtype=dtype or self.dtype)
        self._take(name)
        self._inputs.append(x)
        return x

    def graph(self, *outputs: Tensor) -> Graph:
        """The network; it gives `outputs`, or without any whatever no layer reads."""
        written = [y.name for y in outputs] or [
            y.name for layer in self._layers for y in layer.outputs if y.name not in self._read
        ]
        return Graph(name=self.name, layers=tuple(self._layers), inputs=tuple(self._inputs), outputs=tuple(written))

    def _take(self, name: str) -> None:
        if name in self._taken:
            raise GeometryError(f"the name '{show_name(name)}' is already taken", "give the layer another name")
        self._taken.add(name)

    def _append(self, layer: Layer) -> Tensor:
        for x in layer.inputs:
            if x is not None and x.constant:
                self._take(x.name)
            elif x is not None:
                self._read.add(x.name)
        (y,) = layer.outputs
        self._take(y.name)
        self._layers.append(layer)
        return y

    def op(
        self,
        name: str,
        op: str,
        inputs: Sequence[Tensor | None],
        shape: Sequence[int],
        attributes: Mapping[str, Any] | None = None,
        output: str = "",
    ) -> Tensor:
        """Any ONNX operator whose output shape the caller knows; `output` names what it writes if not `name`."""
        dtype = next((x.dtype for x in inputs if x is not None), self.dtype)
        y = Tensor(name=output or name, shape=tuple(shape), dtype=dtype)
        return self._append(
            Layer(name=name, op=op, inputs=tuple(inputs), outputs=(y,), attributes=attributes or {}, repeat=self.repeat)
        )


def weight(name: str, shape: Sequence[int], x: Tensor) -> Tensor:
    """A learned tensor of the dtype of what it is applied to."""
    return Tensor(name=name, shape=tuple(shape), dtype=x.dtype, constant=True)


def literal(name: str, shape: Sequence[int], numbers: Sequence[float], dtype: str = "int64") -> Tensor:
    """An operand that is an argument and not learned: the shape of a Reshape, the bounds of a Clip."""
    return Tensor(name=name, shape=tuple(shape), dtype=dtype, constant=True, literal=True, numbers=tuple(numbers))


def integers(name: str, numbers: Sequence[int]) -> Tensor:
    """A literal list of integers: a shape, sizes, pads."""
    return literal(name, (len(numbers),), numbers)


def spatial(x: Tensor) -> tuple[int, ...]:
    """The shape of an input that has a batch, channels and at least one further axis."""
    if len(x.shape) < 3:
        raise GeometryError(f"its input {show_shape(x.shape)} has no spatial axis", "give it N×C×H×W")
    return x.shape


def image(x: Tensor) -> tuple[int, int, int, int]:
    """The shape of an input that has two spatial axes."""
    if len(x.shape) != 4:
        raise GeometryError(f"its input {show_shape(x.shape)} is no image", "give it N×C×H×W")
    batch, count, height, width = x.shape
    return batch, count, height, width


def channels(x: Tensor) -> int:
    """The second axis."""
    if len(x.shape) < 2:
        raise GeometryError(f"its input {show_shape(x.shape)} has no channels", "give it N×C, N×C×L or N×C×H×W")
    return x.shape[1]


def positive(argument: str, number: int) -> None:
    """GeometryError for 0 and less."""
    if number < 1:
        raise GeometryError(f"{argument}={number} is not a positive number", "use 1 or more")


def divides(argument: str, number: int, total: int) -> None:
    """GeometryError unless `total` falls into `number` equal parts."""
    positive(argument, number)
    if total % number:
        raise GeometryError(f"{argument}={number} does not divide {total}", f"use a divisor of {total}")


def checked_axis(argument: str, axis: int, x: Tensor) -> int:
    """An axis counted from the front; GeometryError when x has no such axis."""
    rank = len(x.shape)
    if not -rank <= axis < rank:
        fact = f"{argument}={axis} is no axis of {show_shape(x.shape)}"
        raise GeometryError(fact, f"use {-rank} to {rank - 1}" if rank else "")
    return axis % rank
