"""StyleGAN's generator, of any of the programs that trained it.

Written from Karras et al., "A Style-Based Generator Architecture" (arXiv:1812.04948): figure 1 and section 2 for the
layers, appendix B for truncation, C for upsampling, blur and the mapping network. What ports of the paper do otherwise
is in `Settings`.

    z, label --mapping--> w --affine--> (scale, shift) of every layer
    layer: convolution (from the second block on: up, blur) + noise + bias -> lrelu -> AdaIN(scale, shift)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.generator.networks.convolutions import (
    ACTIVATIONS,
    Compiled,
    CompiledConvolution,
    Convolution,
    Dense,
    instance_norm,
    pixel_norm,
    quickened,
)
from engine.generator.networks.network import NoiseLayer, Sizes
from engine.generator.networks.staged import Maps, Staged


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What shapes the network.

    `channels` are the blocks' widths from 4x4 on, `fused` says of each whether it upsamples in one step, `painted`
    whether it has a ToRGB. The label is a matrix [c_dim, label_dim] whose product is put beside z. `dense` begins with
    a dense layer of w in place of the learned constant. `bias_first`: rosinality's port adds the bias before the blur.
    `slope` is lrelu's, `output` the picture's nonlinearity. Without `noise_stored` the stored noise is silence.
    """

    z_dim: int
    w_dim: int
    channels: tuple[int, ...]
    mapping_features: tuple[int, ...]
    fused: tuple[bool, ...]
    painted: tuple[bool, ...]
    c_dim: int = 0
    label_dim: int = 0
    img_channels: int = 3
    normalize_latents: bool = True
    mapping_activation: str = "lrelu"
    activation: str = "lrelu"
    slope: float = 0.2
    output: str = "linear"
    dense: bool = False
    use_noise: bool = True
    use_pixel_norm: bool = False
    use_instance_norm: bool = True
    use_styles: bool = True
    norm_eps: float = 1e-8
    bias_first: bool = False
    blur: tuple[float, ...] = (1.0, 2.0, 1.0)
    lod: float = 0.0
    truncation_cutoff: int | None = None
    noise_stored: bool = True

    def sizes(self) -> Sizes:
        """The sizes of the network."""
        resolutions = tuple(4 << level for level in range(len(self.channels)))
        return Sizes(
            z_dim=self.z_dim,
            w_dim=self.w_dim,
            c_dim=self.c_dim,
            num_ws=2 * len(self.channels),
            img_channels=self.img_channels,
            resolutions=resolutions,
            channels=self.channels,
            shape=(resolutions[-1],) * 2,
        )


class Mapping(nn.Module):
    """z [N, z_dim] and label [N, c_dim] -> w [N, w_dim]; the norm is over both together."""

    w_avg: Tensor

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        if settings.c_dim:
            self.label = nn.Parameter(torch.empty(settings.c_dim, settings.label_dim))
        widths = (settings.z_dim + settings.label_dim, *settings.mapping_features)
        self.layers = nn.ModuleList(Dense(*pair) for pair in pairwise(widths))
        self.register_buffer("w_avg", torch.empty(2 * len(settings.channels), settings.w_dim))  # of every layer

    def forward(self, z: Tensor, c: Tensor | None) -> Tensor:
        """Without c, a conditional network is given the all-zero label."""
        own, x = self.settings, z
        if own.c_dim:
            c = z.new_zeros(len(z), own.c_dim) if c is None else c
            x = torch.cat((x, c @ self.label), dim=1)
        if own.normalize_latents:
            x = pixel_norm(x)
        for layer in self.layers:
            x = ACTIVATIONS[own.mapping_activation](layer(x))
        return x


class Layer(nn.Module):
    """A convolution (the first layer has none) and what follows it."""

    noise_const: Tensor
    blur: Tensor

    def __init__(self, settings: Settings, level: int, fan_in: int | None, *, up: bool = False) -> None:
        super().__init__()
        self.settings, self.up = settings, up
        self.width = width = settings.channels[level]
        self.size = 4 << level  # pixels along an edge
        self.conv: nn.Module | None = None
        if fan_in is not None:
            self.conv = Convolution(fan_in, width, up=up, fused=settings.fused[level])
        self.bias = nn.Parameter(torch.empty(width))
        if settings.use_noise:
            self.noise_strength = nn.Parameter(torch.empty(width))
            self.register_buffer("noise_const", torch.empty(4 << level, 4 << level))
        if settings.use_styles:
            self.affine = Dense(settings.w_dim, 2 * width)
        taps = torch.tensor(settings.blur)
        blur = torch.outer(taps, taps) / taps.sum() ** 2 if settings.blur else taps
        self.register_buffer("blur", blur, persistent=False)  # on the device: no copy in a frame, nor in a graph

    def activate(self, x: Tensor) -> Tensor:
        """Return the nonlinearity of x."""
        return F.leaky_relu(x, self.settings.slope) if self.settings.activation == "lrelu" else F.relu(x)

    def blurred(self, x: Tensor) -> Tensor:
        """Blur with zeros beyond the edges, along both axes."""
        kernel = self.blur.to(x.dtype).expand(len(x[0]), 1, -1, -1)
        before, after = (len(self.blur) - 1) // 2, len(self.blur) // 2
        if before != after:
            return F.conv2d(F.pad(x, (before, after, before, after)), kernel, groups=len(x[0]))
        return F.conv2d(x, kernel, padding=before, groups=len(x[0]))

    def forward(self, x: Tensor, style: Tensor, noise: Tensor | None) -> Tensor:
        """Takes x [N,I,H,W], style [N, 2 O] (scale, then shift) and noise [N or 1, 1, H, W]; returns [N,O,H,W]."""
        own = self.settings
        x = x if self.conv is None else self.conv(x)
        bias = self.bias[:, None, None]
        if own.bias_first and self.up:
            x = x + bias
        if self.up and own.blur:
            x = self.blurred(x)
        if noise is not None:
            x = x + noise * self.noise_strength[:, None, None]
        if not (own.bias_first and self.up):
            x = x + bias
        x = self.activate(x)
        if own.use_pixel_norm:
            x = pixel_norm(x)
        if own.use_instance_norm:
            x = instance_norm(x, own.norm_eps)
        if own.use_styles:
            scale, shift = style.view(len(style), 2, -1, 1, 1).unbind(1)
            x = x * scale + shift
        return x


class QuickLayer(Layer):
    """The same for playing one picture: noise and bias in one pass, AdaIN as one normalisation."""

    def forward(self, x: Tensor, style: Tensor, noise: Tensor | None) -> Tensor:
        """See Layer."""
        own = self.settings
        if len(x) != 1 or own.use_pixel_norm or not own.use_instance_norm:
            low = None if noise is None else noise.to(x.dtype)
            return super().forward(x, style.to(x.dtype), low)
        x = x if self.conv is None else self.conv(x)
        added = self.bias[:, None, None]
        if own.bias_first and self.up:
            x, added = x + added, added.new_zeros(())
        if self.up and own.blur:
            x = self.blurred(x)
        if noise is not None:
            added = torch.addcmul(added, noise.to(x.dtype), self.noise_strength[:, None, None])
        x = self.activate(x + added)
        scale, shift = style[0].chunk(2) if own.use_styles else (None, None)
        return F.batch_norm(x, None, None, scale, shift, training=True, eps=own.norm_eps)


class CompiledLayer(Layer):
    """The same in compiled code."""

    kit: Compiled
    convolution: CompiledConvolution | None
    blurs: bool

    def compile_layer(self, kit: Compiled, conv: nn.Module | None) -> None:
        """Make the layer's convolution, with the blur where that fits."""
        own = self.settings
        self.kit, self.convolution = kit, None
        self.blurs = self.up and bool(own.blur)
        if isinstance(conv, Convolution):
            fits = self.blurs and not own.bias_first and kit.blurs(own.blur)
            weight, blur = conv.transposed if self.up else conv.weight, own.blur if fits else ()
            self.blurs = self.blurs and not fits
            bias = self.bias if own.bias_first and self.up else None
            self.convolution = kit.convolution(weight, (self.size, self.size), up=self.up, blur=blur, bias=bias)
        self.conv = None

    def forward(self, x: Tensor, style: Tensor, noise: Tensor | None) -> Tensor:
        """See Layer."""
        own = self.settings
        x = x if self.convolution is None else self.convolution(x, keep=False)
        if self.blurs:
            x = self.blurred(x)
        scale, shift = style[0].chunk(2) if own.use_styles else (None, None)
        grain, strength = (None, None) if noise is None else (noise[0, 0], self.noise_strength)
        bias = torch.zeros_like(self.bias) if own.bias_first and self.up else self.bias
        slope = own.slope if own.activation == "lrelu" else 0.0
        return self.kit.adain(x, bias, grain, strength, slope, own.norm_eps, scale, shift, keep=not self.up)


class Block(nn.Module):
    """The layers of one resolution, and its ToRGB where it has one."""

    def __init__(self, settings: Settings, level: int) -> None:
        super().__init__()
        width = settings.channels[level]
        if level == 0:
            if settings.dense:
                self.dense = nn.Parameter(torch.empty(16 * width, settings.w_dim))
                self.dense_bias = nn.Parameter(torch.empty(16 * width))
            else:
                self.const = nn.Parameter(torch.empty(width, 4, 4))
            self.conv0 = Layer(settings, 0, None)
        else:
            self.conv0 = Layer(settings, level, settings.channels[level - 1], up=True)
        self.conv1 = Layer(settings, level, width)
        if settings.painted[level]:
            self.torgb: nn.Module = Convolution(width, settings.img_channels, 1)
            self.torgb_bias = nn.Parameter(torch.empty(settings.img_channels))

    @property
    def layers(self) -> tuple[Layer, Layer]:
        """Its two layers."""
        return self.conv0, self.conv1


class StyleGAN(Staged):
    """The generator."""

    title = "StyleGAN"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.sizes(), settings.lod, settings.output)
        self.settings = settings
        self.noise_stored = settings.noise_stored
        self.truncation_cutoff = settings.truncation_cutoff
        self.mapping = Mapping(settings)
        self.stages = nn.ModuleList(Block(settings, level) for level in range(len(settings.channels)))

    def stage(self, level: int) -> Block:
        """Block ``level``."""
        return cast(Block, self.stages[level])

    @property
    def layers(self) -> list[Layer]:
        """All layers, two a block."""
        return [layer for level in range(len(self.stages)) for layer in self.stage(level).layers]

    @property
    def levels_with_rgb(self) -> tuple[int, ...]:
        """See Staged."""
        return tuple(level for level, painted in enumerate(self.settings.painted) if painted)

    @property
    def w_avg(self) -> Tensor:
        """See Network; of the first layer, where layers have averages of their own."""
        return self.mapping.w_avg[0]

    def map(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """See Network."""
        w: Tensor = self.mapping(z, c)
        if w.shape[1] == self.w_dim:
            return w[:, None].repeat(1, self.num_ws, 1)
        return w.view(len(w), self.num_ws, self.w_dim)  # in-domain's mapping has a w for every layer

    def truncate(self, ws: Tensor, psi: float) -> Tensor:
        """See Network; with each layer's own average."""
        if psi == 1.0:
            return ws
        cutoff = self.num_ws if self.truncation_cutoff is None else self.truncation_cutoff
        return torch.cat((torch.lerp(self.mapping.w_avg[:cutoff], ws[:, :cutoff], psi), ws[:, cutoff:]), dim=1)

    def condition(self, ws: Tensor) -> Tensor:
        """See Staged: the first w, which a dense input reads, then every layer's scale and shift."""
        styles = [ws[:, 0]] if self.settings.dense else []
        if self.settings.use_styles:
            styles += [layer.affine(w) for layer, w in zip(self.layers, ws.unbind(1), strict=True)]
        return torch.cat(styles, dim=1) if styles else ws.new_zeros(len(ws), 0)

    def style(self, condition: Tensor, level: int, second: int) -> Tensor:
        """Return the scale and shift of a block's first (0) or second (1) layer, [N, 2 C]."""
        widths = self.settings.channels
        start = self.w_dim * self.settings.dense + sum(4 * width for width in widths[:level])
        return condition[:, start + 2 * widths[level] * second :][:, : 2 * widths[level] * self.settings.use_styles]

    def noises_of(self, level: int) -> Sequence[NoiseLayer]:
        """See Staged."""
        if not self.settings.use_noise:
            return ()
        return [
            NoiseLayer(self.resolutions[level], layer.noise_const, layer.noise_strength)
            for layer in self.stage(level).layers
        ]

    def block(self, level: int, x: Tensor | None, condition: Tensor, maps: Maps) -> Tensor:
        """See Staged."""
        own = self.stage(level)
        if x is None:
            if self.settings.dense:
                start = F.linear(condition[:, : self.w_dim], own.dense, own.dense_bias).view(len(condition), -1, 4, 4)
            else:
                start = own.const.expand(len(condition), -1, -1, -1)
            x = start.to(own.conv0.bias.dtype)
        first, second = maps if maps else (None, None)
        x = own.conv0(x, self.style(condition, level, 0), first)
        result: Tensor = own.conv1(x, self.style(condition, level, 1), second)
        return result

    def paint(self, level: int, x: Tensor) -> Tensor:
        """See Staged: a linear 1x1 convolution."""
        own = self.stage(level)
        rgb: Tensor = own.torgb(x)
        return rgb.float() + own.torgb_bias[:, None, None]

    def quicken(self, dtype: torch.dtype) -> None:
        """See Staged."""
        for layer in self.layers:
            layer.__class__ = QuickLayer
            layer.conv = None if layer.conv is None else quickened(layer.conv, dtype)
            layer.bias.data = layer.bias.data.to(dtype)
            if self.settings.use_noise:
                layer.noise_strength.data = layer.noise_strength.data.to(dtype)
        for level in self.levels_with_rgb:
            self.stage(level).torgb = quickened(self.stage(level).torgb, dtype)

    def pointwise(self) -> Staged:
        """See Staged; nothing is blurred."""
        made = super().pointwise()
        assert isinstance(made, StyleGAN)
        for layer in made.layers:
            layer.up = False
        return made

    @property
    def compiles(self) -> bool:
        """See Staged."""
        return self.settings.use_instance_norm and not self.settings.use_pixel_norm

    def compile_layers(self, kit: Compiled) -> None:
        """See Staged."""
        convs = [layer.conv for layer in self.layers]
        self.quicken(torch.float32)
        for layer, conv in zip(self.layers, convs, strict=True):
            layer.__class__ = CompiledLayer
            cast(CompiledLayer, layer).compile_layer(kit, conv)

    def style_weights(self) -> Sequence[Tensor]:
        """See Network."""
        return [layer.affine.weight for layer in self.layers] if self.settings.use_styles else [self.stage(0).dense]
