"""What style and content are, in numbers: Gram matrices, their distances, total variation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Scale = Literal["hw", "chw"]


def gram(features: Tensor, scale: Scale = "hw") -> Tensor:
    """Return the Gram matrices [B, C, C] of ``features`` [B, C, H, W].

    ``scale`` divides: "hw" by the places (Gatys' code, Magenta), "chw" by channels times places (Johnson).
    """
    count, channels, height, width = features.shape
    flat = features.reshape(count, channels, height * width)
    return torch.bmm(flat, flat.transpose(1, 2)) / (height * width * (channels if scale == "chw" else 1))


def style_distance(features: Sequence[Tensor], targets: Sequence[Tensor], scale: Scale = "hw") -> list[Tensor]:
    """Return the mean squared distance of each layer's Gram matrices to its target [B or 1, C, C]."""
    return [F.mse_loss(gram(f, scale), t.expand(len(f), -1, -1)) for f, t in zip(features, targets, strict=True)]


def total_variation(image: Tensor) -> Tensor:
    """Return the mean squared difference of neighbours in ``image`` [B, C, H, W], along rows plus along columns."""
    rows, columns = image[..., 1:, :] - image[..., :-1, :], image[..., 1:] - image[..., :-1]
    return rows.square().mean() + columns.square().mean()
