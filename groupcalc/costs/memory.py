"""The peak of live activation bytes while the layers run in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from groupcalc.costs.rules import RULES
from groupcalc.graph import Layer, Tensor


def peak_activation_bytes(
    layers: Sequence[Layer],
    inputs: Sequence[Tensor] = (),
    outputs: Iterable[str] = (),
    inner_peak: Callable[[Layer], int] = lambda call: 0,
) -> int:
    """The largest sum of live activations over the node order.

    A tensor is live from the layer that writes it, an input from the start, to the last layer that reads it; an
    output stays to the end. While a layer runs, what it reads and what it writes are both live; a call lives on what
    `inner_peak` says of its body. A view shares the memory of what it views. Constants are no activations. A repeated
    layer needs the memory of one, a loop that of one trip.
    """
    homes, last = _lifetimes(layers, inputs, outputs)
    ends: list[int] = [0] * (len(layers) + 1)
    sizes = {tensor.name: tensor.nbytes for tensor in inputs}
    live = peak = 0
    for name, size in sizes.items():
        live += size
        ends[last[name]] += size
    peak = live
    for step, layer in enumerate(layers):
        if layer.blocks:
            peak = max(peak, live + inner_peak(layer))
        for tensor in layer.outputs:
            if homes[tensor.name] == tensor.name:
                live += tensor.nbytes
                ends[last[tensor.name]] += tensor.nbytes
        peak = max(peak, live)
        live -= ends[step]
    return peak


def _lifetimes(
    layers: Sequence[Layer], inputs: Sequence[Tensor], outputs: Iterable[str]
) -> tuple[dict[str, str], dict[str, int]]:
    """Whose memory each activation lives in, and the last step at which that memory is needed."""
    homes = {tensor.name: tensor.name for tensor in inputs}
    last = dict.fromkeys(homes, 0)
    for step, layer in enumerate(layers):
        rule = RULES.get(layer.op)
        viewed = layer.inputs[0] if rule is not None and rule.view and layer.inputs and not layer.blocks else None
        for tensor in layer.inputs:
            if tensor is not None and tensor.name in homes:
                last[homes[tensor.name]] = step
        for tensor in layer.outputs:
            home = homes.get(viewed.name, tensor.name) if viewed is not None else tensor.name
            homes[tensor.name] = home
            last[home] = step
    for name in outputs:
        if name in homes:
            last[homes[name]] = len(layers)
    return homes, last
