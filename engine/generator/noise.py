"""StyleGAN's per-pixel noise as it is played: how much of it at every resolution, and how fast it changes.

A generator stores one noise map per layer (Karras et al., arXiv:1812.04948, section 2). Drawn anew for every frame,
the noise would flicker; here it drifts. Three more maps are drawn beside the stored one, and a mixture of the four is
added. Its weights move on two circles of different speeds. Their squares always sum to one, so that the noise keeps
the strength of the stored map (unit variance for independent maps). The mixture is smooth in time and never repeats,
because the two speeds have no common measure. It begins at the stored map.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.borders.params import Params
from engine.generator.backends.blocks import Blocks

CIRCLES = (1.0, (math.sqrt(5.0) - 1.0) / 2.0)  # turns per unit of drift, of the two circles
MAPS = 4

Weights = tuple[float, ...]  # of the MAPS maps
STILL: Weights = (1.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Grain:
    """The noise of one resolution in one frame; ``weights`` None is the stored map. Equal grains are equal noise."""

    strength: float = 1.0
    weights: Weights | None = None


class Noise:
    """The phase of the drift, and the noise that every resolution has at it."""

    def __init__(self) -> None:
        self.phase = 0.0

    def advance(self, params: Params, dt: float) -> None:
        """Drift on for ``dt`` seconds."""
        self.phase += params["noise.drift"] * dt

    def reset(self) -> None:
        """Go back to the stored maps."""
        self.phase = 0.0

    def grains(self, params: Params, resolutions: Sequence[int]) -> tuple[Grain, ...]:
        """Return the noise of every block of ``resolutions``; a block without noise is the same at any drift."""
        weights = None if self.phase == 0.0 else mixture(self.phase)
        strengths = (params["noise.strength"] * params.get(f"noise.r{r}", 1.0) for r in resolutions)
        return tuple(Grain(strength, weights if strength else None) for strength in strengths)


def mixture(phase: float) -> Weights:
    """Return the weights of the four maps after ``phase`` units of drift; their squares sum to one."""
    (c1, s1), (c2, s2) = ((math.cos(math.tau * f * phase), math.sin(math.tau * f * phase)) for f in CIRCLES)
    return (c1 + c2) / 2, (c1 - c2) / 2, s1 / math.sqrt(2), s2 / math.sqrt(2)


def maps_beside(stored: Tensor, gain: Tensor | float, index: int) -> Tensor:
    """Return [MAPS, H, W]: ``stored`` [H, W] as it is, and three drawn for layer number ``index``, times ``gain``."""
    drawn = torch.randn(MAPS - 1, *stored.shape, generator=torch.Generator().manual_seed(977 + index))
    return torch.cat((stored[None].float(), drawn.to(stored.device) * gain))


class Fields:
    """The four maps of every layer of a network, gains included, and room for their mixture."""

    def __init__(self, blocks: Blocks, levels: int) -> None:
        """Draw nothing yet: a block's maps are made when it first drifts."""
        self._levels, self._of = levels, blocks
        self._blocks: dict[int, tuple[Tensor, Tensor, list[Tensor]] | None] = {}

    def fill(self) -> None:
        """Draw every block's maps now."""
        for level in range(self._levels):
            self._block(level)

    def maps(self, level: int, weights: Tensor) -> list[Tensor] | None:
        """Return block ``level``'s maps, one [H, W] per convolution, or None where the network has no noise.

        ``weights`` [MAPS], strength included. The maps lie in the same memory at every call.
        """
        found = self._block(level)
        if found is None:
            return None
        fields, mixed, views = found
        torch.mm(weights[None], fields, out=mixed)
        return views

    def _block(self, level: int) -> tuple[Tensor, Tensor, list[Tensor]] | None:
        """Return a block's maps [MAPS, pixels of all layers], their mixture, its view per layer; None without noise."""
        if level not in self._blocks:
            found = [
                maps_beside(layer.noise, layer.noise_gain, layer.index).flatten(1)
                for layer in self._of.noises(level)
                if layer.noise is not None and layer.noise_gain is not None
            ]
            fields = torch.cat(found, dim=1) if found else torch.empty(0)
            mixed = torch.zeros_like(fields[:1])
            views = list(mixed.view(-1, *self._of.shape(level)).unbind()) if found else []
            self._blocks[level] = (fields, mixed, views) if found else None
        return self._blocks[level]
