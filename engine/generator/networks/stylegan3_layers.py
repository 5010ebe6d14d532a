"""StyleGAN3's layers: the waves it begins with, and convolutions that bend their maps without aliasing.

Written from Karras et al., "Alias-Free Generative Adversarial Networks" (arXiv:2106.12423), section 3 and
appendices C and F.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.generator.networks.layers import FullyConnected


@dataclass(frozen=True, slots=True)
class Rates:
    """How maps are sampled, per picture: `cutoff` and the filter's `half_width` in cycles, `size` with its margin."""

    cutoff: float
    half_width: float
    samplerate: float
    size: int
    channels: int


@dataclass(frozen=True, slots=True)
class LayerSettings:
    """What shapes the layers of pictures of `img_resolution` pixels; the defaults are the paper's configuration T."""

    img_resolution: int
    w_dim: int = 512
    conv_kernel: int = 3
    filter_size: int = 6
    lrelu_upsampling: int = 2
    use_radial_filters: bool = False
    conv_clamp: float | None = 256.0


class FourierInput(nn.Module):
    """Sine waves over the picture, turned and shifted as w says, then mixed: w [N, w_dim] -> [N, C, H, W]."""

    freqs: Tensor
    phases: Tensor
    transform: Tensor

    def __init__(self, config: LayerSettings, rates: Rates) -> None:
        super().__init__()
        self.rates = rates
        self.weight = nn.Parameter(torch.empty(rates.channels, rates.channels))
        self.affine = FullyConnected(config.w_dim, 4)
        self.register_buffer("transform", torch.eye(3))
        self.register_buffer("freqs", torch.empty(rates.channels, 2))
        self.register_buffer("phases", torch.empty(rates.channels))

    @torch.no_grad()
    def initialize(self) -> None:
        """Spread the waves: directions at random, radii so that the disc below the cutoff is filled evenly."""
        self.freqs.normal_()
        radius = self.freqs.norm(dim=1, keepdim=True)
        self.freqs.mul_(self.rates.cutoff / (radius * radius.square().exp().pow(0.25)))
        self.phases.uniform_(-0.5, 0.5)
        self.affine.weight.zero_()
        self.affine.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))  # no rotation, no shift

    def forward(self, w: Tensor) -> Tensor:
        """Draw the waves: w [N, w_dim] -> [N, C, size, size]."""
        freqs, phases = self._moved(w)  # [N, C, 2], [N, C]
        nyquist, cutoff = self.rates.samplerate / 2, self.rates.cutoff
        fade = (1 - (freqs.norm(dim=2) - cutoff) / (nyquist - cutoff)).clamp(0, 1)  # what would alias fades out
        reach = 0.5 * self.rates.size / self.rates.samplerate
        theta = w.new_tensor([[[reach, 0.0, 0.0], [0.0, reach, 0.0]]])
        grid = F.affine_grid(theta, [1, 1, self.rates.size, self.rates.size], align_corners=False)  # [1, H, W, 2]
        waves = torch.einsum("hwk,nck->nhwc", grid[0], freqs) + phases[:, None, None]
        x = torch.sin(waves * (2 * math.pi)) * fade[:, None, None]
        mixed: Tensor = x @ (self.weight / math.sqrt(self.rates.channels)).t()
        return mixed.permute(0, 3, 1, 2)

    def _moved(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """Return frequencies and phases after w's rotation and shift, then the user's transform."""
        t = self.affine(w)  # [N, 4]: cosine, sine, x, y
        t = t / t[:, :2].norm(dim=1, keepdim=True)
        one, zero = torch.ones_like(t[:, 0]), torch.zeros_like(t[:, 0])
        rotate = torch.stack([t[:, 0], -t[:, 1], zero, t[:, 1], t[:, 0], zero, zero, zero, one], 1).view(-1, 3, 3)
        shift = torch.stack([one, zero, -t[:, 2], zero, one, -t[:, 3], zero, zero, one], 1).view(-1, 3, 3)
        m = rotate @ shift @ self.transform
        freqs = self.freqs[None]
        return freqs @ m[:, :2, :2], self.phases[None] + (freqs @ m[:, :2, 2:]).squeeze(2)


class Layer3(nn.Module):
    """Modulated convolution, then an alias-free leaky ReLU; the last one only makes RGB."""

    magnitude_ema: Tensor
    up_filter: Tensor
    down_filter: Tensor

    def __init__(self, config: LayerSettings, before: Rates, after: Rates, *, critical: bool, to_rgb: bool) -> None:
        super().__init__()
        self.to_rgb, self.clamp = to_rgb, config.conv_clamp
        self.kernel = 1 if to_rgb else config.conv_kernel
        inner = max(before.samplerate, after.samplerate) * (1 if to_rgb else config.lrelu_upsampling)
        self.up, self.down = round(inner / before.samplerate), round(inner / after.samplerate)
        up_taps = config.filter_size * self.up if self.up > 1 and not to_rgb else 1
        down_taps = config.filter_size * self.down if self.down > 1 and not to_rgb else 1
        self.affine = FullyConnected(config.w_dim, before.channels)
        self.weight = nn.Parameter(torch.empty(after.channels, before.channels, self.kernel, self.kernel))
        self.bias = nn.Parameter(torch.empty(after.channels))
        self.register_buffer("magnitude_ema", torch.ones(()))
        radial = config.use_radial_filters and not critical
        self.register_buffer("up_filter", lowpass(up_taps, before, inner))
        self.register_buffer("down_filter", lowpass(down_taps, after, inner, radial=radial))
        total = (after.size - 1) * self.down + 1 - (before.size + self.kernel - 1) * self.up + up_taps + down_taps - 2
        low = (total + self.up) // 2
        self.pad = (low, total - low, low, total - low)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Take x [N,I,H,W] and w [N, w_dim] to [N,O,H',W']."""
        weight: Tensor = self.weight
        styles = self.affine(w)
        if self.to_rgb:
            styles = styles / math.sqrt(weight[0].numel())
            after = None
        else:  # both are brought to unit size first, as half precision needs it
            weight = weight * weight.square().mean((1, 2, 3), keepdim=True).rsqrt()
            styles = styles * styles.square().mean().rsqrt()
            after = (F.linear(styles.square(), weight.square().sum((2, 3))) + 1e-8).rsqrt()  # [N, O]
        x = F.conv2d(x * (styles * self.magnitude_ema.rsqrt())[:, :, None, None], weight, padding=self.kernel - 1)
        if after is not None:
            x = x * after[:, :, None, None]
        return self._bend(x + self.bias[:, None, None])

    def _bend(self, x: Tensor) -> Tensor:
        """Filter up, bend, filter down (paper, section 3.1)."""
        x = filtered(x, self.up_filter, up=self.up, pad=self.pad, gain=float(self.up**2))
        if not self.to_rgb:
            x = F.leaky_relu(x, 0.2) * math.sqrt(2)
        if self.clamp is not None:
            x = x.clamp(-self.clamp, self.clamp)
        return filtered(x, self.down_filter, down=self.down)


def lowpass(taps: int, rates: Rates, samplerate: float, *, radial: bool = False) -> Tensor | None:
    """Design the Kaiser-windowed filter [taps], or radial [taps, taps], that passes up to ``rates.cutoff``.

    Paper, appendix C (Kaiser's formulas for attenuation and beta). None for a single tap, which would do nothing.
    """
    if taps == 1:
        return None
    attenuation = 2.285 * (taps - 1) * math.pi * (2 * rates.half_width / (samplerate / 2)) + 7.95
    beta = (
        0.1102 * (attenuation - 8.7)
        if attenuation > 50
        else (0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21) if attenuation > 21 else 0.0)
    )
    window = torch.kaiser_window(taps, periodic=False, beta=beta, dtype=torch.float64)
    at = (torch.arange(taps, dtype=torch.float64) - (taps - 1) / 2) / samplerate
    if not radial:
        f = torch.sinc(2 * rates.cutoff * at) * window
        return (f / f.sum()).float()
    radius = torch.hypot(at[:, None], at[None, :])
    radius = radius.clamp(min=1e-12)  # an odd count of taps has one in the middle, where the limit is finite
    jinc: Tensor = torch.special.bessel_j1(2 * math.pi * rates.cutoff * radius) / (math.pi * radius)
    f = jinc * window[:, None] * window
    return (f / f.sum()).float()


def filtered(
    x: Tensor,
    f: Tensor | None,
    up: int = 1,
    down: int = 1,
    pad: tuple[int, int, int, int] = (0, 0, 0, 0),
    gain: float = 1.0,
) -> Tensor:
    """Insert up-1 zeros, pad or crop, convolve with f (1-D along both axes, or 2-D), keep every down-th sample."""
    n, c, h, w = x.shape
    if up > 1:
        x = F.pad(x.reshape(n, c, h, 1, w, 1), (0, up - 1, 0, 0, 0, up - 1)).reshape(n, c, h * up, w * up)
    x = F.pad(x, pad)
    if f is None:
        return x[:, :, ::down, ::down] * gain
    if f.ndim == 2:
        return F.conv2d(x, (f * gain).flip(0, 1).expand(c, 1, *f.shape), stride=down, groups=c)
    taps = (f * math.sqrt(gain)).flip(0)
    x = F.conv2d(x, taps.view(1, 1, 1, -1).expand(c, 1, 1, len(f)), stride=(1, down), groups=c)
    return F.conv2d(x, taps.view(1, 1, -1, 1).expand(c, 1, len(f), 1), stride=(down, 1), groups=c)
