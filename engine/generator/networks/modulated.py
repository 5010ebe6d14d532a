"""StyleGAN2's modulated blocks: what its family is made of, and what the fast backends prepare.

Written from Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (arXiv:1912.04958), section 2.2
and appendix B: a convolution whose weight is scaled per sample by a style and demodulated to unit variance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.borders.contracts import NoiseMode
from engine.generator.networks.layers import FullyConnected, Taps, activate, fir_kernel, upfirdn, upsample2

Architecture = Literal["skip", "orig", "resnet"]


@dataclass(frozen=True, slots=True)
class BlockSettings:
    """What shapes the blocks. `channels` are their widths, from the first block to the last.

    `resample_filter` is a FIR kernel, 1-D (used along both axes) or 2-D, of any sum. `const_shape` are the pixels
    of the first block, height and width; it differs from 4x4 only in non-square models.
    """

    img_resolution: int = 256
    w_dim: int = 512
    img_channels: int = 3
    channels: tuple[int, ...] = ()
    architecture: Architecture = "skip"
    conv_clamp: float | None = None
    resample_filter: Taps = (1.0, 3.0, 3.0, 1.0)
    use_noise: bool = True
    activation: str = "lrelu"
    const_shape: tuple[int, int] = (4, 4)

    @property
    def resolutions(self) -> tuple[int, ...]:
        """The blocks' nominal resolutions: 4, 8, … img_resolution."""
        return tuple(2**k for k in range(2, self.img_resolution.bit_length()))

    def block_shape(self, level: int) -> tuple[int, int]:
        """Pixels of block `level`, height and width."""
        return self.const_shape[0] << level, self.const_shape[1] << level


def upsample_conv(x: Tensor, weight: Tensor, f: Tensor) -> Tensor:
    """[N,I,H,W] -> [N,O,2H,2W]: transposed convolution, then the FIR that removes its checkerboard."""
    (fh, fw), k = f.shape * (3 - f.ndim), weight.shape[-1]
    x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)  # 2H-2+k
    left, top = k // 2 + (fw + 1) // 2 - (k - 1), k // 2 + (fh + 1) // 2 - (k - 1)
    right, bottom = k // 2 + (fw - 2) // 2 - (k - 2), k // 2 + (fh - 2) // 2 - (k - 2)
    return upfirdn(x, f, 1, (left, right, top, bottom), gain=4.0)


def demodulation(weight: Tensor, styles: Tensor) -> Tensor:
    """What brings each output map back to unit variance: weight [O,I,k,k], styles [N,I] -> [N,O]."""
    with torch.autocast(styles.device.type, enabled=False):  # a sum over thousands of squares wants fp32
        power = weight.float().square().sum(dim=(2, 3))  # [O, I]
        return torch.rsqrt(F.linear(styles.float().square(), power) + 1e-8)


class SynthesisLayer(nn.Module):
    """Modulated 3x3 convolution, optionally up 2x; noise; bias; nonlinearity."""

    resample_filter: Tensor
    noise_const: Tensor
    style_gain = 1.0  # times the style of every input map

    def __init__(self, config: BlockSettings, fan_in: int, fan_out: int, shape: tuple[int, int], *, up: bool) -> None:
        super().__init__()
        self.config, self.up = config, up
        self.affine = FullyConnected(config.w_dim, fan_in)
        self.weight = nn.Parameter(torch.empty(fan_out, fan_in, 3, 3))
        self.bias = nn.Parameter(torch.empty(fan_out))
        self.register_buffer("resample_filter", fir_kernel(config.resample_filter))
        if config.use_noise:
            self.register_buffer("noise_const", torch.empty(shape))
            self.noise_strength = nn.Parameter(torch.empty(()))

    def noise(self, x: Tensor, mode: NoiseMode, generator: torch.Generator | None) -> Tensor | None:
        """[H, W] or [N, 1, H, W] to be added to x, or nothing."""
        if mode == "none" or not self.config.use_noise:
            return None
        if mode == "const":
            return self.noise_const * self.noise_strength
        shape = (len(x), 1, *x.shape[2:])
        return torch.randn(shape, generator=generator, device=x.device, dtype=x.dtype) * self.noise_strength

    def forward(
        self, x: Tensor, w: Tensor, mode: NoiseMode, generator: torch.Generator | None, gain: float = 1.0
    ) -> Tensor:
        """Takes x [N,I,H,W] and w [N, w_dim]; returns [N,O,H,W], twice that size where the layer goes up."""
        styles = self.affine(w)  # [N, I]
        # Scaling the input maps before one shared convolution and the output maps after it equals a
        # convolution with a weight per sample, and keeps the batch in one call.
        x = x * styles.to(x.dtype)[:, :, None, None]
        if self.up:
            x = upsample_conv(x, self.weight, self.resample_filter)
        else:
            x = F.conv2d(x, self.weight, padding=1)
        x = x * demodulation(self.weight, styles).to(x.dtype)[:, :, None, None]
        if (noise := self.noise(x, mode, generator)) is not None:
            x = x + noise.to(x.dtype)
        x = x + self.bias.to(x.dtype)[:, None, None]
        return activate(x, self.config.activation, gain, self.config.conv_clamp)


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to the image's channels, without demodulation."""

    def __init__(self, config: BlockSettings, fan_in: int) -> None:
        super().__init__()
        self.config = config
        self.affine = FullyConnected(config.w_dim, fan_in)
        self.weight = nn.Parameter(torch.empty(config.img_channels, fan_in, 1, 1))
        self.bias = nn.Parameter(torch.empty(config.img_channels))
        self.style_gain = 1 / math.sqrt(fan_in)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Takes x [N,I,H,W], w [N, w_dim] -> [N, img_channels, H, W]."""
        styles = self.affine(w) * self.style_gain
        rgb = F.conv2d(x * styles.to(x.dtype)[:, :, None, None], self.weight) + self.bias[:, None, None]
        return activate(rgb, "linear", clamp=self.config.conv_clamp)


class Skip(nn.Module):
    """The residual branch: a plain 1x1 convolution, then up 2x."""

    resample_filter: Tensor

    def __init__(self, config: BlockSettings, fan_in: int, fan_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(fan_out, fan_in, 1, 1))
        self.register_buffer("resample_filter", fir_kernel(config.resample_filter))
        self.weight_gain = 1 / math.sqrt(fan_in)

    def forward(self, x: Tensor) -> Tensor:
        """[N,I,H,W] -> [N,O,2H,2W]."""
        return upsample2(F.conv2d(x, self.weight * self.weight_gain), self.resample_filter)


class Block(nn.Module):
    """All layers of one resolution. The first holds the learned constant instead of conv0."""

    resample_filter: Tensor

    def __init__(self, config: BlockSettings, level: int) -> None:
        super().__init__()
        self.config = config
        width, shape = config.channels[level], config.block_shape(level)
        self.resolution, self.shape = config.resolutions[level], shape
        self.is_first, is_last = level == 0, level == len(config.channels) - 1
        self.is_resnet = not self.is_first and config.architecture == "resnet"
        self.register_buffer("resample_filter", fir_kernel(config.resample_filter))
        if self.is_first:
            self.const = nn.Parameter(torch.empty(width, *shape))
        else:
            self.conv0 = SynthesisLayer(config, config.channels[level - 1], width, shape, up=True)
        self.conv1 = SynthesisLayer(config, width, width, shape, up=False)
        self.has_rgb = is_last or config.architecture == "skip"
        if self.has_rgb:
            self.torgb = ToRGB(config, width)
        if self.is_resnet:
            self.skip = Skip(config, config.channels[level - 1], width)

    def layers(self) -> tuple[SynthesisLayer, ...]:
        """Its convolutions, in order."""
        return (self.conv1,) if self.is_first else (self.conv0, self.conv1)

    def forward(
        self, x: Tensor, img: Tensor | None, ws: Tensor, mode: NoiseMode, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor | None]:
        """Takes x [N,I,R/2,R/2], img [N,C,R/2,R/2] or None, ws [N, 2 or 3, w_dim]; returns x and img at R."""
        if self.is_first:
            x = self.const.expand(len(ws), -1, -1, -1)
            x = self.conv1(x, ws[:, 0], mode, generator)
        elif self.is_resnet:
            residual = self.skip(x) * math.sqrt(0.5)
            x = self.conv0(x, ws[:, 0], mode, generator)
            x = residual + self.conv1(x, ws[:, 1], mode, generator, gain=math.sqrt(0.5))
        else:
            x = self.conv0(x, ws[:, 0], mode, generator)
            x = self.conv1(x, ws[:, 1], mode, generator)
        if img is not None:
            img = upsample2(img, self.resample_filter)
        if self.has_rgb:
            rgb = self.torgb(x, ws[:, -1])
            if rgb.dtype in (torch.float16, torch.bfloat16):
                rgb = rgb.float()  # the sum over the blocks keeps its precision
            img = rgb if img is None else img + rgb
        return x, img
