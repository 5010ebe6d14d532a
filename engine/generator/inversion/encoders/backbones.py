"""The two backbones of pSp, e4e and ReStyle: IR-SE50 (ArcFace's) and ResNet34. All widths come from a file's shapes.

Written from Deng et al., "ArcFace" (arXiv:1801.07698, section 3.2.2), Hu et al., "Squeeze-and-Excitation Networks"
(arXiv:1709.01507) and He et al., "Deep Residual Learning" (arXiv:1512.03385). Parameters carry the names of the files.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.generator.inversion.encoders.encoder import Conv

Shapes = Mapping[str, tuple[int, ...]]

STAGES = {24: (3, 4, 14, 3), 49: (3, 13, 30, 3), 50: (3, 8, 36, 3), 16: (3, 4, 6, 3)}  # blocks: how many a stage
MOST_BLOCKS = 64  # a backbone of more is none


class SqueezeExcite(nn.Module):
    """Scales every map by what the means of all maps say."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = Conv(width, hidden, 1, bias=False), Conv(hidden, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same shape."""
        means = x.mean(dim=(2, 3), keepdim=True)
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(means))))


class Bottleneck(nn.Module):
    """IR: norm, convolution, PReLU, convolution with the stride, norm, squeeze and excite; beside it a shortcut."""

    def __init__(self, fan_in: int, width: int, stride: int, hidden: int | None, projected: bool) -> None:
        super().__init__()
        self.shortcut_layer: nn.Module = nn.MaxPool2d(1, stride)
        if projected:
            self.shortcut_layer = nn.Sequential(
                Conv(fan_in, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
            )
        layers: list[nn.Module] = [
            nn.BatchNorm2d(fan_in),
            Conv(fan_in, width, 3, padding=1, bias=False),
            nn.PReLU(width),
            Conv(width, width, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
        ]
        self.res_layer = nn.Sequential(*layers, *([] if hidden is None else [SqueezeExcite(width, hidden)]))

    def forward(self, x: Tensor) -> Tensor:
        """[N, I, H, W] -> [N, O, H / stride, W / stride]."""
        shortcut: Tensor = self.shortcut_layer(x)
        residual: Tensor = self.res_layer(x)
        return residual + shortcut


class BasicBlock(nn.Module):
    """ResNet's: two convolutions with norms, a shortcut, ReLU."""

    def __init__(self, fan_in: int, width: int, stride: int, projected: bool) -> None:
        super().__init__()
        self.conv1 = Conv(fan_in, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = Conv(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample: nn.Module | None = None
        if projected:
            self.downsample = nn.Sequential(Conv(fan_in, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        """[N, I, H, W] -> [N, O, H / stride, W / stride]."""
        shortcut: Tensor = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)) + shortcut)


def stages(shapes: Shapes, first: str) -> tuple[int, ...]:
    """Return how many blocks each stage has. ``first`` names a block's tensor, with {} for its number. ValueError."""
    count = 0
    while first.format(count) in shapes and count <= MOST_BLOCKS:
        count += 1
    if count not in STAGES:
        raise ValueError(f"a backbone of {count} blocks")
    return STAGES[count]


def starts(counts: tuple[int, ...]) -> tuple[int, ...]:
    """Return the number of every stage's first block."""
    return tuple(sum(counts[:i]) for i in range(len(counts)))


def irse(shapes: Shapes) -> tuple[nn.Sequential, nn.Sequential, tuple[int, ...]]:
    """Return the input layer, the body and the blocks that end its last three stages. Every stage begins by halving."""
    counts = stages(shapes, "body.{}.res_layer.1.weight")
    first = starts(counts)
    blocks: list[nn.Module] = []
    for i in range(sum(counts)):
        width, fan_in = shapes[f"body.{i}.res_layer.1.weight"][:2]
        hidden = shapes.get(f"body.{i}.res_layer.5.fc1.weight")
        projected = f"body.{i}.shortcut_layer.0.weight" in shapes
        blocks.append(Bottleneck(fan_in, width, 2 if i in first else 1, hidden[0] if hidden else None, projected))
    width, channels = shapes["input_layer.0.weight"][:2]
    entry = nn.Sequential(Conv(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.PReLU(width))
    return entry, nn.Sequential(*blocks), tuple(at - 1 for at in (*first[2:], sum(counts)))


class ResNetEntry(nn.Module):
    """ResNet's first convolution as the encoders have it: PReLU, and no pooling."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv1 = Conv(channels, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.PReLU(width)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, O, H/2, W/2]."""
        return torch.as_tensor(self.relu(self.bn1(self.conv1(x))))


def resnet34(shapes: Shapes) -> tuple[ResNetEntry, nn.Sequential, tuple[int, ...]]:
    """Return the entry, the body and the blocks that end its last three stages; the first stage keeps the size."""
    counts = stages(shapes, "body.{}.conv1.weight")
    first = starts(counts)
    blocks: list[nn.Module] = []
    for i in range(sum(counts)):
        width, fan_in = shapes[f"body.{i}.conv1.weight"][:2]
        projected = f"body.{i}.downsample.0.weight" in shapes
        blocks.append(BasicBlock(fan_in, width, 2 if i in first[1:] else 1, projected))
    width, channels = shapes["conv1.weight"][:2]
    return ResNetEntry(channels, width), nn.Sequential(*blocks), tuple(at - 1 for at in (*first[2:], sum(counts)))
