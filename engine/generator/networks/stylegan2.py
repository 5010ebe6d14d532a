"""StyleGAN2's generator: the readable fp32 reference that every faster path is measured against.

Written from the papers: Karras et al., "A Style-Based Generator Architecture" (arXiv:1812.04948), "Analyzing
and Improving the Image Quality of StyleGAN" (arXiv:1912.04958), "Training GANs with Limited Data"
(arXiv:2006.06676). Parameters carry the names of NVIDIA's `G_ema`, so a state_dict loads as it is.

    z [N, z_dim] --mapping--> ws [N, num_ws, w_dim] --synthesis--> img [N, C, H, W], about -1..1, unclamped

The blocks are in `modulated`, the mapping network in `layers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from engine.borders.contracts import NoiseMode
from engine.generator.aspect import grow
from engine.generator.networks.layers import (
    Hook,
    LabelStyle,
    Mapping,
    MappingSettings,
    affine_weights,
    seeded,
    start_values,
)
from engine.generator.networks.modulated import Block, BlockSettings
from engine.generator.networks.modulated_cost import flops, traffic
from engine.generator.networks.modulated_textbook import reference_image
from engine.generator.networks.network import Cost, Network, NoiseLayer, Sizes


@dataclass(frozen=True, slots=True)
class Config(BlockSettings):
    """Everything that shapes the network; the weights are all that is missing.

    See `BlockSettings` for the blocks and `MappingSettings` for the mapping network, whose layers' widths are
    `mapping_features`. Raises ValueError for settings that contradict each other.
    """

    z_dim: int = 512
    c_dim: int = 0
    mapping_features: tuple[int, ...] = ()
    embed_features: int | None = None
    lr_multiplier: float = 0.01
    label_style: LabelStyle = "separate"
    normalize_z: bool = True
    mapping_activation: str = "lrelu"

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
    def num_ws(self) -> int:
        """The number of w that the synthesis reads: one per convolution and one for the last ToRGB."""
        return 2 * len(self.resolutions)

    def sizes(self) -> Sizes:
        """The sizes of the network."""
        return Sizes(
            z_dim=self.z_dim,
            w_dim=self.w_dim,
            c_dim=self.c_dim,
            num_ws=self.num_ws,
            img_channels=self.img_channels,
            resolutions=self.resolutions,
            channels=self.channels,
            shape=self.block_shape(len(self.resolutions) - 1),
        )

    def mapping(self) -> MappingSettings:
        """What shapes the mapping network."""
        return MappingSettings(
            z_dim=self.z_dim,
            c_dim=self.c_dim,
            w_dim=self.w_dim,
            num_ws=self.num_ws,
            features=self.mapping_features,
            embed_features=self.embed_features or 0,
            lr_multiplier=self.lr_multiplier,
            label_style=self.label_style,
            normalize_z=self.normalize_z,
            activation=self.mapping_activation,
        )


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


class StyleGAN2(Network):
    """The generator: `mapping` and `synthesis`, or both in one call.

    `initialize=False` leaves the parameters' memory untouched, for weights that are loaded next: this is the
    cheap way (PyTorch's meta device imports its compiler, three seconds of it).
    """

    title = "StyleGAN2"
    can_widen = True

    def __init__(self, config: Config, *, initialize: bool = True) -> None:
        super().__init__(config.sizes())
        self.config = config
        self.mapping = Mapping(config.mapping())
        self.synthesis = Synthesis(config)
        if initialize:
            start_values(self.state_dict(), config.lr_multiplier, kept=("resample_filter",))

    @classmethod
    def random(cls, config: Config, seed: int = 0) -> StyleGAN2:
        """StyleGAN2's own initialisation; one seed, one network, and the global RNG is left alone."""
        with seeded(seed):
            return cls(config)

    def forward(
        self, z: Tensor, c: Tensor | None = None, truncation_psi: float = 1.0, noise_mode: NoiseMode = "const"
    ) -> Tensor:
        """Map and render: z [N, z_dim] (and c [N, c_dim]) -> img [N, img_channels, H, W]."""
        return self.synthesize(self.mapping(z, c, truncation_psi), noise_mode)

    @property
    def stops(self) -> tuple[int, ...]:
        """See Network: a skip network has painted a picture after every block."""
        own = self.resolutions
        return tuple(r for r in own if r >= 8 or r == own[-1]) if self.config.architecture == "skip" else own[-1:]

    @property
    def blocks(self) -> tuple[Block, ...]:
        """See Network."""
        return tuple(cast(Block, self.synthesis.get_submodule(f"b{resolution}")) for resolution in self.resolutions)

    @property
    def w_avg(self) -> Tensor:
        """See Network."""
        return self.mapping.w_avg

    @property
    def const_shape(self) -> tuple[int, int]:
        """See Network."""
        return self.config.const_shape

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

    def textbook(self, ws: Tensor, stop_at: int | None = None) -> Tensor:
        """See Network."""
        return reference_image(self, ws, stop_at=stop_at)

    def noises(self) -> Sequence[NoiseLayer]:
        """See Network."""
        layers = [(block.resolution, layer) for block in self.blocks for layer in block.layers()]
        return [NoiseLayer(r, layer.noise_const, layer.noise_strength) for r, layer in layers if layer.config.use_noise]

    def style_weights(self) -> Sequence[Tensor]:
        """See Network."""
        return affine_weights(self.synthesis)

    def cost(self, resolution: int | None = None, itemsize: int = 2) -> Cost:
        """See Network."""
        return Cost(flops(self.config, resolution), traffic(self.config, resolution, itemsize))

    def widened(self, const_shape: tuple[int, int], fill: str) -> StyleGAN2:
        """See Network: a wider constant, and noise to match; every convolution works at any width."""
        state: dict[str, Tensor] = dict(self.state_dict())
        height, width = const_shape
        for name, tensor in state.items():
            if name.endswith(".const"):
                state[name] = grow(tensor, height, width, fill)
            elif name.endswith(".noise_const"):
                scale = tensor.shape[0] // self.config.const_shape[0]
                state[name] = grow(tensor[None], height * scale, width * scale, "tile")[0]
        network = StyleGAN2(replace(self.config, const_shape=const_shape), initialize=False)
        network.load_state_dict(state, assign=True)
        return network.eval().requires_grad_(False)
