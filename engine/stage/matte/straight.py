"""Straight alpha, as files and most receivers take it: colours as they are where the picture is opaque."""

from __future__ import annotations

import numpy as np

from engine.borders.contracts import Pixels


def straight(pixels: Pixels) -> Pixels:
    """Return premultiplied ``pixels``, uint8 [H, W, 4], with straight alpha; the very pixels where all are opaque."""
    alpha = pixels[..., 3:]
    if (alpha == 255).all():
        return pixels
    share = alpha.astype(np.uint16)
    made = np.empty_like(pixels)
    made[..., 3:] = alpha
    wide = pixels[..., :3].astype(np.uint32) * 255 + (share >> 1)
    made[..., :3] = np.minimum(wide // np.maximum(share, 1), 255)
    return made
