"""InceptionV3 up to Mixed_6e, which predicts a style's vector (Ghiasi et al., arXiv:1705.06830, Magenta's checkpoint).

The layers are Szegedy et al.'s (arXiv:1512.00567) under slim's names. Magenta's differs in two points: a rectifier cut
at 6, and an input of 0..1. The mean over the places of Mixed_6e goes through one linear layer to 100 numbers. Widths
come from the weights' shapes, the order of a branch's convolutions from their names (0a, 0b … 1a).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STEM = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3")
POOLS_BEFORE = ("Conv2d_3b_1x1", "Mixed_5b")  # a maximum over 3x3 places, every second one, before these
HALVES = "Mixed_6a"  # the block at whose end the sides are halved
BLOCKS = ("Mixed_5b", "Mixed_5c", "Mixed_5d", HALVES, "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e")
BRANCHES = 4  # of every block but the one that halves; the last begins with a mean over 3x3 places
SEEN = 256  # pixels; the shorter side of a style as Magenta's program shows it to the network
LEAST = 80  # pixels; of a smaller side nothing is left at Mixed_6e


class Layer(nn.Module):
    """A convolution with its batch normalisation folded in, and a rectifier cut at 6."""

    def __init__(self, weight: Tensor, bias: Tensor, stride: int, same: bool) -> None:
        """``same``: the border is zeros and the sides stay; else they shrink."""
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight.float()), nn.Parameter(bias.float())
        height, width = weight.shape[2:]
        self.stride, self.border = stride, (height // 2, width // 2) if same else (0, 0)

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's features of ``x`` [B, C, H, W]."""
        return F.relu6(F.conv2d(x, self.weight, self.bias, self.stride, self.border))


class Inception(nn.Module):
    """What predicts a style's vector. In: RGB 0..1; out: [B, 100]."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        """``tensors``: Conv2d_1a_3x3.weight, Mixed_5b/Branch_0/Conv2d_0a_1x1.bias … bottleneck.weight; KeyError."""
        super().__init__()

        def layer(name: str, stride: int = 1, same: bool = True) -> Layer:
            return Layer(tensors[f"{name}.weight"], tensors[f"{name}.bias"], stride, same)

        self.stem = nn.ModuleList(
            layer(name, stride=2 if name == STEM[0] else 1, same=name == "Conv2d_2b_3x3") for name in STEM
        )
        self.blocks = nn.ModuleList()
        for block in BLOCKS:
            branches = nn.ModuleList()
            for number in range(BRANCHES if block != HALVES else 2):
                names = convolutions(tensors, f"{block}/Branch_{number}")
                ends = [block == HALVES and name == names[-1] for name in names]
                rows = zip(names, ends, strict=True)
                branches.append(nn.Sequential(*(layer(name, 2 if end else 1, not end) for name, end in rows)))
            self.blocks.append(branches)
        self.weight = nn.Parameter(tensors["bottleneck.weight"].float())
        self.bias = nn.Parameter(tensors["bottleneck.bias"].float())

    def forward(self, style: Tensor) -> Tensor:
        """Return the vector [B, 100] of ``style`` [B, 3, H, W], sides of `LEAST` and more."""
        x = style
        for name, layer in zip(STEM, self.stem, strict=True):
            x = layer(F.max_pool2d(x, 3, 2) if name in POOLS_BEFORE else x)
        for name, branches in zip(BLOCKS, self.blocks, strict=True):
            assert isinstance(branches, nn.ModuleList)
            if name in POOLS_BEFORE:
                x = F.max_pool2d(x, 3, 2)
            if name == HALVES:
                x = torch.cat([*(branch(x) for branch in branches), F.max_pool2d(x, 3, 2)], 1)
                continue
            mean = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
            seen = [x] * (BRANCHES - 1) + [mean]
            x = torch.cat([branch(each) for branch, each in zip(branches, seen, strict=True)], 1)
        return F.linear(x.mean((2, 3)), self.weight, self.bias)

    def vector(self, picture: Tensor) -> Tensor:
        """Return the vector of any picture [B, 3, H, W]: its shorter side is brought to `SEEN` pixels first."""
        found: Tensor = self(sized(picture))
        return found


def sized(picture: Tensor) -> Tensor:
    """Return ``picture`` with a shorter side of `SEEN` pixels, its shape kept."""
    height, width = picture.shape[-2:]
    if min(height, width) == SEEN:
        return picture
    scale = SEEN / min(height, width)
    size = [max(SEEN, round(side * scale)) for side in (height, width)]
    return F.interpolate(picture, size, mode="bilinear", antialias=True, align_corners=False)


def convolutions(tensors: Mapping[str, Tensor], branch: str) -> Sequence[str]:
    """Return the names of a branch's convolutions, in their order. KeyError where it has none."""
    found = {m[1] for name in tensors if (m := re.fullmatch(rf"({re.escape(branch)}/[^/]+)\.weight", name))}
    if not found:
        raise KeyError(branch)
    return sorted(found)
