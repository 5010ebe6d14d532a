"""A strip of pictures along one loop of the spline: what travelling through a model looks like.

Usage: python -m docs.make.travel_strip presets/models/fruit.safetensors -o docs/travel.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from engine.generator.checkpoints import checkpoint
from engine.generator.points import seeds_to_z
from engine.latent.spline import ClosedSpline


def strip(model: Path, seeds: list[int], count: int, psi: float, side: int) -> NDArray[np.uint8]:
    """Return ``count`` pictures at equal steps of the spline's t, next to each other: [side, count * side, 3]."""
    network: Any = checkpoint.build(checkpoint.load(model)).eval()
    with torch.inference_mode():
        w = network.mapping(torch.from_numpy(seeds_to_z(seeds, network.config.z_dim)), truncation_psi=psi)
        spline = ClosedSpline(w.numpy(), "centripetal")
        ws = np.stack([spline(t) for t in np.arange(count) / count]).astype(np.float32)
        images = [network.synthesis(torch.from_numpy(one)[None], noise_mode="const")[0] for one in ws]
    levels = [(i * 127.5 + 128).clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy() for i in images]
    small = [Image.fromarray(p).resize((side, side), Image.Resampling.LANCZOS) for p in levels]
    return np.concatenate([np.asarray(p) for p in small], axis=1)


def main() -> None:
    """Draw the strip."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", type=Path)
    p.add_argument("-o", "--output", type=Path, required=True)
    p.add_argument("--seeds", type=int, nargs="+", default=[0, 15, 8, 19, 16, 12], help="points of the loop")
    p.add_argument("--rows", type=int, default=2)
    p.add_argument("--columns", type=int, default=12)
    p.add_argument("--psi", type=float, default=0.7)
    p.add_argument("--side", type=int, default=112)
    a = p.parse_args()
    whole = strip(a.model, a.seeds, a.rows * a.columns, a.psi, a.side)
    rows = np.split(whole, a.rows, axis=1)
    Image.fromarray(np.concatenate(rows, axis=0)).save(a.output, quality=86)


if __name__ == "__main__":
    main()
