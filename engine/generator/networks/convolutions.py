"""What the families before StyleGAN2 are built from: plain and upsampling convolutions, norms, dense layers.

Weights are stored as they multiply: a file's equalized learning rate is folded in when it is read. `quick` returns the
same layer for playing: channels last, in fp32, bf16 or fp16, an upsampling convolution as one transposed convolution.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Pair = tuple[int, int]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "lrelu": lambda x: F.leaky_relu(x, 0.2),
    "relu": F.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "linear": lambda x: x,
}


def pixel_norm(x: Tensor, eps: float = 1e-8) -> Tensor:
    """Scale every pixel's channels (or every row of [N, C]) to a mean square of 1."""
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + eps)


def instance_norm(x: Tensor, eps: float = 1e-8) -> Tensor:
    """Bring every map of x [N,C,H,W] to mean 0 and variance 1."""
    x = x - x.mean(dim=(2, 3), keepdim=True)
    return x * torch.rsqrt(x.square().mean(dim=(2, 3), keepdim=True) + eps)


def nearest2(x: Tensor) -> Tensor:
    """[N,C,H,W] -> [N,C,2H,2W], every pixel four times."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def fourfold(weight: Tensor) -> Tensor:
    """Return [O,I,3,3] as the 4x4 kernel [I,O,4,4] of a transposed convolution: the sum of its four shifted copies."""
    w = F.pad(weight, (1, 1, 1, 1))
    return (w[:, :, 1:, 1:] + w[:, :, :-1, 1:] + w[:, :, 1:, :-1] + w[:, :, :-1, :-1]).transpose(0, 1)


class Dense(nn.Module):
    """A dense layer, weight [out, in] and bias [out]."""

    def __init__(self, fan_in: int, fan_out: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(fan_out, fan_in)), nn.Parameter(torch.empty(fan_out))

    def forward(self, x: Tensor) -> Tensor:
        """[N, in] -> [N, out]."""
        return F.linear(x, self.weight, self.bias)


class Convolution(nn.Module):
    """A convolution that keeps the size, weight [O,I,k,k] without bias. With ``up`` it doubles the size first.

    A ``fused`` one spreads the pixels and convolves in one step (Karras et al., arXiv:1812.04948, appendix C), which
    is nearest-neighbour upsampling and the kernel turned by 180 degrees.
    """

    def __init__(self, fan_in: int, fan_out: int, size: int = 3, *, up: bool = False, fused: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(fan_out, fan_in, size, size))
        self.up, self.fused = up, up and fused

    def forward(self, x: Tensor) -> Tensor:
        """[N,I,H,W] -> [N,O,H,W], or twice that size."""
        if self.fused:
            return F.conv_transpose2d(x, fourfold(self.weight), stride=2, padding=1)
        return F.conv2d(nearest2(x) if self.up else x, self.weight, padding=self.weight.shape[2] // 2)

    def quick(self, dtype: torch.dtype) -> nn.Module:
        """Return the layer that plays it."""
        weight = self.weight.detach()
        if not self.up:
            return Quick(weight, None, dtype, padding=(weight.shape[2] // 2,) * 2)
        weight = fourfold(weight if self.fused else weight.flip(2, 3))
        return Quick(weight, None, dtype, stride=(2, 2), padding=(1, 1), transposed=True)


class Quick(nn.Module):
    """A convolution for playing: its constants folded, its weight channels last in ``dtype``."""

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        dtype: torch.dtype,
        *,
        stride: Pair = (1, 1),
        padding: Pair = (0, 0),
        transposed: bool = False,
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight.to(dtype).contiguous(memory_format=torch.channels_last))
        self.register_buffer("bias", None if bias is None else bias.to(dtype))
        self.stride, self.padding, self.transposed = stride, padding, transposed

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        if self.transposed:
            return F.conv_transpose2d(x, self.weight, self.bias, self.stride, self.padding)
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding)


class Projection(nn.Module):
    """A transposed convolution of one pixel for playing: a matrix product."""

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.shape = weight.shape[1:]
        self.register_buffer("weight", weight.flatten(1).T.to(dtype).contiguous())
        self.register_buffer("bias", bias.to(dtype)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """[N,I,1,1] -> [N,O,kh,kw]."""
        y = F.linear(x.flatten(1), self.weight).view(len(x), *self.shape) + self.bias
        return y.contiguous(memory_format=torch.channels_last)


class Shuffled(nn.Module):
    """A transposed 4x4 convolution of stride 2 and padding 1 to few maps, for playing.

    Its four phases are one 3x3 convolution to four times the maps, whose pixels are then put beside each other (Shi et
    al., arXiv:1609.05158): a transposed one to three maps leaves most of a vector register empty.
    """

    MOST = 16  # maps; to more the transposed convolution is faster

    def __init__(self, weight: Tensor, bias: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        taps = {0: ((3, 0), (1, 1)), 1: ((2, 1), (0, 2))}  # by phase: the kernel's row, and where it reads
        phases = weight.new_zeros(weight.shape[1], 2, 2, weight.shape[0], 3, 3)  # [O, phase, phase, I, 3, 3]
        for i, rows in taps.items():
            for j, columns in taps.items():
                for row, at in rows:
                    for column, beside in columns:
                        phases[:, i, j, :, at, beside] = weight[:, :, row, column].T
        self.conv = Quick(phases.flatten(0, 2), bias.repeat_interleave(4), dtype, padding=(1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """[N,I,H,W] -> [N,O,2H,2W]."""
        return F.pixel_shuffle(self.conv(x), 2)


def quickened(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Return the quick form of a layer that has one."""
    return cast(Convolution, module).quick(dtype)
