"""Resampling: taps that are weighed and added."""

from __future__ import annotations

from groupcalc.costs.cost import Work
from groupcalc.costs.rules.pointwise import elementwise
from groupcalc.costs.rules.registry import cost_rule, out, tensor
from groupcalc.graph import Layer

INTERPOLATION = {"nearest": 0, "linear": 2, "cubic": 4}
"""Taps an axis."""


@cost_rule("Resize", "Upsample", "com.microsoft.nchwc::Upsample", arguments=(1, 2, 3))
def resize(layer: Layer) -> Work:
    """nearest copies; linear weighs 2 taps an axis that is resized, cubic 4: a product and an add each"""
    x, y = tensor(layer, 0), layer.outputs[0]
    taps = INTERPOLATION.get(str(layer.attributes.get("mode", "nearest")), 2)
    axes = sum(a != b for a, b in zip(x.shape, y.shape, strict=True))
    return Work(other_flops=2 * taps**axes * y.size if taps and axes else 0)


@cost_rule("GridSample", "com.microsoft::GridSample")
def grid_sample(layer: Layer) -> Work:
    """nearest copies; linear weighs 2 taps an axis, cubic 4: a product and an add each"""
    mode = str(layer.attributes.get("mode", "linear")).removeprefix("bi")
    taps = INTERPOLATION.get(mode, 2) ** (len(layer.outputs[0].shape) - 2)
    return Work(other_flops=2 * taps * out(layer))


@cost_rule("MaxRoiPool", arguments=(1,))
def max_roi_pool(layer: Layer) -> Work:
    """one FLOP an output element: how many elements a region covers is known only at run time"""
    return elementwise(layer)


@cost_rule("RoiAlign", arguments=(1, 2))
def roi_align(layer: Layer) -> Work:
    """4 weighed taps a sampling point: a product and an add each; sampling_ratio 0 is taken as one point"""
    points = max(1, int(layer.attributes.get("sampling_ratio", 0))) ** 2
    return Work(other_flops=8 * points * out(layer))
