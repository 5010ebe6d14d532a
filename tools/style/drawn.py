"""Style pictures of our own, drawn by numpy: woodcut, riso, ink wash, mosaic, neon wire, halftone, thermal, oil.

Each is a texture with the marks, the inks and the contrast of its technique, no picture of anything: CC0. Marks are
sized for content of 128 pixels.

    python -m tools.style.drawn FOLDER
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Plane = npt.NDArray[np.float64]  # [H, W]
Colours = npt.NDArray[np.float64]  # [H, W, 3], 0..1
SIDE = 256  # pixels


def grid(side: int) -> tuple[Plane, Plane]:
    """Return y and x of every pixel, pixels."""
    y, x = np.mgrid[:side, :side].astype(np.float64)
    return y, x


def smooth(rng: np.random.Generator, side: int, size: float) -> Plane:
    """Return smooth noise, mean 0 and deviation 1, whose features are ``size`` pixels large and wrap round."""
    frequency = np.fft.fftfreq(side)
    distance = np.hypot(frequency[:, None], frequency[None]) * size
    field = np.fft.ifft2(np.fft.fft2(rng.standard_normal((side, side))) * np.exp(-((distance * 2.5) ** 2))).real
    return np.asarray((field - field.mean()) / field.std(), np.float64)


def ramp(low: tuple[float, ...], high: tuple[float, ...], share: Plane) -> Colours:
    """Return colours between two, by share."""
    first, last = np.asarray(low), np.asarray(high)
    return np.asarray(first + (last - first) * np.clip(share, 0.0, 1.0)[..., None], np.float64)


def step(value: Plane, edge: float = 0.5) -> Plane:
    """Return 0 below 0 and 1 above, with a soft edge."""
    return np.clip(value / (2 * edge) + 0.5, 0.0, 1.0)


def woodcut(rng: np.random.Generator, side: int) -> Colours:
    """Black lines that swell and taper along a bent field, on cream paper."""
    y, x = grid(side)
    tone, bend = smooth(rng, side, 60), smooth(rng, side, 80)
    phase = (x * 0.45 + y * 0.9) / 6.0 * 2 * np.pi / 1.0 + 5.0 * bend
    lines = np.cos(phase) + 0.35 * smooth(rng, side, 5)
    return ramp((0.07, 0.06, 0.06), (0.95, 0.90, 0.78), step(lines + 0.75 * tone + 0.1, 0.35))


def riso(rng: np.random.Generator, side: int) -> Colours:
    """Two spot inks, pink and blue, grainy and out of register, on white paper."""
    paper = np.ones((side, side, 3)) * (0.97, 0.96, 0.92)
    for ink, moved in (((0.98, 0.28, 0.45), 0), ((0.10, 0.35, 0.75), 5)):
        area = np.roll(smooth(rng, side, 50), moved, (0, 1))
        grain = rng.random((side, side)) + 0.35 * smooth(rng, side, 3)
        cover = step(area + 0.2, 0.6) * (grain < 0.85) * 0.95
        paper *= 1.0 - cover[..., None] * (1.0 - np.asarray(ink))
    return paper


def ink_wash(rng: np.random.Generator, side: int) -> Colours:
    """Grey washes with dark wet edges on rice paper, and some dry strokes."""
    paper = 0.93 + 0.02 * smooth(rng, side, 2)
    for size, depth in ((90, 0.35), (45, 0.30), (25, 0.25)):
        area = smooth(rng, side, size)
        inside = step(area - 0.3, 0.25)
        edge = np.exp(-((area - 0.45) ** 2) / 0.02)
        paper -= depth * inside * (0.6 + 0.2 * smooth(rng, side, 12)) + 0.25 * depth * edge
    y, x = grid(side)
    stroke = np.exp(-((np.sin((x + 2.2 * y) / 70 + 1.5 * smooth(rng, side, 80)) / 0.10) ** 2))
    paper -= 0.7 * stroke * step(smooth(rng, side, 4) + 0.5, 0.5)
    return np.asarray(np.clip(paper, 0.04, 1.0)[..., None] * np.asarray((1.0, 0.99, 0.95)), np.float64)


def mosaic(rng: np.random.Generator, side: int) -> Colours:
    """Stones of some colours with dark joints: the cells of a disturbed grid."""
    y, x = grid(side)
    cell = 11
    count = side // cell + 3
    corners = np.mgrid[-1 : count - 1, -1 : count - 1].reshape(2, -1).T * cell + rng.uniform(
        0, 0.75 * cell, (count**2, 2)
    )
    near, second = np.full((side, side), 1e9), np.full((side, side), 1e9)
    owner = np.zeros((side, side), np.int64)
    for i, (cy, cx) in enumerate(corners):
        distance = np.abs(y - cy) ** 1.6 + np.abs(x - cx) ** 1.6
        closer = distance < near
        second = np.where(closer, near, np.minimum(second, distance))
        near, owner = np.where(closer, distance, near), np.where(closer, i, owner)
    warm = [(0.80, 0.25, 0.16), (0.93, 0.72, 0.25), (0.12, 0.42, 0.52)]
    inks = np.asarray([*warm, (0.90, 0.86, 0.76), (0.20, 0.55, 0.42), (0.10, 0.20, 0.38)])
    region = np.digitize(smooth(rng, side, 55), (-0.9, -0.3, 0.2, 0.7, 1.2))
    place = np.clip(corners.astype(np.int64), 0, side - 1)
    chosen = inks[region[place[:, 0], place[:, 1]]] * rng.uniform(0.78, 1.15, (len(corners), 1))
    joint = step(second ** (1 / 1.6) - near ** (1 / 1.6) - 1.6, 0.7)
    return ramp((0.13, 0.11, 0.10), (1, 1, 1), joint) * np.clip(chosen[owner], 0, 1)


def neon_wire(rng: np.random.Generator, side: int) -> Colours:
    """Glowing level lines, cyan, magenta and yellow, on near black."""
    picture = np.ones((side, side, 3)) * (0.015, 0.01, 0.04)
    for ink in ((0.10, 0.95, 1.00), (1.00, 0.15, 0.80), (1.00, 0.85, 0.20)):
        field = smooth(rng, side, 55)
        slope = np.hypot(*np.gradient(field)) + 1e-3
        distance = np.abs((field * 1.5 + 0.5) % 1.0 - 0.5) / (1.5 * slope)
        glow = np.exp(-((distance / 1.1) ** 2)) + 0.35 * np.exp(-distance / 4.0)
        picture += glow[..., None] * np.asarray(ink) + 0.5 * np.exp(-((distance / 0.6) ** 2))[..., None]
    return np.clip(picture, 0.0, 1.0)


def halftone(rng: np.random.Generator, side: int) -> Colours:
    """Dots of cyan, magenta, yellow and black on turned screens."""
    y, x = grid(side)
    paper = np.ones((side, side, 3)) * (0.98, 0.97, 0.93)
    inks = (((0.0, 0.65, 0.90), 15), ((0.92, 0.10, 0.50), 75), ((1.0, 0.88, 0.0), 0), ((0.1, 0.1, 0.12), 45))
    for ink, angle in inks:
        a = np.deg2rad(angle)
        u, v = (x * np.cos(a) + y * np.sin(a)) / 6.5, (-x * np.sin(a) + y * np.cos(a)) / 6.5
        screen = 0.5 + 0.25 * (np.cos(2 * np.pi * u) + np.cos(2 * np.pi * v))
        tone = np.clip(0.42 + 0.26 * smooth(rng, side, 60) - (0.2 if angle == 45 else 0.0), 0.02, 0.9)
        paper *= 1.0 - step(screen - (1.0 - tone), 0.08)[..., None] * (1.0 - np.asarray(ink))
    return paper


def thermal(rng: np.random.Generator, side: int) -> Colours:
    """A thermal camera's palette on soft blobs with level bands."""
    heat = 0.5 + 0.24 * smooth(rng, side, 60) + 0.04 * smooth(rng, side, 10)
    heat = 0.6 * heat + 0.4 * np.round(heat * 9) / 9
    stops = np.linspace(0, 1, 7)
    dark = [(0.01, 0.0, 0.10), (0.18, 0.02, 0.52), (0.62, 0.05, 0.58), (0.92, 0.25, 0.30)]
    palette = np.asarray([*dark, (0.99, 0.55, 0.08), (1.0, 0.86, 0.25), (1.0, 1.0, 0.92)])
    return np.stack([np.interp(heat, stops, palette[:, c]) for c in range(3)], -1)


def oil(rng: np.random.Generator, side: int) -> Colours:
    """Short thick strokes along a field, each of one colour with lit ridges."""
    picture = np.ones((side, side, 3)) * (0.35, 0.30, 0.28)
    y, x = grid(side)
    direction, tone, hue = smooth(rng, side, 70) * 1.2, smooth(rng, side, 50), smooth(rng, side, 60)
    inks = np.asarray(
        [(0.16, 0.24, 0.48), (0.24, 0.50, 0.62), (0.80, 0.62, 0.25), (0.86, 0.36, 0.20), (0.93, 0.88, 0.72)]
    )
    for cy, cx in rng.uniform(0, side, (2600, 2)):
        a = direction[int(cy), int(cx)]
        top, left = max(0, int(cy) - 14), max(0, int(cx) - 14)
        part = np.s_[top : top + 28, left : left + 28]
        u = (x[part] - cx) * np.cos(a) + (y[part] - cy) * np.sin(a)
        v = -(x[part] - cx) * np.sin(a) + (y[part] - cy) * np.cos(a)
        cover = step(1.0 - (np.abs(u) / 10.0) ** 3 - (np.abs(v) / 3.4) ** 2, 0.2)[..., None]
        at = np.clip(2.0 + 1.1 * tone[int(cy), int(cx)] + 0.8 * hue[int(cy), int(cx)] + rng.normal(0, 0.5), 0, 4)
        low = int(min(at, 3))
        ink = inks[low] + (inks[low + 1] - inks[low]) * (at - low)
        ridges = 1.0 + 0.16 * np.cos(v * 3.0 + rng.uniform(0, 6)) + 0.10 * v / 3.4
        picture[part] = picture[part] * (1 - cover) + cover * np.clip(ink * ridges[..., None], 0, 1)
    return picture


STYLES: dict[str, Callable[[np.random.Generator, int], Colours]] = {
    "woodcut": woodcut,
    "riso": riso,
    "ink-wash": ink_wash,
    "mosaic": mosaic,
    "neon-wire": neon_wire,
    "halftone": halftone,
    "thermal": thermal,
    "oil": oil,
}


def draw(name: str, side: int = SIDE) -> npt.NDArray[np.uint8]:
    """Return a style picture, uint8 [side, side, 3]; the same at every call."""
    seed = np.random.default_rng([sum(name.encode()), side])
    return np.asarray(np.clip(STYLES[name](seed, side), 0.0, 1.0) * 255.0 + 0.5, np.uint8)


def main() -> None:
    """Draw all of them into a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in STYLES:
        Image.fromarray(draw(name)).save(folder / f"{name}.png")


if __name__ == "__main__":
    main()
