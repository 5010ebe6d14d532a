"""What happens to a picture before a recogniser learns from it, so that it reads a network's pictures as well."""

from __future__ import annotations

import io

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from tools.fruit.render import Pictures

SHIFT = 4  # pixels; place is no attribute
JPEG, QUALITY = 0.2, (40, 95)  # share of the pictures; range
BLUR = 0.5  # share; sigma is up to 1 pixel
NOISE = 0.05  # of a range of 2; the largest standard deviation
TINT = 0.02  # share by which a channel may be brighter or darker: colour is an attribute


def compressed(pictures: Pictures, rng: np.random.Generator) -> Pictures:
    """Pass some of ``pictures`` [N, H, W, 3] through JPEG."""
    out = pictures.copy()
    for i in np.flatnonzero(rng.random(len(out)) < JPEG):
        file = io.BytesIO()
        Image.fromarray(out[i]).save(file, "JPEG", quality=int(rng.integers(*QUALITY)))
        out[i] = np.asarray(Image.open(file))
    return out


def blur_kernels(rng: np.random.Generator, count: int) -> Tensor:
    """Return ``count`` kernels [N, 5, 5] of sigma 0.2 to 1 pixel, or of no effect."""
    sigma = np.where(rng.random(count) < BLUR, rng.uniform(0.2, 1.0, count), 0.05)
    line = np.exp(-0.5 * (np.arange(-2, 3) / sigma[:, None]) ** 2)
    line /= line.sum(1, keepdims=True)
    return torch.from_numpy(line[:, :, None] * line[:, None, :]).float()


def augmented(pictures: Pictures, rng: np.random.Generator) -> Tensor:
    """Return ``pictures`` [N, H, W, 3] uint8 moved, blurred, noisy, tinted: [N, 3, H, W], about -1..1."""
    count, side = pictures.shape[:2]
    x = torch.from_numpy(compressed(pictures, rng)).permute(0, 3, 1, 2).float() / 127.5 - 1
    padded = F.pad(x, (SHIFT,) * 4, mode="replicate")
    places = rng.integers(0, 2 * SHIFT + 1, (count, 2))
    x = torch.stack([one[:, y : y + side, z : z + side] for one, (y, z) in zip(padded, places.tolist(), strict=True)])
    kernels = blur_kernels(rng, count).repeat_interleave(3, 0)[:, None]
    x = F.conv2d(F.pad(x.reshape(1, -1, side, side), (2,) * 4, mode="replicate"), kernels, groups=3 * count)
    x = x.reshape(count, 3, side, side)
    tint = torch.from_numpy(rng.uniform(1 - TINT, 1 + TINT, (count, 3, 1, 1))).float()
    noise = torch.from_numpy(rng.uniform(0, NOISE, (count, 1, 1, 1))).float()
    grain = torch.randn(x.shape, generator=torch.Generator().manual_seed(int(rng.integers(2**31))))
    return ((x + 1) * tint - 1 + noise * grain).clamp(-1, 1)
