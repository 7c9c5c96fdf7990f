"""Signals: Fourier transforms and their windows."""

from __future__ import annotations

from groupcalc.costs.cost import Work
from groupcalc.costs.rules.registry import UncountableError, cost_rule, given, out, tensor
from groupcalc.graph import Layer


def _transforms(count: int, length: int, real: bool) -> int:
    """FLOPs of so many fast Fourier transforms."""
    steps = max(length - 1, 0).bit_length()
    return count * 5 * length * steps // (2 if real else 1)


@cost_rule("DFT", arguments=(1, 2))
def dft(layer: Layer) -> Work:
    """a fast transform of length k: 5 · k · ⌈log₂ k⌉ FLOPs, half of it where one side is real; no MACs

    No runtime multiplies with the k × k matrix; 5 · k · log₂ k is what FFTW and cuFFT state their speed by.
    """
    x, y = tensor(layer, 0), layer.outputs[0]
    if "axis" not in layer.attributes:
        raise UncountableError("which axis it transforms is known only at run time")
    axis = range(len(x.shape))[int(layer.attributes["axis"])]
    if given(layer, 1) and "dft_length" not in layer.attributes:
        raise UncountableError("how long its transforms are is known only at run time")
    length = int(layer.attributes.get("dft_length", x.shape[axis]))
    count = 1
    for place, size in enumerate(x.shape[:-1]):
        count *= 1 if place == axis else size
    return Work(other_flops=_transforms(count, max(length, 0), real=1 in (x.shape[-1], y.shape[-1])))


@cost_rule("STFT", arguments=(1, 3), buffers=(2,))
def stft(layer: Layer) -> Work:
    """a fast transform of length k a frame: 5 · k · ⌈log₂ k⌉ FLOPs, half of it for a real signal, and k products with
    the window; no MACs"""
    x, (n, frames, *_) = tensor(layer, 0), layer.outputs[0].shape
    if "frame_length" not in layer.attributes and not given(layer, 2):
        raise UncountableError("how long its frames are is known only at run time")
    length = int(layer.attributes["frame_length"]) if "frame_length" in layer.attributes else tensor(layer, 2).size
    parts = x.shape[2] if len(x.shape) == 3 else 1
    windowed = n * frames * length * parts if given(layer, 2) else 0
    return Work(other_flops=windowed + _transforms(n * frames, max(length, 0), real=parts == 1))


@cost_rule("HannWindow", "HammingWindow", arguments=(0,))
def cosine_window(layer: Layer) -> Work:
    """a - b · cos(c · i): angle, cosine, product, difference: 4 FLOPs an element"""
    return Work(other_flops=4 * out(layer))


@cost_rule("BlackmanWindow", arguments=(0,))
def blackman_window(layer: Layer) -> Work:
    """a - b · cos(c · i) + d · cos(2c · i): two angles, cosines and products, two adds: 8 FLOPs an element"""
    return Work(other_flops=8 * out(layer))


@cost_rule("MelWeightMatrix", arguments=(0, 1, 2, 3, 4))
def mel_weight_matrix(layer: Layer) -> Work:
    """a triangle a band: difference and quotient, 2 FLOPs an element"""
    return Work(other_flops=2 * out(layer))
