"""Photographs: read with Pillow from any file that it knows, and cut square. Nothing here needs torch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from engine.borders.errors import UserError

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


Cut: TypeAlias = Callable[[Image.Image], Image.Image]  # an upright RGB picture -> the square of it that is meant


def read(path: Path, box: Box | Cut | None = None, pad: bool = False) -> Image.Image:
    """Return a picture as RGB, square: what ``box`` says of it, else its middle; with ``pad`` the whole on black.

    An animation gives its first picture, transparent pixels become black, a camera's turn is undone (but ``box`` counts
    in the pixels of the file). Raises UserError, which names the file, where it is no picture.
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
    except (Image.DecompressionBombError, MemoryError):
        raise UserError(f"{path}: it has more pixels than can be read: make it smaller") from None
    except (OSError, SyntaxError, ValueError, EOFError, OverflowError, KeyError, IndexError) as error:
        if isinstance(error, PermissionError):
            raise UserError(f"{path}: cannot read it: {error.strerror}") from error
        raise UserError(f"{path}: the picture is broken: save or download it again") from error


def _square(path: Path, file: Image.Image, box: Box | Cut | None, pad: bool) -> Image.Image:
    width, height = file.size
    if width * height > MOST_PIXELS:
        raise UserError(f"{path}: {width}x{height} is more than can be read: make it smaller")
    if file.mode not in MODES:
        raise UserError(f"{path}: its pixels are of the kind {file.mode}: save it as an RGB picture")
    by_hand = isinstance(box, Box)
    if isinstance(box, Box) and not (
        0 <= box.left <= width - box.side and 0 <= box.top <= height - box.side and box.side > 0
    ):
        raise UserError(f"{path}: --box {box.left},{box.top},{box.side} is not inside its {width}x{height} pixels")
    if box is None:
        file.draft("RGB", (LARGEST_SIDE, LARGEST_SIDE))  # a JPEG is decoded at a fraction of its size
    file.load()
    picture = file if by_hand else ImageOps.exif_transpose(file)
    if isinstance(box, Box):
        cut = _rgb(picture.crop((box.left, box.top, box.left + box.side, box.top + box.side)))
    elif box is not None:
        cut = box(_rgb(picture))
    elif pad:
        rgb = _rgb(picture)
        side = max(rgb.size)
        cut = Image.new("RGB", (side, side))
        cut.paste(rgb, ((side - rgb.width) // 2, (side - rgb.height) // 2))
    else:
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        cut = _rgb(picture.crop((left, top, left + side, top + side)))
    if cut.width > LARGEST_SIDE:
        cut = cut.resize((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return cut


def _rgb(picture: Image.Image) -> Image.Image:
    """Return a picture of any mode as RGB; what is transparent becomes black."""
    if picture.mode == "I;16":
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8)).convert("RGB")
    if "A" in picture.getbands() or "a" in picture.getbands() or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        black = Image.new("RGB", rgba.size)
        black.paste(rgba, mask=rgba.getchannel("A"))
        return black
    return picture.convert("RGB")
