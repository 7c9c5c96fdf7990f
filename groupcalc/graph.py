"""The network as plain values: tensors with known shapes, layers in order, and what stayed unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from groupcalc.errors import GeometryError
from groupcalc.units import show_name, show_shape

MAX_ELEMENTS = 2**63 - 1
"""ONNX dimensions are int64, so no runtime can hold a tensor of more elements."""

MAX_RANK = 64
"""As NumPy has it; a shape without end would take time without end."""

BITS = {
    "bool": 8, "string": 0, "int2": 2, "uint2": 2, "int4": 4, "uint4": 4,
    "int8": 8, "uint8": 8, "int16": 16, "uint16": 16, "int32": 32, "uint32": 32, "int64": 64, "uint64": 64,
    "float4_e2m1fn": 4, "float8_e4m3fn": 8, "float8_e4m3fnuz": 8, "float8_e5m2": 8, "float8_e5m2fnuz": 8,
    "float8_e8m0fnu": 8, "float6_e2m3fn": 6, "float6_e3m2fn": 6,
    "bfloat16": 16, "float16": 16, "float32": 32, "float64": 64,
    "complex64": 64, "complex128": 128,
}  # fmt: skip
"""Bits of one element by numpy (or ml_dtypes) dtype name; the length of a string is known only at run time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """An array by name, shape and dtype; its elements are not kept.

    constant  its value is fixed when the network is loaded (an initializer, a Constant node)
    held      the constants that it is a view of: a weight behind Transpose or DequantizeLinear holds
              the stored one; empty when it is stored itself
    literal   a number of the formula or of shape arithmetic, known before anything runs: neither learned nor moved

    Raises GeometryError for a negative dimension and for more than 2**63 - 1 elements.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    constant: bool = False
    held: tuple[Tensor, ...] = ()
    literal: bool = False

    def __post_init__(self) -> None:
        if len(self.shape) > MAX_RANK:
            raise self._fault(f"has {len(self.shape)} dimensions; {MAX_RANK} are the most")
        if self.shape and min(self.shape) < 0:
            raise self._fault(f"has a negative dimension: {show_shape(self.shape)}")
        if prod(self.shape) > MAX_ELEMENTS:
            raise self._fault(f"has 2^63 elements or more: {show_shape(self.shape)}")

    def _fault(self, fact: str) -> GeometryError:
        return GeometryError(f"tensor '{show_name(self.name)}' {fact}", "no runtime can hold it")

    @property
    def size(self) -> int:
        """Elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes; types narrower than a byte are packed, as ONNX stores them."""
        return (prod(self.shape) * BITS[self.dtype] + 7) // 8

    @property
    def stored(self) -> tuple[Tensor, ...]:
        """The stored constants behind this tensor; empty for an activation."""
        if not self.constant:
            return ()
        return self.held or (self,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One operator with all of its shapes known.

    op          the ONNX op_type, spelled exactly; outside the default domain `domain::op_type`
    inputs      in the operator's order; None stands for an optional input that is left out
    attributes  ONNX attributes; geometry goes by its PyTorch names (kernel_size stride padding dilation groups),
                padding as one (before, after) pair an axis
    repeat      how many such layers, each with weights of its own, stand here
    times       how often it runs with the same weights: the trips of a loop; 0 in a branch that is not taken
    blocks      what the node runs instead of arithmetic of its own, `times` each. Of several, the branches of an If,
                one runs; a single one is the body of a function whose calls are too many to be expanded
    """

    name: str
    op: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    repeat: int = 1
    times: int = 1
    blocks: tuple[tuple[Layer, ...], ...] = ()


def ran(layers: Iterable[Layer], times: int) -> tuple[Layer, ...]:
    """The same layers, each run so many times as often."""
    return tuple([replace(layer, times=layer.times * times) for layer in layers])


MISFIT = "its inputs or attributes are not those of the operator"
"""Why a node is uncounted that a rule or a table knows, and that is not what its operator takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncounted:
    """A node that the figures leave out, and why."""

    name: str
    op: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A network: layers in the order in which they run.

    inputs      the activations that come from outside
    outputs     names of the tensors that leave the graph: they stay live to the end
    symbols     the names that the file gives to dimensions of its inputs
    unresolved  nodes without a known shape, in node order
    warnings    facts about the file that change no figure, a line each
    """

    name: str
    layers: tuple[Layer, ...]
    inputs: tuple[Tensor, ...] = ()
    outputs: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    unresolved: tuple[Uncounted, ...] = ()
    warnings: tuple[str, ...] = ()
