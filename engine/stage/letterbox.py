"""A picture brought to a size that stays while the window's changes: that of a film or of a camera."""

from __future__ import annotations

import numpy as np
from PIL import Image

from engine.borders.contracts import Pixels
from engine.stage.passes.canvas import Size


def letterbox(picture: Pixels, size: Size) -> Pixels:
    """Return the picture, uint8 [H, W, 3 or 4], at ``size`` (width, height); another shape gets black bars."""
    height, width = picture.shape[:2]
    if (width, height) == size:
        return picture
    scale = min(size[0] / width, size[1] / height)
    inside = max(1, round(width * scale)), max(1, round(height * scale))
    small = Image.fromarray(np.ascontiguousarray(picture[..., :3])).resize(inside, Image.Resampling.BILINEAR)
    whole = Image.new("RGBA", size, (0, 0, 0, 255))
    whole.paste(small, ((size[0] - inside[0]) // 2, (size[1] - inside[1]) // 2))
    return np.asarray(whole)
