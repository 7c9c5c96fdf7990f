"""The PyTorch modules that make.py exports: small, one architectural idea each, written for this test.

`CASES` lists them. A case says how to build its module, the input shapes to export with, which axes are dynamic in the
dynamic variant, and the values those dimensions take when the module is measured; they differ from the exported example
on purpose, so that a reader of the file cannot get the figures right from recorded shapes. Nothing here runs in the
test suite: the tests read the exported files and expected.json.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

Axes = dict[int, str]

IMAGE: Axes = {0: "batch", 2: "height", 3: "width"}
BATCH: Axes = {0: "batch"}
TOKENS: Axes = {0: "batch", 1: "tokens"}
DIMS = {"batch": 3, "height": 40, "width": 56}


@dataclass(frozen=True)
class Case:
    """A module, the shapes to export and measure it with, and what is known to go wrong."""

    name: str
    text: str
    build: Callable[[], nn.Module]
    shapes: tuple[tuple[int, ...], ...]
    axes: tuple[Axes, ...] = (IMAGE,)
    dims: dict[str, int] = field(default_factory=lambda: DIMS)
    opset: int | None = None
    """The opset version asked for, where not the exporter's default."""
    exporters: tuple[str, ...] = ("ts", "dynamo")
    raw: bool = False
    """Whether the graph of the `dynamo` exporter without its optimizer is worth a file too."""
    folds: bool = True
    """Whether its BatchNorms, if any, can be folded."""
    fails: dict[str, str] = field(default_factory=dict)
    """Part of a variant's name (`ts-dynamic`, `dynamo`, …) -> why it is not exported."""
    differs: dict[str, tuple[dict[str, int], str]] = field(default_factory=dict)
    """Part of a variant's name -> figures of the exported graph (`onnx_macs`, `onnx_params`, `constants`) and why."""


class Net(nn.Module):
    """Named children and a function that is given the module and the inputs."""

    def __init__(self, forward: Callable[..., Any], **children: nn.Module | nn.Parameter) -> None:
        super().__init__()
        self._forward = forward
        for name, child in children.items():
            setattr(self, name, child)

    def forward(self, *inputs: Tensor) -> Any:
        return self._forward(self, *inputs)


def parameter(*shape: int) -> nn.Parameter:
    """A learned tensor drawn at random."""
    return nn.Parameter(torch.randn(shape) * 0.02)


def conv_bn(cin: int, cout: int, kernel: int = 1, act: bool = True, **options: Any) -> nn.Sequential:
    """Convolution without bias, BatchNorm, and usually ReLU."""
    layers: list[nn.Module] = [nn.Conv2d(cin, cout, kernel, bias=False, **options), nn.BatchNorm2d(cout)]
    return nn.Sequential(*layers, nn.ReLU()) if act else nn.Sequential(*layers)


# ---------------------------------------------------------------------------------------------------- attention


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(batch, tokens, dim) -> (batch, heads, tokens, dim / heads)."""
    batch, tokens, dim = x.shape
    return x.reshape(batch, tokens, heads, dim // heads).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """The inverse of split_heads."""
    batch, heads, tokens, dim = x.shape
    return x.transpose(1, 2).reshape(batch, tokens, heads * dim)


class SelfAttention(nn.Module):
    """Multi-head self-attention from plain matrix products; optionally causal."""

    def __init__(self, dim: int, heads: int, causal: bool = False) -> None:
        super().__init__()
        self.heads, self.causal, self.scale = heads, causal, (dim // heads) ** -0.5
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (split_heads(part, self.heads) for part in self.qkv(x).chunk(3, dim=-1))
        scores = torch.matmul(q, k.transpose(-2, -1)) * self.scale
        if self.causal:
            place = torch.arange(x.shape[1], device=x.device)
            scores = scores.masked_fill(place[None, :] > place[:, None], float("-inf"))
        return self.out(merge_heads(torch.matmul(scores.softmax(-1), v)))


class CrossAttention(nn.Module):
    """Queries from one input, keys and values from another with its own number of tokens."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key_value = nn.Linear(dim, dim, bias=False), nn.Linear(dim, 2 * dim, bias=False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        q = split_heads(self.query(x), self.heads)
        k, v = (split_heads(part, self.heads) for part in self.key_value(y).chunk(2, dim=-1))
        return merge_heads((q @ k.transpose(-2, -1)).softmax(-1) @ v)


class Sdpa(nn.Module):
    """F.scaled_dot_product_attention on three projections."""

    def __init__(self, dim: int, heads: int, causal: bool = False) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv = nn.Linear(dim, 3 * dim)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (split_heads(part, self.heads) for part in self.qkv(x).chunk(3, dim=-1))
        return merge_heads(F.scaled_dot_product_attention(q, k, v, is_causal=self.causal))


class Encoder(nn.Module):
    """A pre-norm transformer encoder block."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = SelfAttention(dim, heads)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class VisionTransformer(nn.Module):
    """Patch embedding by convolution, class token, position embedding, two encoder blocks, a linear head."""

    def __init__(self, resize: bool) -> None:
        super().__init__()
        self.resize = resize
        self.patch = nn.Conv2d(3, 32, 8, stride=8)
        self.token, self.position = parameter(1, 1, 32), parameter(1, 17 if not resize else 16, 32)
        self.blocks = nn.Sequential(Encoder(32, 4), Encoder(32, 4))
        self.norm, self.head = nn.LayerNorm(32), nn.Linear(32, 10)

    def positions(self, size: Any) -> Tensor:
        """The learned 4x4 grid of positions, interpolated to the size of the present grid of patches."""
        grid = self.position.reshape(1, 4, 4, 32).permute(0, 3, 1, 2)
        return F.interpolate(grid, size=size, mode="bilinear", align_corners=False).flatten(2).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x)
        size = x.shape[-2:]
        x = x.flatten(2).transpose(1, 2)
        if self.resize:
            x = x + self.positions(size)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1)
        if not self.resize:
            x = x + self.position
        return self.head(self.norm(self.blocks(x))[:, 0])


class Window(nn.Module):
    """Shifted-window attention (Swin): pad to whole windows, roll, partition, attend under a mask, and all back."""

    def __init__(self, dim: int, heads: int, size: int, shift: int) -> None:
        super().__init__()
        self.heads, self.size, self.shift = heads, size, shift
        self.norm, self.qkv, self.out = nn.LayerNorm(dim), nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.bias = parameter((2 * size - 1) ** 2, heads)
        place = torch.arange(size)
        dy = (place[:, None] - place[None, :] + size - 1)[:, None, :, None]
        dx = (place[:, None] - place[None, :] + size - 1)[None, :, None, :]
        self.register_buffer("places", (dy * (2 * size - 1) + dx).reshape(-1), persistent=False)

    def partition(self, x: Tensor) -> Tensor:
        """(batch, h, w, c) -> (batch * windows, size * size, c)."""
        batch, h, w, c = x.shape
        size = self.size
        x = x.reshape(batch, h // size, size, w // size, size, c)
        return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, size * size, c)

    def region(self, length: Any) -> Tensor:
        """The part of the rolled axis that a position came from: 0, 1 or 2."""
        place = torch.arange(length)
        return (place >= length - self.size).long() + (place >= length - self.shift).long()

    def mask(self, h: Any, w: Any) -> Tensor:
        """(windows, 1, tokens, tokens), large and negative between positions that are no neighbours in the image."""
        ids = (self.region(h)[:, None] * 3 + self.region(w)[None, :])[None, :, :, None]
        ids = self.partition(ids)[:, :, 0]
        return (ids[:, None, :, None] != ids[:, None, None, :]).float() * -100.0

    def attend(self, x: Tensor, mask: Tensor) -> Tensor:
        """Attention in each window; windows of one image are consecutive."""
        q, k, v = (split_heads(part, self.heads) for part in self.qkv(x).chunk(3, dim=-1))
        tokens = self.size * self.size
        bias = self.bias[self.places].reshape(tokens, tokens, self.heads).permute(2, 0, 1)
        scores = q @ k.transpose(-2, -1) * (q.shape[-1] ** -0.5) + bias
        scores = scores.reshape(-1, mask.shape[0], self.heads, tokens, tokens) + mask
        scores = scores.reshape(-1, self.heads, tokens, tokens)
        return self.out(merge_heads(scores.softmax(-1) @ v))

    def forward(self, x: Tensor) -> Tensor:
        batch, height, width, c = x.shape
        size, shift = self.size, self.shift
        y = F.pad(self.norm(x), (0, 0, 0, (size - width % size) % size, 0, (size - height % size) % size))
        h, w = y.shape[1], y.shape[2]
        y = torch.roll(y, shifts=(-shift, -shift), dims=(1, 2))
        y = self.attend(self.partition(y), self.mask(h, w))
        y = y.reshape(batch, h // size, w // size, size, size, c).permute(0, 1, 3, 2, 4, 5).reshape(batch, h, w, c)
        y = torch.roll(y, shifts=(shift, shift), dims=(1, 2))
        return x + y[:, :height, :width, :]


class NonLocal(nn.Module):
    """Attention over all positions of a feature map, its projections being 1x1 convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.q, self.k = nn.Conv2d(channels, channels // 2, 1), nn.Conv2d(channels, channels // 2, 1)
        self.v = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        q, k, v = (layer(x).reshape(batch, -1, height * width) for layer in (self.q, self.k, self.v))
        scores = torch.bmm(q.transpose(1, 2), k).softmax(-1)
        return x + torch.bmm(v, scores.transpose(1, 2)).reshape(batch, channels, height, width)


# ------------------------------------------------------------------------------------- blocks of known networks


class ResNeXt(nn.Module):
    """ResNeXt bottleneck with a projected shortcut: 1x1, 3x3 in 32 groups with the stride, 1x1."""

    def __init__(self) -> None:
        super().__init__()
        self.reduce, self.expand = conv_bn(32, 64), conv_bn(64, 128, act=False)
        self.grouped = conv_bn(64, 64, 3, stride=2, padding=1, groups=32)
        self.project = conv_bn(32, 128, act=False, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.expand(self.grouped(self.reduce(x))) + self.project(x))


class Inverted(nn.Module):
    """MobileNetV2's inverted residual: expand, depthwise, linear bottleneck, add."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(16, 96, 1, bias=False), nn.BatchNorm2d(96), nn.ReLU6(),
            nn.Conv2d(96, 96, 3, padding=1, groups=96, bias=False), nn.BatchNorm2d(96), nn.ReLU6(),
            nn.Conv2d(96, 16, 1, bias=False), nn.BatchNorm2d(16),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """Interleave the groups of channels by reshape, transpose, reshape."""
    batch, channels, height, width = x.shape
    x = x.reshape(batch, groups, channels // groups, height, width).transpose(1, 2)
    return x.reshape(batch, channels, height, width)


class ShuffleV1(nn.Module):
    """ShuffleNet unit with stride 2: grouped 1x1, shuffle, depthwise, grouped 1x1, concatenated with a pooled input."""

    def __init__(self) -> None:
        super().__init__()
        self.first = conv_bn(24, 12, groups=3)
        self.depthwise = conv_bn(12, 12, 3, act=False, stride=2, padding=1, groups=12)
        self.second = conv_bn(12, 36, act=False, groups=3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.depthwise(channel_shuffle(self.first(x), 3)))
        return F.relu(torch.cat([F.avg_pool2d(x, 3, stride=2, padding=1), y], dim=1))


class ShuffleV2(nn.Module):
    """ShuffleNetV2 unit with stride 1: half of the channels pass by, then both halves are shuffled."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv_bn(16, 16), conv_bn(16, 16, 3, act=False, padding=1, groups=16), conv_bn(16, 16)
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.chunk(2, dim=1)
        return channel_shuffle(torch.cat([left, self.body(right)], dim=1), 2)


class ConvNeXt(nn.Module):
    """Depthwise 7x7, LayerNorm over channels last, two linear layers, GELU, layer scale, residual."""

    def __init__(self) -> None:
        super().__init__()
        self.depthwise, self.norm = nn.Conv2d(24, 24, 7, padding=3, groups=24), nn.LayerNorm(24)
        self.up, self.down, self.scale = nn.Linear(24, 96), nn.Linear(96, 24), parameter(24)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.scale * self.down(F.gelu(self.up(y)))
        return x + y.permute(0, 3, 1, 2)


class DenseBlock(nn.Module):
    """Three BatchNorm-ReLU-convolution layers, each fed with all that came before it."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(16 + 8 * i) for i in range(3))
        self.convs = nn.ModuleList(nn.Conv2d(16 + 8 * i, 8, 3, padding=1, bias=False) for i in range(3))

    def forward(self, x: Tensor) -> Tensor:
        for norm, conv in zip(self.norms, self.convs, strict=True):
            x = torch.cat([x, conv(F.relu(norm(x)))], dim=1)
        return x


class Interleaved(nn.Module):
    """IGC block: a primary 3x3 group convolution (L parts of M channels), a permutation, a secondary 1x1, and back."""

    def __init__(self, parts: int, channels: int) -> None:
        super().__init__()
        wide, self.parts, self.channels = parts * channels, parts, channels
        self.primary = nn.Conv2d(wide, wide, 3, padding=1, groups=parts, bias=False)
        self.secondary, self.norm = nn.Conv2d(wide, wide, 1, groups=channels, bias=False), nn.BatchNorm2d(wide)

    def forward(self, x: Tensor) -> Tensor:
        x = self.secondary(channel_shuffle(self.primary(x), self.parts))
        return F.relu(self.norm(channel_shuffle(x, self.channels)))


class GlobalDepthwise(nn.Module):
    """MobileFaceNet's end: a depthwise kernel as large as the map, a 1x1 convolution, an embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.depthwise, self.linear = conv_bn(32, 32, 7, act=False, groups=32), conv_bn(32, 16, act=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(self.linear(self.depthwise(x)).flatten(1))


class SqueezeExcite(nn.Module):
    """Channel weights from a pooled vector, through two linear layers or two 1x1 convolutions."""

    def __init__(self, linear: bool) -> None:
        super().__init__()
        self.linear = linear
        self.down: nn.Module = nn.Linear(32, 8) if linear else nn.Conv2d(32, 8, 1)
        self.up: nn.Module = nn.Linear(8, 32) if linear else nn.Conv2d(8, 32, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = x.mean((2, 3)) if self.linear else F.adaptive_avg_pool2d(x, 1)
        y = torch.sigmoid(self.up(F.relu(self.down(y))))
        return x * (y[:, :, None, None] if self.linear else y)


class Pyramid(nn.Module):
    """FPN: three levels, each upper one resized to the lower one's own size, added and smoothed."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(nn.Conv2d(c, 2 * c, 3, stride=2, padding=1) for c in (4, 8, 16))
        self.laterals = nn.ModuleList(nn.Conv2d(c, 8, 1) for c in (8, 16, 32))
        self.smooth = nn.ModuleList(nn.Conv2d(8, 8, 3, padding=1) for _ in range(3))

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for stage, lateral in zip(self.stages, self.laterals, strict=True):
            x = F.relu(stage(x))
            maps.append(lateral(x))
        for i in (1, 0):
            maps[i] = maps[i] + F.interpolate(maps[i + 1], size=maps[i].shape[-2:], mode="nearest")
        return [smooth(m) for smooth, m in zip(self.smooth, maps, strict=True)]


class UNet(nn.Module):
    """Two levels down by max pooling, two up by transposed convolution, joined by concatenation."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.down = conv_bn(3, 8, 3, padding=1), conv_bn(8, 16, 3, padding=1)
        self.middle = conv_bn(16, 32, 3, padding=1)
        self.up1, self.up2 = nn.ConvTranspose2d(32, 16, 2, stride=2), nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.join1, self.join2 = conv_bn(32, 16, 3, padding=1), conv_bn(16, 8, 3, padding=1)
        self.out = nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        a = self.enter(x)
        b = self.down(F.max_pool2d(a, 2))
        y = self.up1(self.middle(F.max_pool2d(b, 2)))
        y = self.up2(self.join1(torch.cat([y, b], dim=1)))
        return self.out(self.join2(torch.cat([y, a], dim=1)))


class Atrous(nn.Module):
    """ASPP: parallel dilated convolutions and image pooling, resized back and concatenated."""

    def __init__(self) -> None:
        super().__init__()
        self.rates = nn.ModuleList(nn.Conv2d(16, 8, 3, padding=r, dilation=r, bias=False) for r in (1, 3, 6))
        self.pool, self.project = nn.Conv2d(16, 8, 1), nn.Conv2d(32, 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        pooled = F.interpolate(self.pool(x.mean((2, 3), keepdim=True)), size=x.shape[-2:], mode="bilinear")
        return self.project(torch.cat([conv(x) for conv in self.rates] + [pooled], dim=1))


# ------------------------------------------------------------------------------- weights and shapes at run time


def dynamic_conv(m: Any, x: Tensor) -> Tensor:
    """A 3x3 convolution whose weights a linear layer makes from the pooled batch."""
    weight = m.make(x.mean((0, 2, 3))[None]).reshape(6, 8, 3, 3)
    return F.conv2d(x, weight, padding=1)


def per_sample_conv(m: Any, x: Tensor) -> Tensor:
    """A kernel per image, all in one group convolution with a group (here: 4 channels) for each image."""
    batch, channels, height, width = x.shape
    weight = m.make(x.mean((2, 3))).reshape(batch * 6, channels, 3, 3)
    y = F.conv2d(x.reshape(1, batch * channels, height, width), weight, padding=1, groups=batch)
    return y.reshape(batch, 6, height, width)


def attended_kernels(m: Any, x: Tensor) -> Tensor:
    """CondConv: a weighted sum of four learned grouped kernels, the weights being computed from the input."""
    mixture = m.route(x.mean((0, 2, 3))[None]).softmax(-1)
    weight = (mixture.reshape(4, 1, 1, 1, 1) * m.kernels).sum(0)
    return F.conv2d(x, weight, stride=2, groups=2)


def halves(m: Any, x: Tensor) -> Tensor:
    """The upper half and the right half of the map, by ends computed from its size, each through a convolution."""
    top = m.a(x[:, :, : x.shape[2] // 2])
    right = m.b(x[..., x.shape[3] // 2 :])
    return top.mean((2, 3)) + right.mean((2, 3))


def pad_even(m: Any, x: Tensor) -> Tensor:
    """TensorFlow's SAME padding for stride 2, computed from the size of the map."""
    height, width = x.shape[-2:]
    rows, columns = (height + 1) // 2 * 2 + 1 - height, (width + 1) // 2 * 2 + 1 - width
    return m.conv(F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)))


def coordinates(m: Any, x: Tensor) -> Tensor:
    """CoordConv: two channels of coordinates made from the size of the map."""
    batch, _, height, width = x.shape
    rows = torch.arange(height).to(x.dtype).reshape(1, 1, -1, 1).expand(batch, 1, height, width)
    columns = torch.arange(width).to(x.dtype).reshape(1, 1, 1, -1).expand(batch, 1, height, width)
    return m.conv(torch.cat([x, rows, columns], dim=1))


def pyramid_pool(m: Any, x: Tensor) -> Tensor:
    """SPP: adaptive pooling to 1, 2 and 4, flattened, concatenated, classified."""
    parts = [F.adaptive_max_pool2d(x, n).flatten(1) for n in (1, 2)] + [F.adaptive_avg_pool2d(x, 4).flatten(1)]
    return m.head(torch.cat(parts, dim=1))


def pool_ladder(m: Any, x: Tensor) -> Tensor:
    """SPPF: three max poolings of 5x5 in a row, all four maps concatenated."""
    x = m.enter(x)
    a = F.max_pool2d(x, 5, stride=1, padding=2)
    b = F.max_pool2d(a, 5, stride=1, padding=2)
    return m.leave(torch.cat([x, a, b, F.max_pool2d(b, 5, stride=1, padding=2)], dim=1))


def patch_merge(m: Any, x: Tensor) -> Tensor:
    """Swin's patch merging: four strided slices concatenated, normalised, projected."""
    parts = [x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)]
    return m.project(m.norm(torch.cat(parts, dim=-1)))


def einsum_net(m: Any, x: Tensor) -> Tensor:
    """Attention and a projection per head, all written as einsum."""
    q, k, v = (torch.einsum("btc,chd->bhtd", x, w) for w in (m.q, m.k, m.v))
    scores = torch.einsum("bhid,bhjd->bhij", q, k).softmax(-1)
    return torch.einsum("bhij,bhjd,hdc->bic", scores, v, m.out)


def einsum_wide(m: Any, x: Tensor) -> Tensor:
    """Einsum with an ellipsis, and a contraction over two axes at once."""
    y = torch.einsum("...c,cd->...d", x.permute(0, 2, 3, 1), m.mix)
    return torch.einsum("bhwd,wdk->bhk", y, m.fold)


def mixer(m: Any, x: Tensor) -> Tensor:
    """MLP-Mixer: one linear layer across tokens, one across channels."""
    x = x + m.tokens(x.transpose(1, 2)).transpose(1, 2)
    return x + m.channels(m.norm(x))


def tied_linear(m: Any, x: Tensor) -> Tensor:
    """One linear layer used twice, and its weight a third time, transposed."""
    return F.linear(F.relu(m.layer(F.relu(m.layer(x)))), m.layer.weight.t())


def tied_conv(m: Any, x: Tensor) -> list[Tensor]:
    """One head for two scales, as detectors do."""
    return [m.head(x), m.head(F.max_pool2d(x, 2))]


def weight_normed() -> nn.Module:
    """A convolution whose weight is computed from a direction and a length."""
    conv = nn.utils.parametrizations.weight_norm(nn.Conv2d(8, 12, 3, padding=1, groups=2))
    return Net(lambda m, x: m.conv(x), conv=conv)


def one(layer: nn.Module) -> nn.Module:
    """A module of a single layer, which so has a name."""
    return Net(lambda m, x: m.layer(x), layer=layer)


SWIN_BIAS = "the table of 98 relative biases is stored looked up, as 2 x 16 x 16"

NOTHING: tuple[dict[str, int], str] = ({}, "")

LINE: Axes = {0: "batch", 2: "length"}
LINES = {"batch": 3, "length": 75}
VOLUME: Axes = {0: "batch", 2: "depth", 3: "height", 4: "width"}
VOLUMES = {"batch": 3, "depth": 7, "height": 10, "width": 13}
SEQUENCE = {"batch": 3, "tokens": 21}
SMALL, MAP, RGB = (2, 8, 16, 16), (2, 16, 16, 16), (2, 3, 32, 32)


def conv(name: str, text: str, layer: Callable[[], nn.Module], shape: tuple[int, ...] = SMALL, **more: Any) -> Case:
    """The case of a single convolution."""
    return Case(name, text, lambda: one(layer()), (shape,), **more)


CONVS = [
    conv("conv2d", "Conv2d(3, 16, 3, padding=1)", lambda: nn.Conv2d(3, 16, 3, padding=1), RGB),
    conv("conv2d_g2", "Conv2d in 2 groups", lambda: nn.Conv2d(8, 12, 3, groups=2)),
    conv("conv2d_g4_nobias", "5x5 in 4 groups, no bias", lambda: nn.Conv2d(8, 16, 5, padding=2, groups=4, bias=False)),
    conv("conv2d_g32", "3x3, 64 -> 64 in 32 groups", lambda: nn.Conv2d(64, 64, 3, padding=1, groups=32), (2, 64, 9, 9)),
    conv("depthwise_m1", "depthwise 3x3", lambda: nn.Conv2d(16, 16, 3, padding=1, groups=16, bias=False), MAP),
    conv("depthwise_m2", "depthwise 5x5, multiplier 2", lambda: nn.Conv2d(16, 32, 5, stride=2, groups=16), MAP),
    conv("depthwise_m3", "depthwise 3x3, multiplier 3", lambda: nn.Conv2d(16, 48, 3, padding=2, groups=16), MAP),
    conv("conv2d_dilated", "dilation 2 and 3", lambda: nn.Conv2d(8, 12, 3, padding=(2, 3), dilation=(2, 3), groups=2)),
    conv(
        "conv2d_strided",
        "5x3 kernel, stride 2 and 3, padding 1 and 2",
        lambda: nn.Conv2d(8, 12, (5, 3), stride=(2, 3), padding=(1, 2)),
    ),
    conv("conv2d_same", "padding='same', 5x3", lambda: nn.Conv2d(8, 12, (5, 3), padding="same", groups=4)),
    conv(
        "conv2d_same_even",
        "padding='same', even 4x2 kernel: padded unequally",
        lambda: nn.Conv2d(8, 12, (4, 2), padding="same", groups=2),
    ),
    conv(
        "conv2d_same_dilated",
        "padding='same', 4x2 kernel, dilation 1 and 3; ts writes auto_pad with dilations, which onnxruntime refuses",
        lambda: nn.Conv2d(8, 12, (4, 2), padding="same", dilation=(1, 3)),
    ),
    conv("conv2d_valid", "padding='valid', 7x7", lambda: nn.Conv2d(8, 4, 7, padding="valid")),
    conv(
        "conv2d_reflect",
        "padding_mode='reflect'",
        lambda: nn.Conv2d(8, 12, 3, padding=(1, 2), padding_mode="reflect", groups=2),
    ),
    conv(
        "conv2d_circular",
        "padding_mode='circular'",
        lambda: nn.Conv2d(8, 12, 5, stride=2, padding=2, padding_mode="circular"),
    ),
    conv(
        "conv2d_replicate", "padding_mode='replicate'", lambda: nn.Conv2d(8, 12, 3, padding=1, padding_mode="replicate")
    ),
    conv("pointwise", "1x1, no bias, 4 groups", lambda: nn.Conv2d(16, 32, 1, groups=4, bias=False), MAP),
    conv(
        "conv1d",
        "Conv1d, 2 groups, dilation 3, stride 2",
        lambda: nn.Conv1d(8, 12, 5, stride=2, padding=4, dilation=3, groups=2),
        (2, 8, 50),
        axes=(LINE,),
        dims=LINES,
    ),
    conv(
        "conv1d_depthwise",
        "Conv1d, depthwise, padding='same', even kernel",
        lambda: nn.Conv1d(16, 32, 4, padding="same", groups=16),
        (2, 16, 50),
        axes=(LINE,),
        dims=LINES,
    ),
    conv(
        "conv3d",
        "Conv3d, 2 groups, strides 1, 2, 2",
        lambda: nn.Conv3d(4, 8, 3, stride=(1, 2, 2), padding=(1, 0, 1), groups=2),
        (2, 4, 6, 9, 9),
        axes=(VOLUME,),
        dims=VOLUMES,
    ),
    conv(
        "conv3d_depthwise",
        "Conv3d, depthwise with multiplier 2",
        lambda: nn.Conv3d(8, 16, (1, 3, 5), padding=(0, 1, 2), groups=8, bias=False),
        (2, 8, 6, 9, 9),
        axes=(VOLUME,),
        dims=VOLUMES,
    ),
    conv(
        "deconv1d",
        "ConvTranspose1d, 4 groups, stride 3, dilation 2, output padding 1",
        lambda: nn.ConvTranspose1d(8, 16, 4, stride=3, padding=2, output_padding=1, dilation=2, groups=4),
        (2, 8, 20),
        axes=(LINE,),
        dims=LINES,
    ),
    conv(
        "deconv2d",
        "ConvTranspose2d, 2 groups, stride 2, output padding 1",
        lambda: nn.ConvTranspose2d(8, 6, 3, stride=2, padding=1, output_padding=1, groups=2),
    ),
    conv(
        "deconv2d_dilated",
        "ConvTranspose2d, dilation 2 and 1, no bias",
        lambda: nn.ConvTranspose2d(8, 12, (3, 4), dilation=(2, 1), padding=(1, 0), bias=False),
    ),
    conv(
        "deconv2d_depthwise",
        "ConvTranspose2d, depthwise: the bilinear upsampling of FCN",
        lambda: nn.ConvTranspose2d(8, 8, 4, stride=2, padding=1, groups=8, bias=False),
    ),
    conv(
        "deconv3d",
        "ConvTranspose3d, 2 groups, strides 1, 2, 2, output padding",
        lambda: nn.ConvTranspose3d(4, 6, 3, stride=(1, 2, 2), padding=1, output_padding=(0, 1, 1), groups=2),
        (2, 4, 3, 5, 5),
        axes=(VOLUME,),
        dims=VOLUMES,
    ),
]

LINEARS = [
    Case(
        "linear_2d",
        "two linear layers on (batch, features), the second without bias",
        lambda: nn.Sequential(nn.Linear(48, 64), nn.ReLU(), nn.Linear(64, 10, bias=False)),
        ((2, 48),),
        axes=(BATCH,),
    ),
    Case(
        "linear_3d",
        "two linear layers on (batch, tokens, features)",
        lambda: nn.Sequential(nn.Linear(24, 40), nn.GELU(), nn.Linear(40, 24, bias=False)),
        ((2, 10, 24),),
        axes=(TOKENS,),
        dims=SEQUENCE,
    ),
    Case(
        "tied_linear",
        "one linear layer used three times, once transposed",
        lambda: Net(tied_linear, layer=nn.Linear(32, 32)),
        ((2, 32),),
        axes=(BATCH,),
        differs={"dynamo": ({"onnx_params": 2080}, "the transposed weight is a second tensor of 1024")},
    ),
    Case("tied_conv", "one head over two scales", lambda: Net(tied_conv, head=nn.Conv2d(8, 6, 3, padding=1)), (SMALL,)),
    Case(
        "mixer",
        "MLP-Mixer block",
        lambda: Net(mixer, tokens=nn.Linear(16, 16), channels=nn.Linear(24, 24), norm=nn.LayerNorm(24)),
        ((2, 16, 24),),
        axes=(BATCH,),
    ),
    Case(
        "einsum_attention",
        "attention and its projections as einsum",
        lambda: Net(
            einsum_net,
            q=parameter(32, 4, 8),
            k=parameter(32, 4, 8),
            v=parameter(32, 4, 8),
            out=parameter(4, 8, 32),
        ),
        ((2, 10, 32),),
        axes=(TOKENS,),
        dims=SEQUENCE,
        raw=True,
    ),
    Case(
        "einsum_wide",
        "einsum with an ellipsis and with two contracted axes",
        lambda: Net(einsum_wide, mix=parameter(8, 12), fold=parameter(16, 12, 5)),
        (SMALL,),
        axes=({0: "batch", 2: "height"},),
    ),
]

ATTENTIONS = [
    Case(
        "attention",
        "multi-head",
        lambda: SelfAttention(32, 4),
        ((2, 10, 32),),
        (TOKENS,),
        SEQUENCE,
        raw=True,
    ),
    Case(
        "attention_causal",
        "causal mask",
        lambda: SelfAttention(32, 4, True),
        ((2, 10, 32),),
        (TOKENS,),
        SEQUENCE,
        raw=True,
    ),
    Case(
        "attention_cross",
        "queries and keys from two inputs of different length",
        lambda: CrossAttention(32, 2),
        ((2, 10, 32), (2, 14, 32)),
        axes=(TOKENS, {0: "batch", 1: "context"}),
        dims={"batch": 3, "tokens": 21, "context": 33},
    ),
    Case(
        "multihead_attention",
        "nn.MultiheadAttention, batch first",
        lambda: Net(
            lambda m, x: m.layer(x, x, x, need_weights=False)[0], layer=nn.MultiheadAttention(32, 4, batch_first=True)
        ),
        ((2, 10, 32),),
        axes=(TOKENS,),
        dims=SEQUENCE,
        fails={
            "ts-dynamic": "the number of tokens is a constant of its Reshape: wrong for any other, onnxruntime says so"
        },
        raw=True,
    ),
    Case(
        "multihead_weights",
        "nn.MultiheadAttention, tokens first, returning its weights",
        lambda: Net(lambda m, x: m.layer(x, x, x), layer=nn.MultiheadAttention(32, 4)),
        ((10, 2, 32),),
        axes=({1: "batch"},),
    ),
    Case(
        "sdpa",
        "scaled_dot_product_attention",
        lambda: Sdpa(32, 4),
        ((2, 10, 32),),
        (TOKENS,),
        SEQUENCE,
        raw=True,
    ),
    Case(
        "sdpa_causal",
        "the same, causal",
        lambda: Sdpa(32, 4, True),
        ((2, 10, 32),),
        (TOKENS,),
        SEQUENCE,
        differs={"dynamo-static": ({"constants": 100}, "the causal mask, 10 x 10, is a constant")},
        raw=True,
    ),
    Case(
        "sdpa_opset23",
        "scaled_dot_product_attention as the operator Attention of opset 23",
        lambda: Sdpa(32, 4),
        ((2, 10, 32),),
        (TOKENS,),
        SEQUENCE,
        opset=23,
        exporters=("dynamo",),
    ),
    Case(
        "encoder",
        "transformer encoder block",
        lambda: Encoder(32, 4),
        ((2, 10, 32),),
        (TOKENS,),
        SEQUENCE,
        raw=True,
    ),
    Case(
        "vit",
        "vision transformer, 4x4 patches",
        lambda: VisionTransformer(False),
        (RGB,),
        (BATCH,),
        raw=True,
    ),
    Case(
        "vit_resized",
        "vision transformer, positions interpolated",
        lambda: VisionTransformer(True),
        (RGB,),
        raw=True,
    ),
    Case(
        "swin",
        "shifted windows of 4x4 on channels last, padded to whole windows",
        lambda: Window(16, 2, 4, 2),
        ((2, 14, 18, 16),),
        axes=({0: "batch", 1: "height", 2: "width"},),
        dims={"batch": 3, "height": 21, "width": 26},
        raw=True,
        differs={
            "dynamo-static": ({"onnx_params": 1632, "constants": 5120}, SWIN_BIAS + "; the mask is a constant"),
            "raw": NOTHING,
            "": ({"onnx_params": 1632}, SWIN_BIAS),
        },
    ),
    Case(
        "patch_merging",
        "Swin's patch merging",
        lambda: Net(patch_merge, norm=nn.LayerNorm(32), project=nn.Linear(32, 16, bias=False)),
        ((2, 8, 12, 8),),
        axes=({0: "batch", 1: "height", 2: "width"},),
    ),
    Case(
        "non_local",
        "attention over the positions of a map",
        lambda: NonLocal(16),
        ((2, 16, 8, 8),),
        raw=True,
    ),
]

BLOCKS = [
    Case("resnext_block", "bottleneck with 32 groups, stride 2, projection", ResNeXt, ((2, 32, 14, 14),)),
    Case("inverted_residual", "MobileNetV2 block", Inverted, (MAP,)),
    Case("shufflenet_v1", "grouped 1x1, channel shuffle, depthwise, stride 2", ShuffleV1, ((2, 24, 14, 14),)),
    Case("shufflenet_v2", "split, depthwise, concat, shuffle", ShuffleV2, ((2, 32, 14, 14),)),
    Case(
        "convnext_block",
        "depthwise 7x7, LayerNorm, layer scale",
        ConvNeXt,
        ((2, 24, 12, 12),),
        raw=True,
    ),
    Case(
        "dense_block",
        "BatchNorm before ReLU and convolution: cannot be folded",
        DenseBlock,
        (MAP,),
        folds=False,
    ),
    Case(
        "igc_block",
        "interleaved group convolutions, L = 6, M = 2",
        lambda: Interleaved(6, 2),
        ((2, 12, 14, 14),),
        folds=False,
    ),
    Case("global_depthwise", "7x7 depthwise on a 7x7 map", GlobalDepthwise, ((2, 32, 7, 7),), (BATCH,)),
    Case("squeeze_excite", "by 1x1 convolutions", lambda: SqueezeExcite(False), ((2, 32, 14, 14),)),
    Case("squeeze_excite_linear", "by linear layers", lambda: SqueezeExcite(True), ((2, 32, 14, 14),)),
    Case(
        "fpn",
        "pyramid, upsampled to the size of the lower map",
        Pyramid,
        ((2, 4, 32, 32),),
        dims={**DIMS, "width": 53},
        raw=True,
    ),
    Case("unet", "U-Net with transposed convolutions", UNet, (RGB,)),
    Case("aspp", "parallel dilations and image pooling", Atrous, (MAP,)),
    Case(
        "sppf",
        "a ladder of max poolings, concatenated",
        lambda: Net(pool_ladder, enter=conv_bn(8, 4), leave=conv_bn(16, 8)),
        (SMALL,),
    ),
]

SHAPES = [
    Case(
        "pixel_shuffle",
        "convolution, PixelShuffle(2), convolution",
        lambda: nn.Sequential(nn.Conv2d(8, 16, 3, padding=1), nn.PixelShuffle(2), nn.Conv2d(4, 3, 3)),
        (SMALL,),
        raw=True,
    ),
    Case(
        "pixel_unshuffle",
        "PixelUnshuffle(2), grouped convolution",
        lambda: nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, 16, 3, padding=1, groups=4)),
        (RGB,),
    ),
    Case(
        "upsample_nearest",
        "interpolate by 2 and 3, nearest",
        lambda: nn.Sequential(nn.Upsample(scale_factor=(2.0, 3.0)), nn.Conv2d(8, 6, 3, padding=1)),
        (SMALL,),
    ),
    Case(
        "upsample_bilinear",
        "interpolate by 1.5, bilinear",
        lambda: nn.Sequential(nn.Upsample(scale_factor=1.5, mode="bilinear"), nn.Conv2d(8, 6, 3, padding=1)),
        (SMALL,),
    ),
    Case(
        "upsample_to",
        "a map interpolated to the size of another input, bilinear, corners aligned",
        lambda: Net(
            lambda m, x, y: m.conv(y + F.interpolate(x, size=y.shape[2:], mode="bilinear", align_corners=True)),
            conv=nn.Conv2d(8, 6, 3, groups=2),
        ),
        (SMALL, (2, 8, 27, 35)),
        axes=(IMAGE, {0: "batch", 2: "rows", 3: "columns"}),
        dims={**DIMS, "rows": 71, "columns": 83},
    ),
    Case(
        "halves",
        "slices with computed ends",
        lambda: Net(halves, a=nn.Conv2d(8, 4, 3), b=nn.Conv2d(8, 4, 3)),
        (SMALL,),
        raw=True,
    ),
    Case(
        "pad_computed",
        "TensorFlow's SAME, computed from the size",
        lambda: Net(pad_even, conv=nn.Conv2d(8, 12, 3, stride=2, groups=2)),
        (SMALL,),
        dims={**DIMS, "width": 53},
        raw=True,
    ),
    Case(
        "coord_conv",
        "channels of coordinates",
        lambda: Net(coordinates, conv=nn.Conv2d(10, 8, 3)),
        (SMALL,),
        differs={
            "ts-static": ({"constants": 32}, "the two ranges are constants"),
            "dynamo-static": ({"constants": 512}, "the two channels of coordinates are constants"),
        },
    ),
    Case(
        "spp",
        "pooled to 1, 2, 4 and classified",
        lambda: Net(pyramid_pool, head=nn.Linear(168, 10)),
        (SMALL,),
        (BATCH,),
    ),
    Case(
        "group_norm",
        "convolution, GroupNorm, SiLU, convolution",
        lambda: nn.Sequential(nn.Conv2d(8, 16, 3), nn.GroupNorm(4, 16), nn.SiLU(), nn.Conv2d(16, 8, 3, groups=8)),
        (SMALL,),
        raw=True,
        differs={
            "raw": NOTHING,
            "": ({"constants": 8}, "scale 1 and shift 0 of the InstanceNormalization for 4 groups"),
        },
    ),
    Case(
        "instance_norm",
        "two InstanceNorms, the second learned",
        lambda: nn.Sequential(
            nn.Conv2d(8, 16, 3, padding=1),
            nn.InstanceNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 8, 3),
            nn.InstanceNorm2d(8, affine=True),
        ),
        (SMALL,),
        differs={"": ({"constants": 32}, "scale 1 and shift 0 of the InstanceNormalization that learns none")},
    ),
    Case(
        "dynamic_conv",
        "weights made from the input",
        lambda: Net(dynamic_conv, make=nn.Linear(8, 432)),
        (SMALL,),
        raw=True,
    ),
    Case(
        "per_sample_conv",
        "a kernel per image, as groups",
        lambda: Net(per_sample_conv, make=nn.Linear(4, 216)),
        ((4, 4, 16, 16),),
        axes=({2: "height", 3: "width"},),
        fails={
            "ts-dynamic": "kernel of unknown shape: this exporter loses the shape of a weight reshaped by a traced size"
        },
    ),
    Case(
        "cond_conv",
        "a computed mixture of four learned kernels",
        lambda: Net(attended_kernels, route=nn.Linear(8, 4), kernels=parameter(4, 6, 4, 3, 3)),
        (SMALL,),
    ),
    Case(
        "weight_norm",
        "a convolution under weight_norm",
        weight_normed,
        (SMALL,),
        differs={"dynamo": ({"onnx_params": 444}, "direction and length are folded into one weight: 12 lengths fewer")},
    ),
]

MODERN = [*CONVS, *LINEARS, *ATTENTIONS, *BLOCKS, *SHAPES]


def older(name: str, opset: int, **more: Any) -> Case:
    """A case once more, at an older version of the operator set, by the exporter that can write it."""
    case = next(case for case in MODERN if case.name == name)
    return replace(case, name=f"{name}_opset{opset}", opset=opset, exporters=("ts",), raw=False, **more)


CASES = [
    *MODERN,
    older("conv1d_depthwise", 9),
    older("resnext_block", 9),
    older("upsample_nearest", 9),
    older("upsample_nearest", 10),
    older("halves", 9, fails={"ts-dynamic": "a slice with computed ends cannot be written before opset 10"}),
    older("encoder", 11),
    older("fpn", 11),
    older("pad_computed", 11),
    older("pixel_unshuffle", 12),
    older("group_norm", 12),
    older("swin", 14),
]
