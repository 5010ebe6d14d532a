"""Content for a style network: pictures of any source, cut, turned and recoloured: it learns marks and not fruit."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tools.train.pictures import Source

GRAIN = 0.04  # deviation of the noise that the temporal loss adds, of 0..1
SHIFT = 1  # pixels; the most that it moves the picture


class Content:
    """Batches of crops of a source's pictures, the same for the same seed and step."""

    def __init__(self, source: Source, side: int, seed: int) -> None:
        """``source`` gives pictures of at least ``side`` pixels."""
        self._source, self._side, self._seed = source, side, seed

    def batch(self, step: int, count: int) -> Tensor:
        """Return [count, 3, side, side], 0..1."""
        rng = np.random.default_rng([self._seed, step])
        return torch.stack([self._crop(rng) for _ in range(count)])

    def _crop(self, rng: np.random.Generator) -> Tensor:
        number = int(rng.integers(self._source.count or 1 << 30))
        picture = torch.from_numpy(self._source.picture(number).transpose(2, 0, 1).astype(np.float32) / 255.0)
        whole = picture.shape[-1]
        side = int(rng.integers(self._side, whole + 1)) if rng.random() < 0.7 else whole
        top, left = rng.integers(0, whole - side + 1, 2)
        cut = picture[None, :, top : top + side, left : left + side]
        cut = torch.nn.functional.interpolate(cut, (self._side, self._side), mode="bilinear", antialias=True)[0]
        if rng.random() < 0.5:
            cut = cut.flip(-1)
        if rng.random() < 0.35:
            cut = cut[torch.from_numpy(rng.permutation(3))]
        if rng.random() < 0.25:
            cut = 1.0 - cut
        return (cut * rng.uniform(0.7, 1.1) + rng.uniform(-0.05, 0.1)).clamp(0.0, 1.0)


def moved(batch: Tensor, generator: torch.Generator) -> tuple[Tensor, int, int]:
    """Return a batch as it might look a frame later, with grain and moved by some pixels, and how far it moved."""
    down, right = (int(n) for n in torch.randint(-SHIFT, SHIFT + 1, (2,), generator=generator))
    grain = torch.randn(batch.shape, generator=generator) * GRAIN
    return (batch.roll((down, right), (-2, -1)) + grain).clamp(0.0, 1.0), down, right
