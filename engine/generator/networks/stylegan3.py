"""StyleGAN3's generator, configurations T and R, in one readable fp32 file.

Written from the paper: Karras et al., "Alias-Free Generative Adversarial Networks" (arXiv:2106.12423), sections 3
and appendix F. Parameters carry the names of NVIDIA's `G_ema`, so a state_dict loads as it is.

    z [N, z_dim] --mapping--> ws [N, num_ws, w_dim] --synthesis--> img [N, C, H, W], about -1..1, unclamped

Every layer treats its maps as samples of a continuous signal: it filters up, bends (leaky ReLU) at twice the rate,
and filters down again, so that nothing sticks to the pixel grid. There is no noise and no RGB on the way.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.generator.networks.stylegan2 import FullyConnected, Hook, Mapping, NoiseMode


@dataclass(frozen=True, slots=True)
class Config3:
    """What shapes a StyleGAN3 generator; the names and defaults are the paper's configuration T.

    R has `conv_kernel` 1, `use_radial_filters`, and twice the channels.
    """

    img_resolution: int
    z_dim: int = 512
    c_dim: int = 0
    w_dim: int = 512
    img_channels: int = 3
    num_mapping_layers: int = 2
    lr_multiplier: float = 0.01
    channel_base: float = 32768
    channel_max: float = 512
    num_layers: int = 14
    num_critical: int = 2
    first_cutoff: float = 2.0
    first_stopband: float = 2**2.1
    last_stopband_rel: float = 2**0.3
    margin_size: int = 10
    output_scale: float = 0.25
    conv_kernel: int = 3
    filter_size: int = 6
    lrelu_upsampling: int = 2
    use_radial_filters: bool = False
    conv_clamp: float | None = 256.0

    architecture = "stylegan3"
    label_style, normalize_z, mapping_activation = "separate", True, "lrelu"  # as the mapping network of Config's

    @property
    def mapping_features(self) -> tuple[int, ...]:
        """The widths of the mapping network's layers."""
        return (self.w_dim,) * self.num_mapping_layers

    @property
    def embed_features(self) -> int:
        """The width of the label's embedding."""
        return self.w_dim

    @property
    def num_ws(self) -> int:
        """One w for the input's transform, one for each layer, one for the last, to RGB."""
        return self.num_layers + 2

    @property
    def resolutions(self) -> tuple[int, ...]:
        """Where rendering can stop: only at the end, since nothing before it is RGB."""
        return (self.img_resolution,)

    def layers(self) -> list[Rates]:
        """Return the sampling of every layer's output, the input's own first (paper, section 3.2).

        Cutoffs rise geometrically to half the resolution, which the last `num_critical` layers have.
        """
        rise = np.minimum(np.arange(self.num_layers + 1) / (self.num_layers - self.num_critical), 1)
        last = self.img_resolution / 2
        cutoffs = self.first_cutoff * (last / self.first_cutoff) ** rise
        stopbands = self.first_stopband * (last * self.last_stopband_rel / self.first_stopband) ** rise
        samplerates = np.exp2(np.ceil(np.log2(np.minimum(stopbands * 2, self.img_resolution))))
        sizes = samplerates + 2 * self.margin_size
        sizes[-2:] = self.img_resolution
        channels = np.rint(np.minimum(self.channel_base / 2 / cutoffs, self.channel_max))
        channels[-1] = self.img_channels
        half_widths = np.maximum(stopbands, samplerates / 2) - cutoffs
        rows = zip(cutoffs, half_widths, samplerates, sizes, channels, strict=True)
        return [Rates(float(c), float(h), float(s), int(size), int(width)) for c, h, s, size, width in rows]


@dataclass(frozen=True, slots=True)
class Rates:
    """How maps are sampled, per picture: `cutoff` and the filter's `half_width` in cycles, `size` with its margin."""

    cutoff: float
    half_width: float
    samplerate: float
    size: int
    channels: int


class FourierInput(nn.Module):
    """Sine waves over the picture, turned and shifted as w says, then mixed: w [N, w_dim] -> [N, C, H, W]."""

    freqs: Tensor
    phases: Tensor
    transform: Tensor

    def __init__(self, config: Config3, rates: Rates) -> None:
        super().__init__()
        self.rates = rates
        self.weight = nn.Parameter(torch.empty(rates.channels, rates.channels))
        self.affine = FullyConnected(config.w_dim, 4)
        self.register_buffer("transform", torch.eye(3))
        self.register_buffer("freqs", torch.empty(rates.channels, 2))
        self.register_buffer("phases", torch.empty(rates.channels))

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

    def __init__(self, config: Config3, before: Rates, after: Rates, *, critical: bool, to_rgb: bool) -> None:
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
    beta = 0.1102 * (attenuation - 8.7) if attenuation > 50 else (
        0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21) if attenuation > 21 else 0.0
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
    x: Tensor, f: Tensor | None, up: int = 1, down: int = 1, pad: tuple[int, int, int, int] = (0, 0, 0, 0),
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


class Synthesis3(nn.Module):
    """ws [N, num_ws, w_dim] -> img [N, img_channels, H, W]."""

    def __init__(self, config: Config3) -> None:
        super().__init__()
        self.config = config
        rates = config.layers()
        self.input = FourierInput(config, rates[0])
        self.names = []
        for i, after in enumerate(rates):
            critical, to_rgb = i >= config.num_layers - config.num_critical, i == config.num_layers
            layer = Layer3(config, rates[max(i - 1, 0)], after, critical=critical, to_rgb=to_rgb)
            self.names.append(f"L{i}_{after.size}_{after.channels}")
            self.add_module(self.names[-1], layer)

    def forward(
        self,
        ws: Tensor,
        noise_mode: NoiseMode = "const",
        generator: torch.Generator | None = None,
        hook: Hook | None = None,
        stop_at: int | None = None,
    ) -> Tensor:
        """Render. StyleGAN3 has no noise and no way to stop early; `hook` sees each layer's size and maps.

        Raises ValueError for ws of the wrong shape, or a `stop_at` other than the end.
        """
        config = self.config
        if ws.ndim != 3 or ws.shape[1:] != (config.num_ws, config.w_dim):
            raise ValueError(f"ws has shape {tuple(ws.shape)}, wanted [N, {config.num_ws}, {config.w_dim}]")
        if stop_at not in (None, config.img_resolution):
            raise ValueError(f"no RGB at stop_at={stop_at} in a StyleGAN3 network of {config.img_resolution} px")
        x = self.input(ws[:, 0])
        for i, name in enumerate(self.names):
            x = self.get_submodule(name)(x, ws[:, i + 1])
            if hook is not None and i < config.num_layers:
                seen = hook(x.shape[-1], x, None)
                x = seen[0] if isinstance(seen, tuple) else seen
        image: Tensor = x * config.output_scale
        return image


class StyleGAN3(nn.Module):
    """The generator: `mapping` and `synthesis`, or both in one call.

    `initialize=False` leaves the parameters' memory untouched, for weights that are loaded next.
    """

    def __init__(self, config: Config3, *, initialize: bool = True) -> None:
        super().__init__()
        self.config = config
        self.mapping = Mapping(config)
        self.synthesis = Synthesis3(config)
        if initialize:
            self.initialize()

    @torch.no_grad()
    def initialize(self) -> None:
        """StyleGAN3's starting values: all of unit variance once scaled, styles of one."""
        for name, tensor in self.state_dict().items():
            if name.endswith("affine.bias"):
                tensor.fill_(1.0)
            elif name.endswith(("bias", "w_avg")):
                tensor.zero_()
            elif name.endswith("weight"):
                tensor.normal_(std=1 / self.config.lr_multiplier if name.startswith("mapping.fc") else 1.0)
        self.synthesis.input.initialize()

    @classmethod
    def random(cls, config: Config3, seed: int = 0) -> StyleGAN3:
        """A network with random weights, the same for the same seed; the global RNG is untouched."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(config)

    def forward(self, z: Tensor, c: Tensor | None = None, truncation_psi: float = 1.0) -> Tensor:
        """Map and render: z [N, z_dim] (and c [N, c_dim]) -> img [N, img_channels, H, W]."""
        make: Callable[..., Tensor] = self.synthesis
        return make(self.mapping(z, c, truncation_psi))
