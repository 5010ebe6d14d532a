"""Style files of the original programs, small, with what these programs made of a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

DATA = Path(__file__).parents[1] / "data" / "style"
JOHNSON, DECODER, ENCODER = DATA / "transformer_small.pth", DATA / "decoder.pth", DATA / "vgg_normalised.pth"
MAGENTA, VGG, TENSORFLOW_V1 = DATA / "multistyle-5.ckpt.index", DATA / "vgg_conv.pth", DATA / "tensorflow_v1.ckpt"


def reference(name: str) -> NDArray[np.generic]:
    """Return an array of the original programs: pictures are uint8 [H, W, 3], results [3, H, W] of 0..1."""
    with np.load(DATA / "references.npz") as found:
        array: NDArray[np.generic] = found[name]
        return array


def picture(folder: Path, name: str) -> Path:
    """Write a picture of the references as a PNG; return its path."""
    path = folder / f"{name}.png"
    Image.fromarray(np.asarray(reference(name), np.uint8)).save(path)
    return path
