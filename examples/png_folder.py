"""An output: every picture of the show as a PNG in the folder ``pictures``. See docs/extending.md, "An output"."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


class PngFolder:
    """Writes pictures, uint8 [H, W, 4], top row first, in a thread of its own: it may take its time."""

    name, on_gpu = "png-folder", False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def send(self, picture: NDArray[np.uint8], seconds: float) -> None:
        """Write the picture that was made for ``seconds`` on the show's clock."""
        Image.fromarray(picture[..., :3]).save(self._folder / f"{seconds:09.3f}.png")

    def close(self) -> None:
        """Nothing is open."""


def open_output(size: tuple[int, int], fps: float) -> PngFolder:
    """Return the output; ``size`` and ``fps`` are what to expect of the show."""
    return PngFolder(Path("pictures"))
