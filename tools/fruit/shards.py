"""Renders as a growing set of shards: one program renders, another trains on the finished shards.

A shard is `000042.npz` with `theta` [500, THETA] float32 and `pictures` [500, r, r, channels] uint8, drawn from the
shard's own number as the seed. Any number of renderers may work on one folder: the data does not depend on which
of the renderers draws a shard.

    python -m tools.fruit.shards data/fruit --shards 0 48 --resolution 128
    python -m tools.fruit.shards data/garden --subject garden
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from rich.progress import track

from tools.fruit.parameters import Array
from tools.fruit.render import Pictures
from tools.fruit.subject import FRUIT, SUBJECTS, Draws, Subject

SHARD = 500


def write_shard(folder: Path, number: int, studio: Draws, subject: Subject = FRUIT) -> Path:
    """Render shard `number` into `folder` unless it is there; complete or absent, never half."""
    path = folder / f"{number:06d}.npz"
    if not path.exists():
        theta = subject.sample(np.random.default_rng(number), SHARD)
        part = path.with_suffix(f".{os.getpid()}.part")
        with part.open("wb") as f:
            np.savez_compressed(f, theta=theta, pictures=studio.render(theta))
            f.flush()
            os.fsync(f.fileno())
        part.rename(path)
    return path


class Shards:
    """All pictures of a folder in memory, without those of a wilder pose; `refresh` adds new shards."""

    def __init__(self, folder: Path, limit: int = 60_000, pose: float = 1.0, subject: Subject = FRUIT) -> None:
        self.folder, self.limit, self.pose, self.subject = folder, limit, pose, subject
        self.theta: Array = np.zeros((0, subject.theta), np.float32)
        self._pictures: list[Pictures] = []
        self._known: set[Path] = set()
        self.refresh()

    def __len__(self) -> int:
        return len(self.theta)

    def refresh(self) -> int:
        """Load new shards; returns how many pictures there are now."""
        for path in sorted(set(self.folder.glob("[0-9]*.npz")) - self._known):
            if len(self) >= self.limit:
                break
            with np.load(path) as shard:
                theta, pictures = shard["theta"], shard["pictures"]
            first = self.subject.kinds
            calm = np.abs(theta[:, first : first + self.subject.pose]).max(1) <= self.pose
            self.theta = np.concatenate([self.theta, theta[calm]])
            self._pictures.extend(pictures[calm])
            self._known.add(path)
        return len(self)

    def draw(self, rng: np.random.Generator, n: int) -> tuple[Array, Pictures]:
        """`n` random examples: theta [n, THETA], pictures [n, r, r, channels]."""
        chosen = rng.integers(len(self), size=n)
        return self.theta[chosen], np.stack([self.picture(int(i)) for i in chosen])

    def picture(self, i: int) -> Pictures:
        """One picture [r, r, channels]."""
        return self._pictures[i]


def main() -> None:
    """Render a range of shards."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder", type=Path)
    p.add_argument("--shards", type=int, nargs=2, default=(0, 48), metavar=("FROM", "TO"))
    p.add_argument("--resolution", type=int, default=128)
    p.add_argument("--subject", choices=SUBJECTS, default="fruit")
    a = p.parse_args()
    subject = SUBJECTS[a.subject]
    a.folder.mkdir(parents=True, exist_ok=True)
    studio = subject.studio(a.resolution)
    for number in track(range(*a.shards), description="rendering"):
        write_shard(a.folder, number, studio, subject)


if __name__ == "__main__":
    main()
