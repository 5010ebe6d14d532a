"""Renders with their exact labels: what the recognisers learn from and are examined on.

A lesson is a shard `000042.npz` with `theta` [500, THETA] float32 and `pictures` [500, 64, 64, 3] uint8; the number
is the seed. Half are drawn as the default model's teacher draws them, half reach 1.4 times as far, because a
slider leads out there. The labels are computed from theta, so a new definition needs no new pictures.

    python -m tools.recognise.lessons data/lessons --shards 0 32
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import track

from engine.generator.perceptual.names import ATTRIBUTES
from engine.system.files import write_whole
from tools.fruit.parameters import Array
from tools.fruit.render import KINDS, KNOBS, STALKS, Pictures, Studio, sample, weights

SIDE, SHARD = 64, 500  # pixels; pictures of a lesson
BEYOND = 1.4  # times the usual range that the wilder half reaches
MOST_KINDS = 2  # in a picture; each set of kinds is a program to compile
THIN = 0.004  # a stalk of that thickness is not drawn (fruit.glsl, parts)
CUT = ("melon", "kiwi")  # the kinds that are drawn cut open


def knob(theta: Array, name: str) -> Array:
    """Return one knob of the renderer [N]."""
    column: Array = theta[:, len(KINDS) + KNOBS.index(name)]
    return column


def labels(theta: Array) -> Array:
    """Return what the renderer draws of the eight attributes: [N, 8], in the order and units of ATTRIBUTES.

    ripeness, colour (saturation), size, light: the renderer's own knobs, -1..1 (size -0.6..0.6). turn: about the
    upright axis, tilt: in the plane of the picture, radians. slice: the share of the kinds that lie cut open, 0..1.
    stem: the length of stalk and leaf as drawn, in radii of the fruit; a kind without either has 0.
    """
    share = weights(theta)
    stalk = share @ STALKS
    length = np.where(stalk[:, 2] > THIN, stalk[:, 1] * (1 + 0.4 * knob(theta, "stem")), 0.0)
    leaf = stalk[:, 3] * np.maximum(0.0, 0.45 + 0.75 * knob(theta, "leaf"))
    drawn = {
        "ripeness": knob(theta, "hue"),
        "colour": knob(theta, "saturation"),
        "size": knob(theta, "size"),
        "turn": 0.7 * knob(theta, "yaw"),
        "tilt": -0.55 * knob(theta, "roll"),
        "slice": share[:, [KINDS.index(kind) for kind in CUT]].sum(1),
        "stem": length + leaf,
        "light": knob(theta, "light"),
    }
    return np.asarray(np.stack([drawn[name] for name in ATTRIBUTES], 1), np.float32)


def draw(seed: int, count: int, beyond: float = BEYOND) -> Array:
    """Draw theta [count, THETA] of one or two kinds; every second one reaches ``beyond`` times as far in the rest."""
    drawn = sample(np.random.default_rng(seed), 2 * count)
    theta: Array = drawn[(weights(drawn) > 0).sum(1) <= MOST_KINDS][:count]
    theta[1::2, len(KINDS) :] *= beyond
    return theta


def write_lesson(folder: Path, number: int, studio: Studio) -> Path:
    """Render lesson ``number`` into ``folder`` unless it is there; complete or absent, never half."""
    path = folder / f"{number:06d}.npz"
    if not path.exists():
        theta = draw(number, SHARD)
        pictures = studio.render(theta)

        def save(part: Path) -> None:
            with part.open("wb") as file:
                np.savez(file, theta=theta, pictures=pictures)

        write_whole(path, save)
    return path


@dataclass(frozen=True, slots=True)
class Lessons:
    """Pictures [N, 64, 64, 3] uint8 and what they were made from."""

    theta: Array
    pictures: Pictures

    @staticmethod
    def open(folder: Path, first: int, last: int) -> Lessons:
        """Read the lessons ``first`` to ``last`` (not included), rendering those that are missing."""
        folder.mkdir(parents=True, exist_ok=True)
        studio: Studio | None = None
        shards: list[tuple[Array, Pictures]] = []
        for number in range(first, last):
            if not (folder / f"{number:06d}.npz").exists():
                studio = studio or Studio(SIDE)
                write_lesson(folder, number, studio)
            with np.load(folder / f"{number:06d}.npz") as shard:
                shards.append((shard["theta"], shard["pictures"]))
        return Lessons(np.concatenate([t for t, _ in shards]), np.concatenate([p for _, p in shards]))


def main() -> None:
    """Render a range of lessons."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder", type=Path)
    p.add_argument("--shards", type=int, nargs=2, default=(0, 32), metavar=("FROM", "TO"))
    a = p.parse_args()
    a.folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("LP_NUM_THREADS", "1")
    studio = Studio(SIDE)
    for number in track(range(*a.shards), description="rendering"):
        write_lesson(a.folder, number, studio)


if __name__ == "__main__":
    main()
