"""What an encoder is to a projection: a network that sees a picture and answers with the ws that would paint it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Encoder(nn.Module, ABC):
    """Sees pictures [N, C, H, W], -1..1; H and W are `shape`, C is `input_channels`.

    An `iterative` one (ReStyle) sees a picture and beside it what its last answer paints, and answers with a step.
    `stage` is how many layers of a progressive encoder (e4e) differ from the first; None is all.
    """

    iterative = False
    shape: tuple[int, int] = (256, 256)
    input_channels = 3
    stage: int | None = None

    @abstractmethod
    def encode(self, x: Tensor) -> Tensor:
        """Return [N, num_ws, w_dim], or [N, 1, w_dim] of an encoder into W; without the average that is added."""

    def forward(self, x: Tensor) -> Tensor:
        """See encode."""
        return self.encode(x)


class Conv(nn.Conv2d):
    """A convolution whose weights are loaded next: it draws none."""

    def reset_parameters(self) -> None:
        """Leave the memory as it is."""


class Equal(nn.Module):
    """A dense layer with equalized learning rate, as rosinality's EqualLinear with lr_mul 1."""

    def __init__(self, fan_in: int, fan_out: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(fan_out, fan_in)), nn.Parameter(torch.empty(fan_out))

    def forward(self, x: Tensor) -> Tensor:
        """[N, fan_in] -> [N, fan_out]."""
        return F.linear(x, self.weight / self.weight.shape[1] ** 0.5, self.bias)


class MapToStyle(nn.Module):
    """One layer's head: halves a map until a pixel is left, then a dense layer (pSp, section 3)."""

    def __init__(self, fan_in: int, width: int, halvings: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i in range(halvings):
            layers += [Conv(fan_in if i == 0 else width, width, 3, stride=2, padding=1), nn.LeakyReLU()]
        self.convs, self.linear = nn.Sequential(*layers), Equal(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, S, S] -> [N, width]."""
        return cast(Tensor, self.linear(self.convs(x).flatten(1)))


def widened(top: Tensor, lateral: Tensor) -> Tensor:
    """Return the coarse map at the size of the finer one, corners on corners, and that added."""
    return F.interpolate(top, size=lateral.shape[2:], mode="bilinear", align_corners=True) + lateral


def run(layers: nn.Module, x: Tensor, taps: Sequence[int]) -> list[Tensor]:
    """Return what the layers at ``taps`` give; the last of them ends the run."""
    seen: dict[int, Tensor] = {}
    for i, layer in enumerate(cast(nn.Sequential, layers)):
        x = layer(x)
        if i in taps:
            seen[i] = x
        if i == taps[-1]:
            break
    return [seen[tap] for tap in taps]
