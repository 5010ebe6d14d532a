"""Thumbnails in one texture, drawn by number: of presets, read from files a few at a time, and of a photograph."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import moderngl
import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 96  # pixels; a thumbnail
ACROSS = 8  # thumbnails in a row of the texture; lib/panel.frag has the same number
AT_ONCE = 3  # files that are read for one picture of the operator's window
DARK = (58, 42, 53)  # of a preset without a thumbnail


class Thumbnails:
    """A texture of thumbnails in one GL context; a file that cannot be read is a dark square."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._held: tuple[Path | bytes | None, ...] = ()
        self._waiting: list[int] = []
        self._texture: moderngl.Texture | None = None

    def texture(self, wanted: tuple[Path | bytes | None, ...]) -> moderngl.Texture | None:
        """Return the texture of thumbnails, by their number: of files, or of encoded bytes; None for nothing at all."""
        if wanted != self._held:
            before, size = self._held, (ACROSS * SIDE, -(-len(wanted) // ACROSS) * SIDE)
            if self._texture is None or self._texture.size != size:
                self.release()
                before = ()
                if wanted:
                    self._texture = self._ctx.texture(size, 3, bytes(DARK) * (size[0] * size[1]), alignment=1)
            self._held = wanted
            changed = {at for at, each in enumerate(wanted) if each != (before[at] if at < len(before) else None)}
            self._waiting = sorted(changed | {at for at in self._waiting if at < len(wanted)})
        for at in self._waiting[:AT_ONCE]:
            self._read(at)
        del self._waiting[:AT_ONCE]
        return self._texture

    def _read(self, at: int) -> None:
        held = self._held[at]
        if self._texture is None:
            return
        pixels = np.broadcast_to(np.array(DARK, np.uint8), (SIDE, SIDE, 3))
        if held is not None:
            try:
                with Image.open(io.BytesIO(held) if isinstance(held, bytes) else held) as opened:
                    pixels = np.asarray(opened.convert("RGB").resize((SIDE, SIDE)))
            except (OSError, ValueError, Image.DecompressionBombError):
                pass  # it stays dark
        corner = (at % ACROSS * SIDE, at // ACROSS * SIDE)
        self._texture.write(pixels.tobytes(), viewport=(*corner, SIDE, SIDE), alignment=1)

    def release(self) -> None:
        """Release the texture."""
        if self._texture is not None:
            self._texture.release()
        self._texture, self._held, self._waiting = None, (), []


def save_thumbnail(path: Path, frame: NDArray[np.uint8]) -> None:
    """Write the thumbnail of a frame [H, W, 4]; where that cannot be, a preset has none."""
    height, width = frame.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = Image.fromarray(np.ascontiguousarray(frame[top : top + side, left : left + side, :3]))
    with contextlib.suppress(OSError):
        square.resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(path, quality=85)
