"""What a row is, in one phrase: `Conv 128→128 k3 s1 g32`, `Gemm 2048→1000`."""

from __future__ import annotations

from collections.abc import Sequence

from groupcalc.conv import Conv
from groupcalc.costs.cost import LayerCost
from groupcalc.units import show_shape

Shape = tuple[int, ...]


def describe(row: LayerCost, groups: bool = True) -> str:
    """The operator with the geometry that decides its cost; `groups=False` leaves the grouping out.

    Nothing for a sum of rows.
    """
    if not row.op:
        return ""
    conv = row.conv
    words = [row.op, _geometry(conv, groups) if conv else _operands(row)]
    if row.repeat > 1:
        words.append(f"×{row.repeat}")
    return " ".join(word for word in words if word)


def _geometry(conv: Conv, groups: bool) -> str:
    words = [f"{conv.in_channels}→{conv.out_channels}"]
    if conv.kernel_size:
        words += [f"k{_by(conv.kernel_size)}", f"s{_by(conv.stride)}"]
    if any(step != 1 for step in conv.dilation):
        words.append(f"d{_by(conv.dilation)}")
    if groups and conv.groups > 1:
        words.append("dw" if conv.depthwise else f"g{conv.groups}")
    return " ".join(words)


def _operands(row: LayerCost) -> str:
    """Matrix products by what they multiply, all else by the shape of what they write."""
    if not row.outputs or not row.outputs[0]:
        return ""
    if row.op in ("Gemm", "MatMul") and row.inputs and all(row.inputs):
        if len(row.inputs) > 1:
            return " · ".join(map(_unbatched, row.inputs[:2]))
        x, y = row.inputs[0], row.outputs[0]
        return f"{x[0] if row.op == 'Gemm' and x[0] != y[0] else x[-1]}→{y[-1]}"  # x[k, n] where transA is set
    return _unbatched(row.outputs[0])


def _unbatched(shape: Shape) -> str:
    """The shape; a leading 1, the batch nearly always, tells nothing."""
    return show_shape(shape[1:] if len(shape) > 1 and shape[0] == 1 else shape)


def _by(sizes: Sequence[int]) -> str:
    return str(sizes[0]) if len(set(sizes)) == 1 else show_shape(sizes)
