"""DCGAN's generator: transposed convolutions, batch norm, ReLU.

Written from Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
Networks" (arXiv:1511.06434), section 3. Batch norm plays with its running averages. A conditional one (Mirza and
Osindero, arXiv:1411.1784) reads z with the label behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.generator.networks.convolutions import ACTIVATIONS, Packed, Pair, Projection, Quick, Shuffled
from engine.generator.networks.network import Sizes
from engine.generator.networks.staged import Maps, StagedWithoutW


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSettings:
    """A transposed convolution: its maps, kernel, stride and padding (height, width); what follows it."""

    fan_in: int
    fan_out: int
    kernel: Pair
    stride: Pair
    padding: Pair
    norm: bool = True
    bias: bool = False
    activation: str = "relu"

    def grown(self, shape: Pair) -> Pair:
        """Return the size that ``shape`` becomes."""
        rows, columns = (
            (size - 1) * stride - 2 * padding + kernel
            for size, stride, padding, kernel in zip(shape, self.stride, self.padding, self.kernel, strict=True)
        )
        return rows, columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What shapes the network: its layers, of which the first reads z and `c_dim` numbers of the label behind it."""

    layers: tuple[LayerSettings, ...]
    c_dim: int = 0
    norm_eps: float = 1e-5

    def shapes(self) -> list[Pair]:
        """The size of every layer's maps. Raises ValueError where there is nothing left."""
        shapes, shape = [], (1, 1)
        for layer in self.layers:
            shape = layer.grown(shape)
            if min(shape) < 1:
                raise ValueError("its layers leave no pixels")
            shapes.append(shape)
        return shapes

    def blocks(self) -> list[list[int]]:
        """The layers of every block: a layer that makes the maps no higher belongs to the block before it."""
        shapes, blocks = self.shapes(), [[0]]
        for index in range(1, len(shapes)):
            if shapes[index][0] > max(shapes[i][0] for i in range(index)):
                blocks.append([index])
            else:
                blocks[-1].append(index)
        return blocks

    def sizes(self) -> Sizes:
        """The sizes of the network; nominal resolutions are heights."""
        shapes, blocks, width = self.shapes(), self.blocks(), self.layers[0].fan_in
        return Sizes(
            z_dim=width - self.c_dim,
            w_dim=width,
            c_dim=self.c_dim,
            num_ws=1,
            img_channels=self.layers[-1].fan_out,
            resolutions=tuple(max(shapes[i][0] for i in block) for block in blocks),
            channels=tuple(self.layers[block[-1]].fan_out for block in blocks),
            shape=shapes[-1],
        )


class Layer(nn.Module):
    """A transposed convolution, weight [I,O,kh,kw], with its batch norm and nonlinearity."""

    mean: Tensor
    variance: Tensor

    def __init__(self, settings: LayerSettings, norm_eps: float) -> None:
        super().__init__()
        self.settings, self.norm_eps = settings, norm_eps
        self.weight = nn.Parameter(torch.empty(settings.fan_in, settings.fan_out, *settings.kernel))
        if settings.bias:
            self.bias = nn.Parameter(torch.empty(settings.fan_out))
        if settings.norm:
            self.scale, self.shift = (nn.Parameter(torch.empty(settings.fan_out)) for _ in range(2))
            self.register_buffer("mean", torch.empty(settings.fan_out))
            self.register_buffer("variance", torch.empty(settings.fan_out))

    def forward(self, x: Tensor) -> Tensor:
        """[N,I,h,w] -> [N,O,H,W]."""
        own = self.settings
        x = F.conv_transpose2d(x, self.weight, self.bias if own.bias else None, own.stride, own.padding)
        if own.norm:
            x = F.batch_norm(x, self.mean, self.variance, self.scale, self.shift, eps=self.norm_eps)
        return ACTIVATIONS[own.activation](x)

    def quick(self, dtype: torch.dtype, reads: Pair) -> nn.Module:
        """Return the layer that plays it, reading ``reads`` pixels, its batch norm folded into weight and bias."""
        own, weight = self.settings, self.weight.detach()
        bias = self.bias.detach() if own.bias else weight.new_zeros(own.fan_out)
        if own.norm:
            gain = self.scale * torch.rsqrt(self.variance + self.norm_eps)
            weight, bias = weight * gain[:, None, None], (bias - self.mean) * gain + self.shift
        last = own.activation != "relu"
        shape = (own.kernel, own.stride, own.padding)
        played: nn.Module
        if reads == (1, 1) and own.padding == (0, 0):
            played = Projection(weight, bias, dtype)
        elif shape == ((4, 4), (2, 2), (1, 1)) and own.fan_out <= Shuffled.MOST:
            played = Shuffled(weight, bias, dtype)
        elif Packed.fits(weight):
            played = Packed(weight, bias, dtype, reads, stride=own.stride, padding=own.padding)
        else:
            played = Quick(weight, bias, dtype, stride=own.stride, padding=own.padding, transposed=True)
        return nn.Sequential(played, Pointwise(own.activation, torch.float32 if last else dtype))


class Pointwise(nn.Module):
    """A nonlinearity, computed in ``dtype``."""

    def __init__(self, activation: str, dtype: torch.dtype) -> None:
        super().__init__()
        self.activation, self.dtype = activation, dtype

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        return F.relu_(x) if self.activation == "relu" else ACTIVATIONS[self.activation](x.to(self.dtype))


class DCGAN(StagedWithoutW):
    """The generator."""

    title = "DCGAN"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.sizes())
        self.settings = settings
        self.layers = nn.ModuleList(Layer(layer, settings.norm_eps) for layer in settings.layers)
        self.indices = settings.blocks()
        self.dtype = torch.float32

    def block_shape(self, level: int) -> tuple[int, int]:
        """See Staged."""
        return self.settings.shapes()[self.indices[level][-1]]

    def condition(self, ws: Tensor) -> Tensor:
        """See Staged."""
        return ws[:, 0]

    def block(self, level: int, x: Tensor | None, condition: Tensor, maps: Maps) -> Tensor:
        """See Staged."""
        x = condition[:, :, None, None].to(self.dtype) if x is None else x
        for index in self.indices[level]:
            x = self.layers[index](x)
        return x

    def paint(self, level: int, x: Tensor) -> Tensor:
        """See Staged: the last block's maps are the picture."""
        return x.float()

    def quicken(self, dtype: torch.dtype) -> None:
        """See Staged."""
        layers = zip(self.layers, [(1, 1), *self.settings.shapes()[:-1]], strict=True)
        self.layers = nn.ModuleList(cast(Layer, layer).quick(dtype, reads) for layer, reads in layers)
        self.dtype = dtype

    def style_weights(self) -> Sequence[Tensor]:
        """See Network: what reads z, with nothing for the label."""
        weight = cast(Layer, self.layers[0]).weight.flatten(1).T[:, : self.z_dim]
        return [F.pad(weight, (0, self.c_dim))]
