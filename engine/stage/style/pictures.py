"""Pictures as files: read to RGB 0..1, and written."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from engine.borders.errors import UserError


def read_picture(path: Path, size: int | None = None) -> Tensor:
    """Return the picture [1, 3, H, W], RGB 0..1, upright, on white where it is clear.

    ``size`` in pixels limits the longer side. UserError names what cannot be read.
    """
    try:
        with warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning):
            image = ImageOps.exif_transpose(Image.open(path))
            if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
                clear = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
            rgb = image.convert("RGB")
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such picture: check the name") from None
    except IsADirectoryError:
        raise UserError(f"{path}: this is a folder: give one picture") from None
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError,
            Image.DecompressionBombWarning) as error:  # fmt: skip
        raise UserError(f"{path}: cannot be read as a picture: give a PNG or JPEG ({first(error)})") from None
    if size is not None and max(rgb.size) > size:
        scale = size / max(rgb.size)
        rgb = rgb.resize(
            (max(1, round(rgb.width * scale)), max(1, round(rgb.height * scale))), Image.Resampling.LANCZOS
        )
    return from_pixels(np.asarray(rgb))


def first(error: BaseException) -> str:
    """Return the kind of an error that a reader raised: its text may have pages."""
    return type(error).__name__


def from_pixels(pixels: NDArray[np.uint8]) -> Tensor:
    """Return uint8 [H, W, 3] as [1, 3, H, W] of 0..1."""
    return torch.from_numpy(np.array(pixels.transpose(2, 0, 1)[None], np.float32, order="C")) / 255.0


def to_pixels(image: Tensor) -> NDArray[np.uint8]:
    """Return [1, 3, H, W] as uint8 [H, W, 3]: cut to 0..1 and rounded."""
    levels = (image[0].clamp(0.0, 1.0) * 255.0 + 0.5).to(torch.uint8)
    return np.ascontiguousarray(levels.permute(1, 2, 0).cpu().numpy())


def save_picture(path: Path, image: Tensor) -> None:
    """Write [1, 3, H, W] as a PNG or JPEG, by the suffix."""
    Image.fromarray(to_pixels(image)).save(path)
