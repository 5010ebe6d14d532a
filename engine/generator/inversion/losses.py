"""The terms of projections' losses, each with its source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.generator.networks.network import NoiseLayer

SMALLEST_NOISE = 8  # pixels; the pyramid of a noise map ends here


def noise_correlation(maps: Iterable[Tensor]) -> Tensor:
    """Return how much noise maps [H, W] resemble themselves one pixel further, over a pyramid down to 8 px.

    Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (arXiv:1912.04958), appendix D.
    """
    total = torch.zeros(())
    for held in maps:
        noise = held[None, None]
        while True:
            total = total + (noise * noise.roll(1, dims=3)).mean().square()
            total = total + (noise * noise.roll(1, dims=2)).mean().square()
            if noise.shape[2] <= SMALLEST_NOISE:
                break
            noise = F.avg_pool2d(noise, 2)
    return total


@torch.no_grad()
def normalize_noise(layers: Sequence[NoiseLayer]) -> None:
    """Bring every stored noise map to mean 0 and variance 1, in place."""
    for layer in layers:
        layer.const.sub_(layer.const.mean())
        layer.const.mul_(layer.const.square().mean().rsqrt())


def mean_square(a: Tensor, b: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the mean squared difference of two pictures; ``mask`` [1, 1, H, W] says what counts."""
    if mask is None:
        return (a - b).square().mean()
    return ((a - b).square() * mask).sum() / (mask.sum() * a.shape[1])


def masked(x: Tensor, target: Tensor, mask: Tensor | None) -> Tensor:
    """Return a picture with the target's pixels where the mask is black, so that nothing there differs."""
    return x if mask is None else x * mask + target * (1.0 - mask)


def spread(ws: Tensor) -> Tensor:
    """Return how far the layers of ws [1, num_ws, w_dim] lie from their mean, a mean square (e4e's delta)."""
    return (ws - ws.mean(dim=1, keepdim=True)).square().mean()
