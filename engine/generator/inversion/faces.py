"""Faces placed as FFHQ's are, so that a generator that learnt from those can paint them.

The square is that of FFHQ's own alignment (Karras et al., arXiv:1812.04948, appendix A; NVlabs' ffhq-dataset): its
direction is that of the eyes and across that from the eyes to the mouth, its half side the larger of 2 times the eyes'
distance and 1.8 times that to the mouth, its centre a tenth of the way from the eyes down. Beyond the picture's edge
the picture is mirrored and blurred.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

ACROSS, DOWN, LOWER = 2.0, 1.8, 0.1  # of the eyes' distance; of that to the mouth; of the way to the mouth
EDGE, MIRRORED, BLUR = 0.1, 0.3, 0.02  # of the square's side: room around it, mirrored room, and the blur there
SIDE = 1024  # pixels of an aligned face at most

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Face:
    """Where a face is, in pixels of an upright picture: the eye at the picture's left, that at its right, the mouth."""

    left_eye: Point
    right_eye: Point
    mouth: Point  # its middle


def of_landmarks(points: NDArray[np.floating]) -> Face:
    """Return the face of the 68 landmarks [68, 2] that dlib and others give."""
    left, right, mouth = points[36:42].mean(axis=0), points[42:48].mean(axis=0), (points[48] + points[54]) / 2.0
    return Face((left[0], left[1]), (right[0], right[1]), (mouth[0], mouth[1]))


def square(face: Face) -> NDArray[np.float64]:
    """Return the corners [4, 2] of FFHQ's square, in pixels: left upper, left lower, right lower, right upper.

    Raises ValueError for a face without an extent.
    """
    left, right, mouth = (np.asarray(p, dtype=np.float64) for p in (face.left_eye, face.right_eye, face.mouth))
    eyes, across = (left + right) / 2.0, right - left
    down = mouth - eyes
    x = across - np.array([-down[1], down[0]])
    length = float(np.hypot(*x))
    if not np.isfinite(length) or length < 1e-6:
        raise ValueError("eyes and mouth are at one place")
    x = x / length * max(float(np.hypot(*across)) * ACROSS, float(np.hypot(*down)) * DOWN)
    y = np.array([-x[1], x[0]])
    centre = eyes + LOWER * down
    return np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y])


def aligned(picture: Image.Image, face: Face, side: int = SIDE) -> Image.Image:
    """Return the square of an RGB picture that FFHQ would show of a face, ``side`` pixels at most."""
    quad = square(face)
    extent = float(np.hypot(*(quad[3] - quad[0])))
    shrink = math.floor(extent / side * 0.5)
    if shrink > 1:
        size = (round(picture.width / shrink), round(picture.height / shrink))
        picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        quad, extent = quad / shrink, extent / shrink
    border = max(round(extent * EDGE), 3)
    low, high = np.floor(quad.min(axis=0)).astype(int), np.ceil(quad.max(axis=0)).astype(int)
    left, top = max(low[0] - border, 0), max(low[1] - border, 0)
    right, bottom = min(high[0] + border, picture.width), min(high[1] + border, picture.height)
    if right - left < 2 or bottom - top < 2:
        raise ValueError("the face is outside the picture")
    picture, quad = picture.crop((left, top, right, bottom)), quad - np.array([left, top])
    picture, quad = _padded(picture, quad, extent, border)
    fine = picture.transform(
        (4 * side, 4 * side), Image.Transform.QUAD, tuple((quad + 0.5).flatten()), Image.Resampling.BILINEAR
    )
    return fine.resize((side, side), Image.Resampling.LANCZOS)


def _padded(
    picture: Image.Image, quad: NDArray[np.float64], extent: float, border: int
) -> tuple[Image.Image, NDArray[np.float64]]:
    """Return a picture that goes on, mirrored and blurred, where the square is beyond it, and the square in it."""
    low, high = np.floor(quad.min(axis=0)).astype(int), np.ceil(quad.max(axis=0)).astype(int)
    pad = (
        max(-low[0] + border, 0),
        max(-low[1] + border, 0),
        max(high[0] - picture.width + border, 0),
        max(high[1] - picture.height + border, 0),
    )
    if max(pad) <= border - 4:
        return picture, quad
    room = [max(each, round(extent * MIRRORED)) for each in pad]
    around = ((room[1], room[3]), (room[0], room[2]), (0, 0))
    pixels = np.pad(np.asarray(picture, dtype=np.uint8), around, mode="reflect")
    height, width = pixels.shape[:2]
    across, down = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    near = np.minimum(
        np.minimum(across / max(room[0], 1), (width - 1 - across) / max(room[2], 1)),
        np.minimum(down / max(room[1], 1), (height - 1 - down) / max(room[3], 1)),
    )
    outside = (1.0 - near)[..., None]  # above 0 beyond the picture, 1 at the very edge
    sharp = pixels.astype(np.float32)
    blurred = np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(extent * BLUR)), np.float32)
    mixed = sharp + (blurred - sharp) * np.clip(3.0 * outside + 1.0, 0.0, 1.0)
    mixed += (np.median(mixed, axis=(0, 1)) - mixed) * np.clip(outside, 0.0, 1.0)
    shown = Image.fromarray(np.uint8(np.clip(np.rint(mixed), 0, 255)))
    return shown, quad + np.array(room[:2])
