"""Pictures to project as tensors of the sizes that networks see, and how far two of them are apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from engine.borders.errors import UserError
from engine.generator.inversion.photographs import Box, Cut, read


def tensor(
    picture: Image.Image,
    shape: tuple[int, int],
    channels: int = 3,
    resample: Image.Resampling = Image.Resampling.LANCZOS,
) -> Tensor:
    """Return a picture as [1, channels, H, W], -1..1; it is drawn to ``shape`` where it has another."""
    if channels == 1:
        picture = picture.convert("L")
    size = (shape[1], shape[0])
    if picture.size != size:
        picture = picture.resize(size, resample)
    array = np.asarray(picture, dtype=np.float32).reshape(*shape, channels)
    return torch.from_numpy(array.transpose(2, 0, 1)[None].copy()) / 255.0 * 2.0 - 1.0


def mask(path: Path, shape: tuple[int, int], box: Box | Cut | None = None) -> Tensor:
    """Return a mask [1, 1, H, W], 0..1: white counts, black does not; see `read` for ``box``.

    Raises UserError for one that is all black.
    """
    found = (tensor(read(path, box), shape, 1) + 1.0) / 2.0
    if float(found.max()) < 1 / 255:
        raise UserError(f"{path}: the mask is all black: paint white what should count")
    return found


def to_bytes(image: Tensor) -> NDArray[np.uint8]:
    """Return a picture [1, C, H, W], -1..1, as uint8 [H, W, C], rounded as StyleGAN's own programs do."""
    levels = (image[0].detach().float() * 127.5 + 128).clamp(0, 255).to(torch.uint8)
    return np.asarray(levels.permute(1, 2, 0).cpu().numpy())


def mean_square(a: NDArray[np.uint8], b: NDArray[np.uint8], weight: NDArray[np.floating] | None = None) -> float:
    """Return the mean squared difference of two uint8 pictures, of 255; ``weight`` [H, W] says what counts."""
    square = (a.astype(np.float64) - b.astype(np.float64)) ** 2
    if weight is None:
        return float(square.mean())
    return float((square * weight[..., None]).sum() / (weight.sum() * square.shape[2]))


def psnr(mse: float) -> float:
    """Return the peak signal-to-noise ratio in dB of a mean square of uint8 pictures; 99 for none."""
    return 99.0 if mse < 255**2 * 10**-9.9 else float(10.0 * np.log10(255.0**2 / mse))
