"""The colours that a picture is made of, steady from one picture to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COLOURS = 5
STEPS = 3  # of k-means in a picture: it begins where the picture before has ended
LEAST = 0.01  # of the picture; a colour of less looks for another place
RANK = 1.3  # times as much; then a colour overtakes the one before it

Vector = NDArray[np.float32]

# OKLab (Ottosson 2020): a space in which distances are as large as they look.
TO_LMS = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]], np.float32,
)  # fmt: skip
TO_LAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]], np.float32,
)  # fmt: skip
FROM_LAB, FROM_LMS = np.linalg.inv(TO_LAB).astype(np.float32), np.linalg.inv(TO_LMS).astype(np.float32)


def to_lab(pixels: NDArray[np.uint8]) -> Vector:
    """Return sRGB [n, 3] as OKLab [n, 3]."""
    value = pixels.astype(np.float32) / 255.0
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    lab: Vector = np.cbrt(linear.astype(np.float32) @ TO_LMS.T) @ TO_LAB.T
    return lab


def to_rgb(lab: Vector) -> NDArray[np.uint8]:
    """Return OKLab [n, 3] as sRGB [n, 3]."""
    linear = np.clip((lab @ FROM_LAB.T) ** 3 @ FROM_LMS.T, 0.0, 1.0)
    value = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    rgb: NDArray[np.uint8] = np.rint(value * 255.0).astype(np.uint8)
    return rgb


class Dominant:
    """Follows the colours of pictures (k-means, begun where the picture before has ended)."""

    def __init__(self, count: int = COLOURS) -> None:
        self._count = count
        self._middles: Vector | None = None

    def __call__(self, pixels: NDArray[np.uint8]) -> tuple[tuple[int, int, int], ...]:
        """Return the colours of sRGB pixels [n, 3], the most first; there are always as many."""
        lab = to_lab(pixels)
        middles = _spread(lab, self._count) if self._middles is None else self._middles
        for _ in range(STEPS):
            middles, shares = self._step(lab, middles)
        for rank in range(1, self._count):  # a colour overtakes one place a picture, and not for a little
            if shares[rank] > RANK * shares[rank - 1]:
                middles[[rank - 1, rank]], shares[[rank - 1, rank]] = (
                    middles[[rank, rank - 1]],
                    shares[[rank, rank - 1]],
                )
        self._middles = middles
        return tuple((int(r), int(g), int(b)) for r, g, b in to_rgb(middles))

    def _step(self, lab: Vector, middles: Vector) -> tuple[Vector, Vector]:
        """Return the means of what is nearest to each of ``middles``, and their shares of the picture."""
        far = ((lab[:, None] - middles[None]) ** 2).sum(2)
        nearest = far.argmin(1)
        shares = np.bincount(nearest, minlength=self._count).astype(np.float32) / np.float32(len(lab))
        moved = middles.copy()
        for index in range(self._count):
            if shares[index] >= LEAST:
                moved[index] = lab[nearest == index].mean(0)
            else:  # it goes where the picture is described worst
                moved[index] = lab[int(far[np.arange(len(lab)), nearest].argmax())]
        return moved, shares


def _spread(lab: Vector, count: int) -> Vector:
    """Return colours of the picture that lie far apart, to begin from."""
    found = [lab.mean(0)]
    far = ((lab - found[0]) ** 2).sum(1)
    for _ in range(count - 1):
        found.append(lab[int(far.argmax())])
        far = np.minimum(far, ((lab - found[-1]) ** 2).sum(1))
    return np.array(found, np.float32)
