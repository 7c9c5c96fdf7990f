"""AlexNet: the first use of groups, to spread one network over two GPUs. (Krizhevsky, Sutskever, Hinton 2012)"""

from __future__ import annotations

from groupcalc.graph import Tensor
from groupcalc.sources.archs.arch import BATCH, CLASSES, Arch, Key, figure, image
from groupcalc.sources.archs.net import Net


def alexnet(net: Net, *, groups: int, classes: int) -> Tensor:
    """Section 3.5: kernels of conv2, conv4 and conv5 see only the maps on their own GPU; conv3 sees all."""
    x = net.relu("relu1", net.conv("conv1", net.image(), 96, 11, stride=4))
    x = net.max_pool("pool1", _normalised(net, "norm1", x), 3, stride=2)  # 3.4: windows of 3, 2 apart
    x = net.relu("relu2", net.conv("conv2", x, 256, 5, padding=2, groups=groups))
    x = net.max_pool("pool2", _normalised(net, "norm2", x), 3, stride=2)
    x = net.relu("relu3", net.conv("conv3", x, 384, 3, padding=1))
    x = net.relu("relu4", net.conv("conv4", x, 384, 3, padding=1, groups=groups))
    x = net.relu("relu5", net.conv("conv5", x, 256, 3, padding=1, groups=groups))
    x = net.flatten("flatten", net.max_pool("pool5", x, 3, stride=2))
    for name in ("fc6", "fc7"):  # 3.5: 4096 neurons each; 4.2: dropout in the first two
        x = net.dropout(f"{name}.dropout", net.relu(f"{name}.relu", net.linear(name, x, 4096)))
    return net.linear("fc8", x, classes)


def _normalised(net: Net, name: str, x: Tensor) -> Tensor:
    """Section 3.3: k = 2, n = 5, alpha = 1e-4, beta = 0.75."""
    return net.local_response_norm(name, x, 5, alpha=1e-4, beta=0.75, k=2.0)


ALEXNET = Arch(
    name="alexnet",
    title="AlexNet, two groups for two GPUs",
    note="groups=1 turns those of conv2, conv4 and conv5 off",
    paper="Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep CNNs, NIPS 2012",
    build=alexnet,
    keys={
        "groups": Key(default=2, what="groups of conv2, conv4 and conv5"),
        "classes": CLASSES,
        "input": image(227),  # the paper says 224, but its 55×55 maps need 227: (227 - 11) / 4 + 1
        "batch": BATCH,
    },
    figures=(figure("params", "60 M", "abstract", reason="60,965,224: the paper says 60 million of 61"),),
)
