"""What a family of generators is to the rest of the engine: its sizes, its two halves, and what it can do.

A family is one file here that fills this contract, one reader in `checkpoints/`, and one row of `families.FAMILIES`.
Nothing outside asks which family a network is of; it asks what the network can do.

A family without W takes its z as w: `map` returns z itself as ws [N, 1, z_dim], and `w_avg` is zero.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from engine.borders.contracts import NoiseMode
from engine.generator.networks.layers import Hook
from engine.generator.networks.modulated import Block


@dataclass(frozen=True, slots=True)
class Cost:
    """What a frame costs: `flops` is arithmetic, two operations a multiplication; `traffic` the bytes it moves."""

    flops: int
    traffic: int


@dataclass(frozen=True, slots=True, eq=False)
class NoiseLayer:
    """A layer that adds noise: the stored map and its strength, tensors that a player may write to."""

    resolution: int
    const: Tensor
    strength: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The sizes of a network.

    A picture is made from `num_ws` w of `w_dim` numbers; `c_dim` counts the classes, 0 for none. `resolutions` are the
    blocks' nominal ones, ascending, each once, the last the picture's; `channels` are the blocks' widths, and `shape`
    the pixels of the picture, height and width.
    """

    z_dim: int
    w_dim: int
    num_ws: int
    resolutions: tuple[int, ...]
    channels: tuple[int, ...]
    shape: tuple[int, int]
    c_dim: int = 0
    img_channels: int = 3


class Network(nn.Module, ABC):
    """A generator of one family, weights and all."""

    title: ClassVar[str]  # the family's name as people write it
    has_w: ClassVar[bool] = True  # it maps z to a space of its own, which has an average
    is_staged: ClassVar[bool] = False  # it is of the blocks in `staged`, which have a fast form of their own
    can_widen: ClassVar[bool] = False  # `widened` gives other shapes
    truncation_cutoff: int | None = None  # ws that the file's own program truncates; None is all

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim, self.num_ws = sizes.z_dim, sizes.c_dim, sizes.w_dim, sizes.num_ws
        self.img_channels, self.shape = sizes.img_channels, sizes.shape
        self.resolutions, self.channels = sizes.resolutions, sizes.channels

    @property
    def resolution(self) -> int:
        """The nominal resolution of the whole picture."""
        return self.resolutions[-1]

    @property
    def stops(self) -> tuple[int, ...]:
        """The resolutions at which a picture can be taken, ascending; the last is the whole one."""
        return self.resolutions[-1:]

    @property
    def bends(self) -> tuple[int, ...]:
        """The resolutions at which a hook may change the maps; none where there are no maps on the way."""
        return self.resolutions

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Its modulated blocks, which the fast backends prepare; a network without any plays on "plain" only."""
        return ()

    @property
    @abstractmethod
    def w_avg(self) -> Tensor:
        """The mean of w [w_dim]; zero for a family without W."""

    @property
    def device(self) -> torch.device:
        """Where its weights lie."""
        return self.w_avg.device

    @abstractmethod
    def map(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """Return ws [N, num_ws, w_dim], not truncated, of z [N, z_dim] and c [N, c_dim]; no c is the zero label."""

    @abstractmethod
    def synthesize(
        self,
        ws: Tensor,
        noise_mode: NoiseMode = "const",
        generator: torch.Generator | None = None,
        hook: Hook | None = None,
        stop_at: int | None = None,
    ) -> Tensor:
        """Return the picture [N, img_channels, H, W], about -1..1, unclamped, of ws [N, num_ws, w_dim].

        `generator` feeds noise_mode "random". `hook` sees every block. `stop_at` is one of `stops`; ValueError else.
        """

    def truncate(self, ws: Tensor, psi: float) -> Tensor:
        """Return ws drawn towards w_avg as the file's own program does; psi 1 leaves them."""
        if psi == 1.0:
            return ws
        cutoff = self.num_ws if self.truncation_cutoff is None else self.truncation_cutoff
        return torch.cat((torch.lerp(self.w_avg, ws[:, :cutoff], psi), ws[:, cutoff:]), dim=1)

    def textbook(self, ws: Tensor, stop_at: int | None = None) -> Tensor:
        """The same picture the way the family's paper writes it: the bench's yardstick, which is never made faster."""
        return self.synthesize(ws, stop_at=stop_at)

    def noises(self) -> Sequence[NoiseLayer]:
        """The layers that add noise, in the order of the frame; empty for a family without."""
        return ()

    @abstractmethod
    def style_weights(self) -> Sequence[Tensor]:
        """The weights that read w, [outputs, w_dim] each: directions are found in them."""

    def cost(self, resolution: int | None = None, itemsize: int = 2) -> Cost | None:
        """What a frame up to `resolution` (None: the whole) costs with maps of `itemsize` bytes; None: not known."""
        return None

    @property
    def const_shape(self) -> tuple[int, int]:
        """Pixels of the first block, height and width."""
        height, width = self.shape
        first, last = self.resolutions[0], self.resolutions[-1]
        return height * first // last, width * first // last

    def widened(self, const_shape: tuple[int, int], fill: str) -> Network:
        """A network whose first block has `const_shape`, with the same weights; `fill` says what lies beside."""
        raise NotImplementedError(f"{self.title} has one shape")
