"""The image transformation network: down, residual blocks, up (Johnson et al., arXiv:1603.08155, supplement).

Every feedforward style network here is this trunk. What sets them apart is where the scale and shift behind each
normalisation come from: of the file (Johnson), a blend of the styles' own (Dumoulin et al., arXiv:1610.07629), or
a vector that another network predicts (Ghiasi et al., arXiv:1705.06830). Widths come from the weights' shapes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPS = 1e-5  # under the root of the population variance, in every instance normalisation here
Affine: TypeAlias = tuple[Tensor, Tensor]  # scale and shift, [B or 1, C] each


class Convolution(nn.Module):
    """A convolution whose border is reflected, after nearest enlargement ``up`` times."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None, stride: int = 1, up: int = 1) -> None:
        """``weight`` [out, in, k, k]; sides grow to a whole number of strides, as VALID on a reflected border does."""
        super().__init__()
        self.weight = nn.Parameter(weight.float().contiguous())
        self.bias = None if bias is None else nn.Parameter(bias.float().contiguous())
        self.stride, self.up, self.border = stride, up, weight.shape[-1] // 2

    @property
    def width(self) -> int:
        """How many channels it makes."""
        return int(self.weight.shape[0])

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, out, H up / stride, W up / stride]."""
        if self.up > 1:
            x = F.interpolate(x, scale_factor=self.up, mode="nearest")
        if self.border:
            x = F.pad(x, (self.border,) * 4, mode="reflect")
        return F.conv2d(x, self.weight, self.bias, self.stride)


def normalised(x: Tensor, affine: Affine) -> Tensor:
    """Return instance normalisation of ``x`` [B, C, H, W] with a scale and a shift for each picture."""
    count, channels = x.shape[:2]
    scale, shift = (part.to(x.dtype).expand(count, channels).reshape(-1) for part in affine)
    flat = x.reshape(1, count * channels, *x.shape[2:])
    return F.batch_norm(flat, None, None, scale, shift, training=True, eps=EPS).view(x.shape)


class Trunk(nn.Module):
    """Convolutions down, residual pairs, convolutions up; a rectifier behind each but the residual sums and the last.

    ``fold`` and ``unfold`` put squares of pixels into channels at the entry and back at the exit: a small network
    then works on a quarter of the places. ``squash`` ends in a sigmoid, for pictures of 0..1.
    """

    def __init__(
        self,
        contract: Sequence[Convolution],
        residual: Sequence[tuple[Convolution, Convolution]],
        expand: Sequence[Convolution],
        squash: bool = True,
        fold: int = 1,
        unfold: int = 1,
    ) -> None:
        super().__init__()
        self.contract, self.expand = nn.ModuleList(contract), nn.ModuleList(expand)
        self.residual = nn.ModuleList(nn.ModuleList(pair) for pair in residual)
        self.squash, self.fold, self.unfold = squash, fold, unfold

    def layers(self) -> Iterable[Convolution]:
        """Yield the convolutions in the order in which they are applied."""
        for part in (self.contract, *self.residual, self.expand):
            for layer in part:
                assert isinstance(layer, Convolution)
                yield layer

    @property
    def grain(self) -> int:
        """Pixels that the sides are multiples of where the output has the input's size."""
        down = self.fold
        for layer in self.contract:
            assert isinstance(layer, Convolution)
            down *= layer.stride
        return down

    def forward(self, image: Tensor, affine: Sequence[Affine | None]) -> Tensor:
        """Return the painted image [B, 3, H', W'] of ``image`` [B, 3, H, W]; ``affine`` is one a layer, None: none."""
        x = F.pixel_unshuffle(image, self.fold) if self.fold > 1 else image
        behind = iter(affine)
        for layer in self.contract:
            x = torch.relu(_behind(layer(x), next(behind)))
        for first, second in self._pairs():
            y = torch.relu(_behind(first(x), next(behind)))
            x = x + _behind(second(y), next(behind))
        for i, layer in enumerate(self.expand, 1):
            x = _behind(layer(x), next(behind))
            if i < len(self.expand):
                x = torch.relu(x)
        x = F.pixel_shuffle(x, self.unfold) if self.unfold > 1 else x
        return torch.sigmoid(x) if self.squash else x

    def _pairs(self) -> Iterable[tuple[nn.Module, nn.Module]]:
        for pair in self.residual:
            assert isinstance(pair, nn.ModuleList)
            yield pair[0], pair[1]


def _behind(x: Tensor, affine: Affine | None) -> Tensor:
    return x if affine is None else normalised(x, affine)
