"""What a backend is to the generator: the blocks of one network, run one after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from engine.generator.backends.prepare import BlockPlan, Prepared
from engine.generator.backends.table import PRECISIONS

DTYPES = dict(zip(PRECISIONS, (torch.float32, torch.bfloat16, torch.float16), strict=True))

Images = tuple[Tensor, Tensor | None]  # a block's x [1, C, R, R], and img [1, channels, R, R] once there is RGB


class Unavailable(RuntimeError):
    """This backend cannot run here; the message says why, in one line."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a block is given beside the images.

    ``styles`` and ``scales`` are the network's `Modulation`. ``strength`` scales the stored noise; ``maps`` ([H, W]
    per convolution, all gains and strengths included) replace it. ``rgba`` [R, R, 4] uint8 is to be filled with the
    finished picture.
    """

    styles: Tensor
    scales: Tensor
    strength: float = 1.0
    maps: Sequence[Tensor] | None = None
    rgba: Tensor | None = None

    def noise(self, plan: BlockPlan) -> list[Tensor]:
        """Return the map to be added after each convolution; none for a network without noise."""
        if self.maps is not None:
            return list(self.maps)
        return [conv.noise * self.strength for conv in plan.convs if conv.noise is not None]

    def show(self, img: Tensor | None) -> None:
        """Fill ``rgba``, where it is asked for, with the picture so far."""
        if self.rgba is not None and img is not None:
            self.rgba.copy_(to_rgba(img[0]))


class NoisePlan(Protocol):
    """A layer's noise: its stored map [H, W], gain included, the gain for other maps, and the layer's number."""

    @property
    def index(self) -> int:
        """The layer's number, from which other maps are drawn."""
        ...

    @property
    def noise(self) -> Tensor | None:
        """The stored map; None for a layer without noise."""
        ...

    @property
    def noise_gain(self) -> Tensor | None:
        """What other maps are multiplied by."""
        ...


class Blocks(ABC):
    """A backend: every block of one network. `prepared` is there for networks of modulated blocks."""

    backend: str
    precision: str
    prepared: Prepared
    fills = True  # `run` fills Given.rgba where that is asked for

    def given(self, ws: Tensor) -> Given:
        """Return what the blocks read of ws [num_ws, w_dim]."""
        return Given(*self.prepared.modulation(ws))

    def noises(self, level: int) -> Sequence[NoisePlan]:
        """Return the layers of a block, each with its noise."""
        return self.prepared.blocks[level].convs

    def shape(self, level: int) -> tuple[int, int]:
        """Return the pixels of a block, height and width."""
        return self.prepared.blocks[level].shape

    def picture(self, level: int, x: Tensor, img: Tensor | None) -> Tensor:
        """Return the picture [1, channels, H, W] after block ``level``, the last that was run."""
        assert img is not None
        return img

    @abstractmethod
    def run(self, level: int, x: Tensor | None, img: Tensor | None, given: Given) -> Images:
        """Run block ``level`` on x, img of the one before (None at the first); return its own.

        Both stay intact until this level is run again.
        """

    def trim(self, levels: int) -> None:  # noqa: B027 - most hold nothing
        """Give back what the blocks from ``levels`` on hold; those that are run again allocate anew."""


def to_rgba(image: Tensor) -> Tensor:
    """Return [C, H, W] about -1..1 as uint8 [H, W, 4]: gray is spread, alpha is opaque unless it is the fourth channel.

    Rounds as StyleGAN's own tools do: x * 127.5 + 128, cut to 0..255.
    """
    rgb = image[:4] if len(image) >= 3 else image[:1].expand(3, -1, -1)
    levels = (rgb * 127.5 + 128).clamp(0, 255).to(torch.uint8)
    frame = torch.full((*levels.shape[1:], 4), 255, dtype=torch.uint8, device=levels.device)
    frame[..., : len(levels)] = levels.permute(1, 2, 0)
    return frame
