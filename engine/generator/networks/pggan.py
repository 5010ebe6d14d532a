"""PGGAN's generator, of any of the programs that trained it.

Written from Karras et al., "Progressive Growing of GANs" (arXiv:1710.10196), appendix A: no W, no noise; z lies on a
sphere, and every pixel's channels are normalised after every convolution. What ports do otherwise is in `Settings`.

    z, label -> norm -> dense to 4x4 -> (convolution + bias -> lrelu -> pixel norm), twice a resolution -> ToRGB
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.generator.networks.convolutions import (
    Compiled,
    CompiledConvolution,
    Convolution,
    Pair,
    pixel_norm,
    quickened,
)
from engine.generator.networks.network import Sizes
from engine.generator.networks.staged import Maps, StagedWithoutW

Joined = Literal["before", "after", "twice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What shapes the network.

    `channels` are the blocks' widths from 4x4 on, `fused` says of each whether it upsamples in one step. `joined` says
    when the label is put beside z: before z is normalised (the original), after that, or after that and both are
    normalised again (genforce). `label_dim` is the label's width: of its embedding where it is `embedded`, else
    c_dim. `norm_first`: rosinality's port normalises before the nonlinearity. `first_norm` False: akanimax's leaves it
    out after the dense layer. `output` is the picture's nonlinearity.
    """

    z_dim: int
    channels: tuple[int, ...]
    fused: tuple[bool, ...]
    c_dim: int = 0
    label_dim: int = 0
    embedded: bool = False
    img_channels: int = 3
    joined: Joined = "before"
    normalize_latents: bool = True
    use_pixel_norm: bool = True
    norm_first: bool = False
    first_norm: bool = True
    norm_eps: float = 1e-8
    slope: float = 0.2
    output: str = "linear"
    lod: float = 0.0

    def sizes(self) -> Sizes:
        """The sizes of the network; its w is z with the label behind it."""
        resolutions = tuple(4 << level for level in range(len(self.channels)))
        return Sizes(
            z_dim=self.z_dim,
            w_dim=self.z_dim + self.c_dim,
            c_dim=self.c_dim,
            num_ws=1,
            img_channels=self.img_channels,
            resolutions=resolutions,
            channels=self.channels,
            shape=(resolutions[-1],) * 2,
        )


class Layer(nn.Module):
    """A convolution, its bias and what follows."""

    def __init__(self, fan_in: int, fan_out: int, *, up: bool = False, fused: bool = False) -> None:
        super().__init__()
        self.conv: nn.Module = Convolution(fan_in, fan_out, up=up, fused=fused)
        self.bias = nn.Parameter(torch.empty(fan_out))


class CompiledLayer(Layer):
    """The same in compiled code: its bias and its nonlinearity are in the convolution, but where the norm is first."""

    kit: Compiled
    convolution: CompiledConvolution

    def compile_layer(self, kit: Compiled, shape: Pair, slope: float) -> None:
        """Make the layer's convolution."""
        conv = cast(Convolution, self.conv)
        weight = conv.transposed if conv.up else conv.weight
        self.kit = kit
        self.convolution = kit.convolution(weight, shape, up=conv.up, bias=self.bias, slope=slope)
        self.up = conv.up
        del self.conv

    def play(self, x: Tensor, own: Settings) -> Tensor:
        """[1,I,h,w] -> [1,O,H,W], finished."""
        x = self.convolution(x, keep=not self.up)
        return self.kit.pixel_norm(x, own.norm_eps, own.slope if own.norm_first else 1.0) if own.use_pixel_norm else x


class Block(nn.Module):
    """The layers of one resolution, and its ToRGB."""

    def __init__(self, settings: Settings, level: int) -> None:
        super().__init__()
        width = settings.channels[level]
        if level == 0:
            self.dense = nn.Parameter(torch.empty(16 * width, settings.z_dim + settings.label_dim))
            self.dense_bias = nn.Parameter(torch.empty(16 * width))
            self.bias = nn.Parameter(torch.empty(width))
        else:
            self.conv0 = Layer(settings.channels[level - 1], width, up=True, fused=settings.fused[level])
        self.conv1 = Layer(width, width)
        self.torgb: nn.Module = Convolution(width, settings.img_channels, 1)
        self.torgb_bias = nn.Parameter(torch.empty(settings.img_channels))


class PGGAN(StagedWithoutW):
    """The generator."""

    title = "PGGAN"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.sizes(), settings.lod, settings.output)
        self.settings = settings
        if settings.embedded:
            self.label = nn.Parameter(torch.empty(settings.c_dim, settings.label_dim))
        self.stages = nn.ModuleList(Block(settings, level) for level in range(len(settings.channels)))

    def stage(self, level: int) -> Block:
        """Block ``level``."""
        return cast(Block, self.stages[level])

    @property
    def levels_with_rgb(self) -> tuple[int, ...]:
        """See Staged."""
        return tuple(range(len(self.stages)))

    def condition(self, ws: Tensor) -> Tensor:
        """See Staged: z and the label's embedding, normalised."""
        own, z, c = self.settings, ws[:, 0, : self.z_dim], ws[:, 0, self.z_dim :]
        if own.embedded:
            c = c @ self.label
        if own.joined != "before" and own.normalize_latents:
            z = pixel_norm(z)
        x = torch.cat((z, c), dim=1)
        return pixel_norm(x) if own.joined != "after" and own.normalize_latents else x

    def finish(self, x: Tensor, bias: Tensor, norm: bool) -> Tensor:
        """Add the bias; nonlinearity and norm in the program's order."""
        own = self.settings
        x = x + bias[:, None, None]
        if norm and own.norm_first:
            x = self.norm(x)
        x = F.leaky_relu(x, own.slope)
        return self.norm(x) if norm and not own.norm_first else x

    def norm(self, x: Tensor) -> Tensor:
        """Normalise every pixel's channels."""
        eps = self.settings.norm_eps
        if x.dtype == torch.float32:
            return pixel_norm(x, eps)
        # The mean of squares is a dot product, summed in fp32; half the passes of the plain form.
        power = torch.linalg.vector_norm(x, dim=1, keepdim=True, dtype=torch.float32).square() / x.shape[1]
        return x * torch.rsqrt(power + eps).to(x.dtype)

    def block(self, level: int, x: Tensor | None, condition: Tensor, maps: Maps) -> Tensor:
        """See Staged."""
        own, norm = self.stage(level), self.settings.use_pixel_norm
        if x is None:
            x = F.linear(condition, own.dense, own.dense_bias).view(len(condition), -1, 4, 4)
            x = self.finish(x, own.bias, norm and self.settings.first_norm).to(own.conv1.bias.dtype)
        else:
            x = self.play(own.conv0, x)
        return self.play(own.conv1, x)

    def play(self, layer: Layer, x: Tensor) -> Tensor:
        """Return a layer's maps."""
        if isinstance(layer, CompiledLayer):
            return layer.play(x, self.settings)
        return self.finish(layer.conv(x), layer.bias, self.settings.use_pixel_norm)

    def paint(self, level: int, x: Tensor) -> Tensor:
        """See Staged."""
        own = self.stage(level)
        rgb: Tensor = own.torgb(x)
        return rgb.float() + own.torgb_bias[:, None, None]

    def quicken(self, dtype: torch.dtype) -> None:
        """See Staged."""
        for level in range(len(self.stages)):
            own = self.stage(level)
            for layer in (own.conv1,) if level == 0 else (own.conv0, own.conv1):
                layer.conv = quickened(layer.conv, dtype)
                layer.bias.data = layer.bias.data.to(dtype)
            own.torgb = quickened(own.torgb, dtype)

    @property
    def compiles(self) -> bool:
        """See Staged."""
        return True

    def compile_layers(self, kit: Compiled) -> None:
        """See Staged."""
        own = self.settings
        for level in range(len(self.stages)):
            stage = self.stage(level)
            for layer in (stage.conv1,) if level == 0 else (stage.conv0, stage.conv1):
                layer.__class__ = CompiledLayer
                slope = 1.0 if own.norm_first and own.use_pixel_norm else own.slope
                cast(CompiledLayer, layer).compile_layer(kit, self.block_shape(level), slope)
            stage.torgb = quickened(stage.torgb, torch.float32)

    def style_weights(self) -> Sequence[Tensor]:
        """See Network: what reads z, with nothing for the label."""
        dense = self.stage(0).dense[:, : self.z_dim]
        return [F.pad(dense, (0, self.c_dim))]
