"""A sheet of seeds and a strip along one loop, of any model: python -m docs.make.family_sheet MODEL -o F.jpg.

A model without W travels through z on its shell. --label N is the class of a conditional one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from engine.generator.checkpoints import checkpoint
from engine.generator.networks.network import Network
from engine.generator.plain import PlainPlayer
from engine.generator.points import seeds_to_z
from engine.latent.spline import ClosedSpline

COLUMNS, SIDE = 12, 80  # pictures in a row; pixels of each


def tiles(network: Network, ws: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
    """Return the pictures of ws [n, num_ws, w_dim], each [SIDE, SIDE, 3]."""
    found = []
    with torch.inference_mode():
        for one in ws:
            image = network.synthesize(torch.from_numpy(one)[None])[0]
            levels = (image * 127.5 + 128).clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
            found.append(np.asarray(Image.fromarray(levels).resize((SIDE, SIDE), Image.Resampling.LANCZOS)))
    return found


def pictures(path: Path, seeds: list[int], points: list[int], label: int | None) -> list[NDArray[np.uint8]]:
    """Return the sheet's pictures, one a seed, and a row of the loop through ``points``."""
    model = PlainPlayer(checkpoint.build(checkpoint.load(path)))
    c = None if label is None else np.eye(model.c_dim, dtype=np.float32)[[label]]
    sheet = [model.map(seeds_to_z([seed], model.z_dim), c)[0] for seed in seeds]
    z = seeds_to_z(points, model.z_dim)
    spline, norm = ClosedSpline(z, "uniform"), np.linalg.norm(z, axis=1).mean()
    way = [spline(t) for t in np.arange(2 * COLUMNS) / (2 * COLUMNS)]
    walked = [model.map((one * norm / np.linalg.norm(one))[None].astype(np.float32), c)[0] for one in way]
    return tiles(model.network, np.stack(sheet)) + tiles(model.network, np.stack(walked))


def main() -> None:
    """Draw it: two rows of seeds, two rows of travel."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", type=Path)
    p.add_argument("-o", "--output", type=Path, required=True)
    p.add_argument("--seeds", type=int, nargs=2 * COLUMNS, default=list(range(2 * COLUMNS)))
    p.add_argument("--points", type=int, nargs="+", default=[1, 4, 7, 10, 13, 22])
    p.add_argument("--label", type=int)
    a = p.parse_args()
    found = pictures(a.model, a.seeds, a.points, a.label)
    rows = [np.concatenate(found[i : i + COLUMNS], axis=1) for i in range(0, len(found), COLUMNS)]
    gap = np.full((8, rows[0].shape[1], 3), 255, np.uint8)
    Image.fromarray(np.concatenate([rows[0], rows[1], gap, rows[2], rows[3]])).save(a.output, quality=86)


if __name__ == "__main__":
    main()
