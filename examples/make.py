"""Write the example networks of this directory. Run by hand; nothing imports it.

    pip install torch==2.13.0 onnx onnxscript
    python examples/make.py

* `resnext50_32x4d.onnx`: ResNeXt-50 32x4d (Xie et al. 2017, table 1), input `x` of 1x3x224x224. BatchNorm is kept, so
  that params are the network's own: 25,028,904, and 68,224 buffers.
* `mobilenet_v2.onnx`: MobileNetV2 1.0 (Sandler et al. 2018, table 2), input `x` of batch x 3x224x224 with the batch
  dynamic. A plain export, in which BatchNorm is folded into the convolutions: of a scale and a shift for each of 17,056
  channels only one bias is left, 3,487,816 of 3,504,872 params.

Both are written by PyTorch's TorchScript-based exporter, whose nodes are named after the modules. Then every tensor's
payload is cleared: name, dims and type stay, which is all that counting needs, and 100 MB become some 100 KB. The
numbers were random anyhow (random everywhere, for the exporter merges equal tensors). The sizes and the numbers above
are checked before anything is written.
"""

from __future__ import annotations

import warnings
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

HERE = Path(__file__).parent


class Bottleneck(nn.Module):
    """1x1, 3x3 in groups with the stride, 1x1, all with BatchNorm; added to the input, projected if need be."""

    def __init__(self, cin: int, width: int, cout: int, stride: int, groups: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(cin, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, cout, 1, bias=False), nn.BatchNorm2d(cout)
        self.relu, self.downsample = nn.ReLU(), nn.Sequential()
        if cin != cout:
            self.downsample = nn.Sequential(nn.Conv2d(cin, cout, 1, stride=stride, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.relu(self.bn3(self.conv3(y)) + self.downsample(x))


class ResNeXt50(nn.Module):
    """A 7x7 stem, four stages of 3, 4, 6 and 3 bottlenecks with 32 groups, pooling and a linear classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(64), nn.ReLU()
        self.maxpool, self.avgpool = nn.MaxPool2d(3, stride=2, padding=1), nn.AdaptiveAvgPool2d(1)
        for i, (blocks, (cin, cout)) in enumerate(zip((3, 4, 6, 3), pairwise((64, 256, 512, 1024, 2048)), strict=True)):
            first = Bottleneck(cin, cout // 2, cout, stride=2 if i else 1, groups=32)
            rest = (Bottleneck(cout, cout // 2, cout, stride=1, groups=32) for _ in range(blocks - 1))
            self.add_module(f"layer{i + 1}", nn.Sequential(first, *rest))
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def conv_bn(cin: int, cout: int, kernel: int = 1, **options: Any) -> nn.Sequential:
    """Convolution without bias, BatchNorm, ReLU6."""
    conv = nn.Conv2d(cin, cout, kernel, padding=kernel // 2, bias=False, **options)
    return nn.Sequential(conv, nn.BatchNorm2d(cout), nn.ReLU6())


class InvertedResidual(nn.Module):
    """Expand by 1x1, filter by depthwise 3x3, project by 1x1 without activation; added to the input of equal shape."""

    def __init__(self, cin: int, cout: int, stride: int, expand: int) -> None:
        super().__init__()
        wide = cin * expand
        layers: list[nn.Module] = [conv_bn(cin, wide)] if expand > 1 else []
        layers += [conv_bn(wide, wide, 3, stride=stride, groups=wide), nn.Conv2d(wide, cout, 1, bias=False)]
        self.conv = nn.Sequential(*layers, nn.BatchNorm2d(cout))
        self.residual = stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


class MobileNetV2(nn.Module):
    """The rows (expansion, channels, blocks, stride) of the paper's table between a 3x3 stem and a 1x1 convolution."""

    ROWS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv_bn(3, 32, 3, stride=2)]
        cin = 32
        for expand, cout, blocks, stride in self.ROWS:
            for i in range(blocks):
                layers.append(InvertedResidual(cin, cout, 1 if i else stride, expand))
                cin = cout
        self.features = nn.Sequential(*layers, conv_bn(cin, 1280))
        self.classifier = nn.Linear(1280, 1000)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean((2, 3)))


def randomise(module: nn.Module) -> nn.Module:
    """The module in inference mode with no two tensors alike."""
    torch.manual_seed(0)
    for tensor in [*module.parameters(), *module.buffers()]:
        if tensor.is_floating_point():
            nn.init.uniform_(tensor, 0.01, 0.02)
    return module.eval()


def check(module: nn.Module, params: int, buffers: int, macs: int) -> None:
    """The figures of the module are these."""
    assert sum(p.numel() for p in module.parameters()) == params
    assert sum(b.numel() for b in module.buffers() if b.is_floating_point()) == buffers
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.zeros(1, 3, 224, 224))
    assert counter.get_total_flops() == 2 * macs, counter.get_total_flops() // 2


def export(module: nn.Module, name: str, elements: int, **options: Any) -> None:
    """Write the module to this directory without payloads; `elements` is how many floats its tensors must have."""
    with warnings.catch_warnings(), TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        full = f"{folder}/full.onnx"
        torch.onnx.export(module, (torch.zeros(1, 3, 224, 224),), full, dynamo=False, input_names=["x"], **options)
        model = onnx.load(full)
    weights = [t for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT]
    assert sum(onnx.numpy_helper.to_array(t).size for t in weights) == elements
    for tensor in weights:
        tensor.ClearField("raw_data")
        tensor.ClearField("float_data")
    for node in model.graph.node:
        node.ClearField("doc_string")
    onnx.save(model, HERE / name)


def main() -> None:
    """Both networks."""
    resnext = randomise(ResNeXt50())
    check(resnext, params=25_028_904, buffers=68_224, macs=4_230_479_872)
    kept = torch.onnx.TrainingMode.PRESERVE
    export(resnext, "resnext50_32x4d.onnx", 25_028_904 + 68_224, output_names=["logits"], training=kept)
    mobile = randomise(MobileNetV2())
    check(mobile, params=3_504_872, buffers=34_112, macs=300_774_272)
    axes = {"x": {0: "batch"}, "logits": {0: "batch"}}
    export(mobile, "mobilenet_v2.onnx", 3_487_816, output_names=["logits"], dynamic_axes=axes)


if __name__ == "__main__":
    main()
