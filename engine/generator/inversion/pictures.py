"""Pictures to project: read with Pillow from any photograph, cut square, and drawn to the sizes that networks see."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from engine.borders.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif")
MOST_PIXELS = 300_000_000  # a picture of more is refused
LARGEST_SIDE = 2048  # pixels; a larger picture is drawn down to it once it is read
MODES = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "I;16"}
ADVICE = "give a PNG, JPEG, WebP or another photograph"


@dataclass(frozen=True, slots=True)
class Box:
    """A square of a picture: its left upper corner and its side, in pixels of the file."""

    left: int
    top: int
    side: int


def read(path: Path, box: Box | None = None, pad: bool = False) -> Image.Image:
    """Return a picture as RGB, square: ``box`` of it, else its middle; with ``pad`` the whole on black.

    An animation gives its first picture, transparent pixels become black, a camera's turn is undone. Raises UserError,
    which names the file, where it is no picture.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as file:
                return _square(path, file, box, pad)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file: check the name") from None
    except IsADirectoryError:
        raise UserError(f"{path}: this is a folder: give a picture in it") from None
    except UnidentifiedImageError:
        raise UserError(f"{path}: this is no picture: {ADVICE}") from None
    except Image.DecompressionBombError:
        raise UserError(f"{path}: it has more pixels than can be read: make it smaller") from None
    except (OSError, SyntaxError, ValueError, EOFError, OverflowError, KeyError, IndexError) as error:
        if isinstance(error, PermissionError):
            raise UserError(f"{path}: cannot read it: {error.strerror}") from error
        raise UserError(f"{path}: the picture is broken: save or download it again") from error


def _square(path: Path, file: Image.Image, box: Box | None, pad: bool) -> Image.Image:
    width, height = file.size
    if width * height > MOST_PIXELS:
        raise UserError(f"{path}: {width}x{height} is more than can be read: make it smaller")
    if file.mode not in MODES:
        raise UserError(f"{path}: its pixels are of the kind {file.mode}: save it as an RGB picture")
    if box is not None and not (
        0 <= box.left <= width - box.side and 0 <= box.top <= height - box.side and box.side > 0
    ):
        raise UserError(f"{path}: --box {box.left},{box.top},{box.side} is not inside its {width}x{height} pixels")
    if box is None:
        file.draft("RGB", (LARGEST_SIDE, LARGEST_SIDE))  # a JPEG is decoded at a fraction of its size
    file.load()
    picture = ImageOps.exif_transpose(file) if box is None else file
    rgb = _rgb(picture)
    width, height = rgb.size
    if box is not None:
        cut = rgb.crop((box.left, box.top, box.left + box.side, box.top + box.side))
    elif pad:
        side = max(width, height)
        cut = Image.new("RGB", (side, side))
        cut.paste(rgb, ((side - width) // 2, (side - height) // 2))
    else:
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        cut = rgb.crop((left, top, left + side, top + side))
    if cut.width > LARGEST_SIDE:
        cut = cut.resize((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return cut


def _rgb(picture: Image.Image) -> Image.Image:
    """Return a picture of any mode as RGB; what is transparent becomes black."""
    if picture.mode == "I;16":
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8)).convert("RGB")
    if "A" in picture.getbands() or "a" in picture.getbands() or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        black = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, rgba).convert("RGB")
    return picture.convert("RGB")


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


def mask(path: Path, shape: tuple[int, int]) -> Tensor:
    """Return a mask [1, 1, H, W], 0..1: white counts, black does not. Raises UserError for one that is all black."""
    found = (tensor(read(path), shape, 1) + 1.0) / 2.0
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
