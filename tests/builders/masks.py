"""Masks, as tensors and a bit a pixel."""

from __future__ import annotations

import torch

from engine.stage.matte.bits import Bits

SHAPES = [(64, 64), (256, 256), (256, 455), (100, 70), (37, 8)]


def blobs(shape: tuple[int, int], seed: int, share: float = 0.5) -> torch.Tensor:
    """Return soft random regions."""
    coarse = torch.rand(1, 1, 9, 9, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, size=shape, mode="bicubic")[0, 0] > 1.0 - share


def same(one: torch.Tensor, other: Bits) -> bool:
    """Return whether both are the same pixels."""
    return bool((one == other.tensor()).all()) and not other.word & ~other.every
