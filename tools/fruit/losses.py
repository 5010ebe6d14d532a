"""How far a drawing is from the renderer's picture of the same parameters."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def apart(target: Tensor, ground: float) -> Tensor:
    """Return how far [N, C, H, W] is from what lies around the subject: [N, 1, H, W], 0 to 2."""
    return (target - ground).abs().amax(1, keepdim=True)


def pyramid_loss(drawn: Tensor, target: Tensor, levels: int = 4, ground: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return (loss, plain L1). Fruit weighs five times as much as ground, detail more; all bands weigh the same.

    The squares are for what is small and rare. By L1 alone the best strawberry has no seeds while their places are
    not known exactly, and nothing pulls the first seeds into place.
    """
    away = apart(target, ground)  # 0 on the ground, up to 2 in saturated fruit
    contrast = _detail(target)[0].abs().mean(1, keepdim=True)
    weight = 1 + 4 * F.max_pool2d((away > 0.12).float(), 3, 1, 1) + 12 * contrast.clamp(max=0.5)
    weight = weight / weight.mean()
    error = drawn - target
    plain = error.abs().mean()
    loss = (weight * (error.abs() + 2 * error.square())).mean()
    for _ in range(levels):
        detail, error = _detail(error)
        loss = loss + 1.5 * (weight * (detail.abs() + 2 * detail.square())).mean()
        weight = F.avg_pool2d(weight, 2)
    return loss, plain


def _detail(x: Tensor) -> tuple[Tensor, Tensor]:
    """Split [N,C,H,W] into what only this resolution shows and the rest at half the resolution."""
    small = F.avg_pool2d(x, 2)
    return x - F.interpolate(small, scale_factor=2, mode="nearest"), small
