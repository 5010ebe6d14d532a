"""The in-domain encoder: a residual network into the W+ of one StyleGAN, of pictures of that network's size.

Written from Zhu et al., "In-Domain GAN Inversion" (arXiv:2004.00049), section 3.1 and appendix. A block's output is the
sum of two activated branches. Its file is a bare state_dict; the convolutions' scales cancel and leave plain ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.generator.inversion.encoders.encoder import Conv, Encoder

Shapes = Mapping[str, tuple[int, ...]]
LAST_SIDE = 4  # pixels of the map that the dense layer reads
MOST_BLOCKS = 12  # an encoder of more is none


class Norm(nn.Module):
    """A batch norm under the name that the files give it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same shape."""
        normed: Tensor = self.bn(x)
        return normed


class Bias(nn.Module):
    """The bias behind a convolution, which the files keep in a layer of its own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.empty(width))

    def forward(self, x: Tensor, scale: float) -> Tensor:
        """[N, C, H, W] -> the same shape; ``scale`` cancels but for its rounding, which a descent would enlarge."""
        return x / scale * scale + self.bias[:, None, None]


def norm(shapes: Shapes, name: str, width: int) -> nn.Module:
    """Return the norm that a file has under ``name``, or none."""
    return Norm(width) if f"{name}.bn.weight" in shapes else nn.Identity()


class Entry(nn.Module):
    """Block 0: a convolution without bias, norm, lrelu."""

    def __init__(self, shapes: Shapes, name: str) -> None:
        super().__init__()
        width, channels = shapes[f"{name}.conv.weight"][:2]
        self.conv, self.bn = Conv(channels, width, 3, padding=1, bias=False), norm(shapes, f"{name}.bn", width)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, C, H, W]."""
        return F.leaky_relu(self.bn(self.conv(x)), 0.2)


class Residual(nn.Module):
    """Two convolutions, each with bias, norm and lrelu; beside them a 1x1 where the width changes."""

    def __init__(self, shapes: Shapes, name: str) -> None:
        super().__init__()
        hidden, fan_in = shapes[f"{name}.conv1.weight"][:2]
        width = shapes[f"{name}.conv2.weight"][0]
        self.projected = f"{name}.conv.weight" in shapes
        if self.projected:
            self.conv, self.bn = Conv(fan_in, width, 1, bias=False), norm(shapes, f"{name}.bn", width)
        self.conv1, self.conv2 = (
            Conv(fan_in, hidden, 3, padding=1, bias=False),
            Conv(hidden, width, 3, padding=1, bias=False),
        )
        self.wscale1, self.wscale2 = Bias(hidden), Bias(width)
        self.bn1, self.bn2 = norm(shapes, f"{name}.bn1", hidden), norm(shapes, f"{name}.bn2", width)

    def forward(self, x: Tensor) -> Tensor:
        """[N, I, H, W] -> [N, O, H, W]."""
        shortcut = F.leaky_relu(self.bn(self.conv(x)), 0.2) if self.projected else x
        first, second = (math.sqrt(2.0 / conv.weight[0].numel()) for conv in (self.conv1, self.conv2))
        x = F.leaky_relu(self.bn1(self.wscale1(self.conv1(x), first)), 0.2)
        return F.leaky_relu(self.bn2(self.wscale2(self.conv2(x), second)), 0.2) + shortcut


class Exit(nn.Module):
    """The last block: one dense layer over the 4x4 map, and its norm."""

    def __init__(self, shapes: Shapes, name: str) -> None:
        super().__init__()
        width, fan_in = shapes[f"{name}.fc.weight"]
        self.fc, self.bn = nn.Linear(fan_in, width, bias=False), norm(shapes, f"{name}.bn", width)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, 4, 4] -> [N, width]."""
        flat = x.flatten(1)
        y = F.linear(flat, self.fc.weight) * (1.0 / math.sqrt(flat.shape[1]))
        normed: Tensor = self.bn(y[:, :, None, None])
        return normed.flatten(1)


class InDomainEncoder(Encoder):
    """Sees the picture at the network's size; its answer is divided into layers of `w_dim` numbers."""

    def __init__(self, shapes: Shapes, w_dim: int) -> None:
        super().__init__()
        self.w_dim = w_dim
        count = 0
        while any(name.startswith(f"block{count}.") for name in shapes) and count <= MOST_BLOCKS:
            count += 1
        self.add_module("block0", Entry(shapes, "block0"))
        for i in range(1, count - 1):
            self.add_module(f"block{i}", Residual(shapes, f"block{i}"))
        self.add_module(f"block{count - 1}", Exit(shapes, f"block{count - 1}"))
        self.count = count
        self.shape = (LAST_SIDE << count - 2,) * 2
        self.input_channels = shapes["block0.conv.weight"][1]

    def encode(self, x: Tensor) -> Tensor:
        """See Encoder."""
        for i in range(self.count):
            if 0 < i < self.count - 1:
                x = F.avg_pool2d(x, 2)
            x = self.get_submodule(f"block{i}")(x)
        return x.view(len(x), -1, self.w_dim)
