"""The values of a costing: what a rule says, what a layer costs, and what could not be counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from operator import attrgetter

from groupcalc.conv import Conv
from groupcalc.costs.roofline import Estimate
from groupcalc.graph import Layer, Tensor, Uncounted


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a cost rule says of one layer.

    macs         multiply-adds of inner products
    other_flops  floating-point operations beside them, one each

    Raises ValueError for what counts nothing: an attribute of a file may be a fraction, or below zero.
    """

    macs: int = 0
    other_flops: int = 0

    def __post_init__(self) -> None:
        for count in (self.macs, self.other_flops):
            if not isinstance(count, int) or count < 0:
                raise ValueError(f"{count} is not a whole number from 0 up")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What can be added up. All integers, exact.

    params         elements of learned tensors, each tensor once
    buffers        elements of stored statistics (BatchNormalization's running mean and variance)
    macs           multiply-adds
    flops          2 × macs + other floating-point operations
    weight_bytes   bytes of the constants that are read: params, buffers, constant operands
    input_bytes    bytes of the activations that are read
    output_bytes   bytes of the activations that are written
    dense_macs     macs at groups = 1
    dense_params   params at groups = 1
    """

    params: int = 0
    buffers: int = 0
    macs: int = 0
    flops: int = 0
    weight_bytes: int = 0
    input_bytes: int = 0
    output_bytes: int = 0
    dense_macs: int = 0
    dense_params: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(**{key: getattr(self, key) + getattr(other, key) for key in KEYS})

    def __mul__(self, times: int) -> Cost:
        return Cost(**{key: getattr(self, key) * times for key in KEYS})

    @staticmethod
    def total(costs: Iterable[Cost]) -> Cost:
        """The sum of any number of costs."""
        return Cost(**dict(zip(KEYS, map(sum, zip(*map(_figures, costs), strict=True)), strict=False)))

    @property
    def arithmetic_intensity(self) -> float:
        """FLOP per byte of compulsory traffic; 0.0 where nothing moves."""
        moved = self.weight_bytes + self.input_bytes + self.output_bytes
        return self.flops / moved if moved else 0.0


KEYS = tuple(field.name for field in fields(Cost))
"""The additive figures, in the order of every report; also their JSON keys."""

_figures = attrgetter(*KEYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCost:
    """One row.

    inputs    shapes of the activations that are read
    outputs   shapes of what is written
    repeat    the cost is that of so many equal layers
    shared    the earlier layers whose rows hold tensors that this one uses again
    layer     the layer itself; None when the row was read back from a saved result
    geometry  of a convolution that was read back, where the result holds it
    estimate  the least time of it on a machine, when one was asked for
    """

    name: str
    op: str
    groups: int
    inputs: tuple[tuple[int, ...], ...]
    outputs: tuple[tuple[int, ...], ...]
    cost: Cost
    repeat: int = 1
    shared: tuple[str, ...] = ()
    layer: Layer | None = None
    geometry: Conv | None = None
    estimate: Estimate | None = None

    @property
    def conv(self) -> Conv | None:
        """The convolution that the row is; None when it is none, or its geometry was not saved."""
        return Conv.of(self.layer) if self.layer else self.geometry


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphCost:
    """The cost of a network: rows in node order, and every node that could not be counted.

    path                   the input as given
    totals                 the sum of the rows
    peak_activation_bytes  the largest sum of live activations over the node order
    symbols                the names that the file gives to dimensions of its inputs
    """

    name: str
    path: str
    inputs: tuple[Tensor, ...]
    layers: tuple[LayerCost, ...]
    totals: Cost
    peak_activation_bytes: int
    uncounted: tuple[Uncounted, ...] = ()
    warnings: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
