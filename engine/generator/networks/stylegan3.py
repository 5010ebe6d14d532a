"""StyleGAN3's generator, configurations T and R, in readable fp32.

Written from the paper: Karras et al., "Alias-Free Generative Adversarial Networks" (arXiv:2106.12423), sections 3
and appendix F. Parameters carry the names of NVIDIA's `G_ema`, so a state_dict loads as it is.

    z [N, z_dim] --mapping--> ws [N, num_ws, w_dim] --synthesis--> img [N, C, H, W], about -1..1, unclamped

Every layer treats its maps as samples of a continuous signal: it filters up, bends (leaky ReLU) at twice the rate,
and filters down again, so that nothing sticks to the pixel grid. There is no noise and no RGB on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from engine.borders.contracts import NoiseMode
from engine.generator.networks.layers import Hook, Mapping, MappingSettings, affine_weights, seeded, start_values
from engine.generator.networks.network import Network, Sizes
from engine.generator.networks.stylegan3_layers import FourierInput, Layer3, LayerSettings, Rates


@dataclass(frozen=True, slots=True)
class Config3(LayerSettings):
    """What shapes a StyleGAN3 generator; the names and defaults are the paper's configuration T.

    R has `conv_kernel` 1, `use_radial_filters`, and twice the channels.
    """

    z_dim: int = 512
    c_dim: int = 0
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

    @property
    def num_ws(self) -> int:
        """One w for the input's transform, one for each layer, one for the last, to RGB."""
        return self.num_layers + 2

    def sizes(self) -> Sizes:
        """The sizes of the network: one block, since nothing before the end is RGB or sampled as the picture is."""
        return Sizes(
            z_dim=self.z_dim,
            w_dim=self.w_dim,
            c_dim=self.c_dim,
            num_ws=self.num_ws,
            img_channels=self.img_channels,
            resolutions=(self.img_resolution,),
            channels=(self.layers()[-2].channels,),
            shape=(self.img_resolution, self.img_resolution),
        )

    def mapping(self) -> MappingSettings:
        """What shapes the mapping network."""
        return MappingSettings(
            z_dim=self.z_dim,
            c_dim=self.c_dim,
            w_dim=self.w_dim,
            num_ws=self.num_ws,
            features=(self.w_dim,) * self.num_mapping_layers,
            embed_features=self.w_dim,
            lr_multiplier=self.lr_multiplier,
        )

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


class StyleGAN3(Network):
    """The generator: `mapping` and `synthesis`, or both in one call.

    `initialize=False` leaves the parameters' memory untouched, for weights that are loaded next.
    """

    title = "StyleGAN3"

    def __init__(self, config: Config3, *, initialize: bool = True) -> None:
        super().__init__(config.sizes())
        self.config = config
        self.mapping = Mapping(config.mapping())
        self.synthesis = Synthesis3(config)
        if initialize:
            kept = ("freqs", "phases", "transform", "magnitude_ema", "_filter")
            start_values(self.state_dict(), config.lr_multiplier, kept=kept)
            self.synthesis.input.initialize()

    @classmethod
    def random(cls, config: Config3, seed: int = 0) -> StyleGAN3:
        """A network with random weights, the same for the same seed; the global RNG is untouched."""
        with seeded(seed):
            return cls(config)

    def forward(self, z: Tensor, c: Tensor | None = None, truncation_psi: float = 1.0) -> Tensor:
        """Map and render: z [N, z_dim] (and c [N, c_dim]) -> img [N, img_channels, H, W]."""
        return self.synthesize(self.mapping(z, c, truncation_psi))

    @property
    def w_avg(self) -> Tensor:
        """See Network."""
        return self.mapping.w_avg

    def map(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """See Network."""
        ws: Tensor = self.mapping(z, c)
        return ws

    def synthesize(
        self,
        ws: Tensor,
        noise_mode: NoiseMode = "const",
        generator: torch.Generator | None = None,
        hook: Hook | None = None,
        stop_at: int | None = None,
    ) -> Tensor:
        """See Network."""
        image: Tensor = self.synthesis(ws, noise_mode, generator, hook, stop_at)
        return image

    def style_weights(self) -> Sequence[Tensor]:
        """See Network."""
        return affine_weights(self.synthesis)
