"""StyleGAN2's generator in one file: the readable fp32 reference that every faster path is measured against.

Written from the papers: Karras et al., "A Style-Based Generator Architecture" (arXiv:1812.04948), "Analyzing
and Improving the Image Quality of StyleGAN" (arXiv:1912.04958), "Training GANs with Limited Data"
(arXiv:2006.06676). Parameters carry the names of NVIDIA's `G_ema`, so a state_dict loads as it is.

    z [N, z_dim] --mapping--> ws [N, num_ws, w_dim] --synthesis--> img [N, C, H, W], about -1..1, unclamped
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from engine.generator.networks.stylegan3 import Config3

Architecture = Literal["skip", "orig", "resnet"]
LabelStyle = Literal["separate", "concat"]
NoiseMode = Literal["const", "none", "random"]
Taps = tuple[float, ...] | tuple[tuple[float, ...], ...]

# Sees a block's output, hook(resolution, x [N,C,R,R], img [N,C,R,R] or None), and returns x, or (x, img) to
# change both. img already holds this block's RGB, so changing both moves everything painted so far.
Hook = Callable[[int, Tensor, Tensor | None], Tensor | tuple[Tensor, Tensor | None]]

ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {  # function, gain that keeps the variance
    "linear": (lambda x: x, 1.0),
    "relu": (F.relu, math.sqrt(2)),
    "lrelu": (lambda x: F.leaky_relu(x, 0.2), math.sqrt(2)),
    "tanh": (torch.tanh, 1.0),
    "sigmoid": (torch.sigmoid, 1.0),
    "elu": (F.elu, 1.0),
    "selu": (F.selu, 1.0),
    "softplus": (F.softplus, 1.0),
    "swish": (F.silu, math.sqrt(2)),
}


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that shapes the network; the weights are all that is missing.

    `channels` are the widths of the blocks 4, 8, … up to the last; `mapping_features` the widths of the
    mapping network's layers, the last being w_dim. `label_style` "separate" normalises z and the label's
    embedding each on its own (stylegan2-ada), "concat" both together (the first StyleGAN2).
    `resample_filter` is a FIR kernel, 1-D (used along both axes) or 2-D, of any sum. `const_shape` differs
    from 4x4 only in non-square models. Raises ValueError for settings that contradict each other.
    """

    img_resolution: int = 256
    z_dim: int = 512
    c_dim: int = 0
    w_dim: int = 512
    img_channels: int = 3
    channels: tuple[int, ...] = ()
    mapping_features: tuple[int, ...] = ()
    embed_features: int | None = None
    lr_multiplier: float = 0.01
    label_style: LabelStyle = "separate"
    normalize_z: bool = True
    architecture: Architecture = "skip"
    conv_clamp: float | None = None
    resample_filter: Taps = (1.0, 3.0, 3.0, 1.0)
    use_noise: bool = True
    mapping_activation: str = "lrelu"
    activation: str = "lrelu"
    const_shape: tuple[int, int] = (4, 4)

    def __post_init__(self) -> None:
        if self.img_resolution < 4 or self.img_resolution & (self.img_resolution - 1):
            raise ValueError(f"img_resolution {self.img_resolution} is not a power of two from 4 up")
        fill = object.__setattr__  # the way a frozen dataclass completes itself
        if not self.channels:  # config-F's widths, halved below 512 px as everybody trains them
            base = 32768 if self.img_resolution >= 512 else 16384
            fill(self, "channels", tuple(min(base // r, 512) for r in self.resolutions))
        if not self.mapping_features:
            fill(self, "mapping_features", (self.w_dim,) * 8)
        if self.embed_features is None:
            fill(self, "embed_features", self.w_dim if self.c_dim else 0)
        if len(self.channels) != len(self.resolutions):
            raise ValueError(f"{len(self.channels)} channel widths for {len(self.resolutions)} blocks")
        if self.mapping_features[-1] != self.w_dim:
            raise ValueError("the mapping network's last width must be w_dim")

    @property
    def resolutions(self) -> tuple[int, ...]:
        """The blocks' nominal resolutions: 4, 8, … img_resolution."""
        return tuple(2**k for k in range(2, self.img_resolution.bit_length()))

    @property
    def num_ws(self) -> int:
        """How many w the synthesis reads: one per convolution and one for the last ToRGB."""
        return 2 * len(self.resolutions)


def fir_kernel(taps: Taps) -> Tensor:
    """The kernel as a buffer of sum 1: 2-D, or 1-D from eight taps on, as the files hold it."""
    f = torch.tensor(taps, dtype=torch.float32)
    if f.ndim == 1 and f.numel() < 8:
        f = torch.outer(f, f)
    return f / f.sum()


def upfirdn(x: Tensor, f: Tensor, up: int, pad: tuple[int, int, int, int], gain: float = 1.0) -> Tensor:
    """Insert up-1 zeros between samples, pad (left, right, top, bottom; negative crops), convolve with f."""
    n, c, h, w = x.shape
    f = (torch.outer(f, f) if f.ndim == 1 else f).to(x.dtype) * gain
    if up > 1:
        x = F.pad(x.reshape(n, c, h, 1, w, 1), (0, up - 1, 0, 0, 0, up - 1)).reshape(n, c, h * up, w * up)
    kernel = f.flip(0, 1).expand(c, 1, *f.shape)  # flipped: conv2d correlates
    return F.conv2d(F.pad(x, pad), kernel, groups=c)


def upsample2(x: Tensor, f: Tensor) -> Tensor:
    """[N,C,H,W] -> [N,C,2H,2W] through the FIR kernel."""
    (fh, fw) = f.shape * (3 - f.ndim)
    return upfirdn(x, f, 2, ((fw + 1) // 2, (fw - 2) // 2, (fh + 1) // 2, (fh - 2) // 2), gain=4.0)


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


def activate(x: Tensor, name: str, gain: float = 1.0, clamp: float | None = None) -> Tensor:
    """The named nonlinearity with its own gain, bounded by `clamp`, times `gain`."""
    function, own_gain = ACTIVATIONS[name]
    x = function(x) * (own_gain * gain)
    return x if clamp is None else x.clamp(-clamp * gain, clamp * gain)


def normalize_2nd_moment(x: Tensor) -> Tensor:
    """Scale each row to a mean square of 1."""
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)


class FullyConnected(nn.Module):
    """A dense layer with equalized learning rate: stored weights are O(1/lr_multiplier), scaled when used."""

    def __init__(self, fan_in: int, fan_out: int, *, lr_multiplier: float = 1.0) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(fan_out, fan_in)), nn.Parameter(torch.empty(fan_out))
        self.weight_gain, self.bias_gain = lr_multiplier / math.sqrt(fan_in), lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        """[N, fan_in] -> [N, fan_out]."""
        return F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)


class Mapping(nn.Module):
    """z [N, z_dim] and c [N, c_dim] -> ws [N, num_ws, w_dim], truncated towards w_avg."""

    w_avg: Tensor

    def __init__(self, config: "Config | Config3") -> None:
        super().__init__()
        self.config = config
        embed = config.embed_features or 0
        if config.c_dim:
            self.embed = FullyConnected(config.c_dim, embed)
        widths = (config.z_dim + (embed if config.c_dim else 0), *config.mapping_features)
        for i, (fan_in, fan_out) in enumerate(pairwise(widths)):
            self.add_module(f"fc{i}", FullyConnected(fan_in, fan_out, lr_multiplier=config.lr_multiplier))
        self.register_buffer("w_avg", torch.empty(config.w_dim))

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
    ) -> Tensor:
        """Without c, a conditional network is given the all-zero label. The cutoff counts ws; None is all."""
        cfg = self.config
        x, joint = z, cfg.c_dim > 0 and cfg.label_style == "concat"
        if cfg.normalize_z and cfg.z_dim and not joint:
            x = normalize_2nd_moment(x)
        if cfg.c_dim:
            label = self.embed(z.new_zeros(len(z), cfg.c_dim) if c is None else c)
            x = torch.cat((x, label if joint else normalize_2nd_moment(label)), dim=1)
        if joint and cfg.normalize_z:
            x = normalize_2nd_moment(x)
        for i in range(len(cfg.mapping_features)):
            x = activate(self.get_submodule(f"fc{i}")(x), cfg.mapping_activation)
        ws = x.unsqueeze(1).repeat(1, cfg.num_ws, 1)  # [N, num_ws, w_dim]
        if truncation_psi == 1.0:
            return ws
        cutoff = cfg.num_ws if truncation_cutoff is None else truncation_cutoff
        return torch.cat((torch.lerp(self.w_avg, ws[:, :cutoff], truncation_psi), ws[:, cutoff:]), dim=1)


class SynthesisLayer(nn.Module):
    """Modulated 3x3 convolution, optionally up 2x; noise; bias; nonlinearity."""

    resample_filter: Tensor
    noise_const: Tensor

    def __init__(self, config: Config, fan_in: int, fan_out: int, shape: tuple[int, int], *, up: bool) -> None:
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

    def __init__(self, config: Config, fan_in: int) -> None:
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

    def __init__(self, config: Config, fan_in: int, fan_out: int) -> None:
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

    def __init__(self, config: Config, level: int) -> None:
        super().__init__()
        self.config = config
        width = config.channels[level]
        shape = (config.const_shape[0] << level, config.const_shape[1] << level)
        self.is_first, is_last = level == 0, level == len(config.channels) - 1
        self.register_buffer("resample_filter", fir_kernel(config.resample_filter))
        if self.is_first:
            self.const = nn.Parameter(torch.empty(width, *shape))
        else:
            self.conv0 = SynthesisLayer(config, config.channels[level - 1], width, shape, up=True)
        self.conv1 = SynthesisLayer(config, width, width, shape, up=False)
        self.has_rgb = is_last or config.architecture == "skip"
        if self.has_rgb:
            self.torgb = ToRGB(config, width)
        if not self.is_first and config.architecture == "resnet":
            self.skip = Skip(config, config.channels[level - 1], width)

    def forward(
        self, x: Tensor, img: Tensor | None, ws: Tensor, mode: NoiseMode, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor | None]:
        """Takes x [N,I,R/2,R/2], img [N,C,R/2,R/2] or None, ws [N, 2 or 3, w_dim]; returns x and img at R."""
        if self.is_first:
            x = self.const.expand(len(ws), -1, -1, -1)
            x = self.conv1(x, ws[:, 0], mode, generator)
        elif self.config.architecture == "resnet":
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


class Synthesis(nn.Module):
    """ws [N, num_ws, w_dim] -> img [N, img_channels, H, W]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        for level, resolution in enumerate(config.resolutions):
            self.add_module(f"b{resolution}", Block(config, level))

    def forward(
        self,
        ws: Tensor,
        noise_mode: NoiseMode = "const",
        generator: torch.Generator | None = None,
        hook: Hook | None = None,
        stop_at: int | None = None,
    ) -> Tensor:
        """Render. `generator` feeds noise_mode "random"; `stop_at` returns the RGB that block R has gathered.

        Raises ValueError for ws of the wrong shape, or where `stop_at` names a block that has no RGB.
        """
        cfg = self.config
        if ws.ndim != 3 or ws.shape[1:] != (cfg.num_ws, cfg.w_dim):
            raise ValueError(f"ws has shape {tuple(ws.shape)}, wanted [N, {cfg.num_ws}, {cfg.w_dim}]")
        x: Tensor = ws.new_empty(0)
        img: Tensor | None = None
        for level, resolution in enumerate(cfg.resolutions):
            first = max(2 * level - 1, 0)  # a block's ToRGB shares its w with the next block's conv0
            block_ws = ws[:, first : 2 * level + 2]
            x, img = self.get_submodule(f"b{resolution}")(x, img, block_ws, noise_mode, generator)
            if hook is not None:
                seen = hook(resolution, x, img)
                x, img = seen if isinstance(seen, tuple) else (seen, img)
            if resolution == stop_at:
                break
        if img is None or stop_at not in (None, *cfg.resolutions):
            raise ValueError(f"no RGB at {stop_at} px in this {cfg.architecture} network")
        return img


class StyleGAN2(nn.Module):
    """The generator: `mapping` and `synthesis`, or both in one call.

    `initialize=False` leaves the parameters' memory untouched, for weights that are loaded next: this is the
    cheap way (PyTorch's meta device imports its compiler, three seconds of it).
    """

    def __init__(self, config: Config, *, initialize: bool = True) -> None:
        super().__init__()
        self.config = config
        self.mapping = Mapping(config)
        self.synthesis = Synthesis(config)
        if initialize:
            self.initialize()

    @torch.no_grad()
    def initialize(self) -> None:
        """StyleGAN2's starting values: all of unit variance once scaled, styles of one, noise of no strength."""
        for name, tensor in self.state_dict().items():
            if name.endswith("affine.bias"):
                tensor.fill_(1.0)
            elif name.endswith(("bias", "noise_strength", "w_avg")):
                tensor.zero_()
            elif not name.endswith("resample_filter"):
                is_scaled = name.startswith("mapping.fc")
                tensor.normal_(std=1 / self.config.lr_multiplier if is_scaled else 1.0)

    @classmethod
    def random(cls, config: Config, seed: int = 0) -> "StyleGAN2":
        """StyleGAN2's own initialisation; one seed, one network, and the global RNG is left alone."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(config)

    def forward(
        self, z: Tensor, c: Tensor | None = None, truncation_psi: float = 1.0, noise_mode: NoiseMode = "const"
    ) -> Tensor:
        """Map and render: z [N, z_dim] (and c [N, c_dim]) -> img [N, img_channels, H, W]."""
        return self.synthesis(self.mapping(z, c, truncation_psi), noise_mode)  # type: ignore[no-any-return]
