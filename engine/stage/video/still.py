"""A picture file behind the show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.borders.contracts import Pixels
from engine.borders.errors import UserError

LARGEST = 4096  # pixels of a side; no driver's texture is smaller
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")


class Still:
    """One picture that does not change."""

    def __init__(self, pixels: Pixels) -> None:
        """``pixels`` are premultiplied, uint8 [H, W, 4]."""
        self._pixels = pixels

    def at(self, seconds: float) -> Pixels | None:
        """See Footage."""
        return self._pixels

    def close(self) -> None:
        """See Footage."""


def open_still(path: Path) -> Still:
    """Read a picture; UserError where that is none."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as found:
            image = ImageOps.exif_transpose(found).convert("RGBA")
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file: check the name") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise UserError(f"{path}: cannot be read as a picture") from None
    image.thumbnail((LARGEST, LARGEST))
    return Still(premultiplied(np.asarray(image)))


def premultiplied(pixels: NDArray[np.uint8]) -> Pixels:
    """Return straight ``pixels``, uint8 [H, W, 4], with their colours multiplied by their alpha."""
    made = np.ascontiguousarray(pixels)
    if (made[..., 3] == 255).all():
        return made
    made = made.copy()
    made[..., :3] = (made[..., :3].astype(np.uint16) * made[..., 3:] + 127) // 255
    return made
