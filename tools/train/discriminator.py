"""StyleGAN2's discriminator: residual blocks, minibatch standard deviation, equalized learning rate.

Written from the papers: Karras et al., arXiv:1912.04958 (section 4.1: residual discriminator), arXiv:1710.10196
(section 3: minibatch standard deviation). Parameters carry the names of NVIDIA's `D`, so one found in a snapshot
loads as it is.

    img [N, 3, R, R], about -1..1 -> logits [N], positive for "real"
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.generator.networks.layers import FullyConnected, fir_kernel, upfirdn

GROUP = 4  # neighbouring pictures of a batch; they share their minibatch statistics
LRELU = math.sqrt(2)


class Convolution(nn.Module):
    """Equalized convolution, by lrelu where it has a bias; ``down`` halves the size through the FIR filter first."""

    resample_filter: Tensor

    def __init__(self, fan_in: int, fan_out: int, kernel: int, *, bias: bool = True, down: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(fan_out, fan_in, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(fan_out)) if bias else None
        self.gain, self.down, self.pad = 1 / math.sqrt(fan_in * kernel * kernel), down, kernel // 2
        self.register_buffer("resample_filter", fir_kernel((1.0, 3.0, 3.0, 1.0)), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """[N,I,H,W] -> [N,O,H,W], or half that size."""
        weight = self.weight * self.gain
        if self.down:
            side = self.pad + 1  # the filter's own width, and what the kernel reaches over the edge
            x = upfirdn(x, self.resample_filter, 1, (side, side, side, side))
            x = F.conv2d(x, weight, stride=2)
        else:
            x = F.conv2d(x, weight, padding=self.pad)
        if self.bias is None:
            return x
        return F.leaky_relu(x + self.bias.to(x.dtype)[:, None, None], 0.2) * LRELU


class Block(nn.Module):
    """Two convolutions that halve the size, and a plain way around them."""

    def __init__(self, channels: int, fan_in: int, fan_out: int, *, first: bool) -> None:
        super().__init__()
        if first:
            self.fromrgb = Convolution(channels, fan_in, 1)
        self.conv0 = Convolution(fan_in, fan_in, 3)
        self.conv1 = Convolution(fan_in, fan_out, 3, down=True)
        self.skip = Convolution(fan_in, fan_out, 1, bias=False, down=True)

    def forward(self, x: Tensor) -> Tensor:
        """[N,I,H,W] (the first: the picture) -> [N,O,H/2,W/2]."""
        if hasattr(self, "fromrgb"):
            x = self.fromrgb(x)
        y: Tensor = self.conv1(self.conv0(x)) + self.skip(x)
        return y * math.sqrt(0.5)


class Epilogue(nn.Module):
    """4x4 maps -> logits."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = Convolution(width + 1, width, 3)
        self.fc = FullyConnected(width * 16, width)
        self.out = FullyConnected(width, 1)
        for layer in (self.fc, self.out):
            nn.init.normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[N,C,4,4] -> [N]."""
        x = self.conv(torch.cat((x, spread(x)), dim=1))
        x = F.leaky_relu(self.fc(x.flatten(1)), 0.2) * LRELU
        return self.out(x).flatten()  # type: ignore[no-any-return]


def spread(x: Tensor) -> Tensor:
    """The mean deviation of all features over a group of pictures, as one more map: [N,C,H,W] -> [N,1,H,W].

    Groups are neighbours, so that a batch split over processes has the same ones.
    """
    group = min(GROUP, len(x))
    y = x.float().reshape(-1, group, *x.shape[1:])
    deviation = (y - y.mean(dim=1, keepdim=True)).square().mean(dim=1).add(1e-8).sqrt().mean(dim=(1, 2, 3))
    per_picture = deviation.repeat_interleave(group)
    return per_picture[:, None, None, None].expand(-1, 1, *x.shape[2:]).to(x.dtype)


class Discriminator(nn.Module):
    """Widths as the generator's: ``channels`` of the blocks 4, 8, … R."""

    layout = torch.contiguous_format  # of the maps; convolutions follow what they are given

    def __init__(self, channels: tuple[int, ...], img_channels: int = 3) -> None:
        super().__init__()
        resolutions = [2**k for k in range(2, 2 + len(channels))]
        for level in reversed(range(1, len(channels))):
            block = Block(img_channels, channels[level], channels[level - 1], first=level == len(channels) - 1)
            self.add_module(f"b{resolutions[level]}", block)
        self.b4 = Epilogue(channels[0])

    def forward(self, img: Tensor) -> Tensor:
        """Judge pictures; their number is a multiple of GROUP, or less than it."""
        x = img.contiguous(memory_format=self.layout)  # pictures come as they are painted: channel by channel
        for block in self.children():
            x = block(x)
        return x.float()


def make(channels: tuple[int, ...], img_channels: int, seed: int) -> Discriminator:
    """A fresh one; the global RNG is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Discriminator(channels, img_channels)
