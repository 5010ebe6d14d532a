"""How evenly a model moves: the largest and the usual perceptual step from frame to frame along a closed spline.

    python -m tools.judge.jump presets/models/fruit.safetensors
    python -m tools.judge.jump model.pkl --vgg vgg16-lpips.pt

With VGG16's weights (see networks.py) steps are LPIPS; without, a measure of edges and colours over scales
(measures.structure). A flash is a step many times the median.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from engine.borders.errors import UserError
from engine.generator.points import seeds_to_z
from engine.latent.spline import ClosedSpline
from tools.judge import command
from tools.judge.exhibits import open_network
from tools.judge.measures import structure
from tools.judge.networks import Lpips

BATCH = 16


@torch.inference_mode()
def frames(path: Path, seeds: list[int], steps: int, psi: float) -> Tensor:
    """Pictures [steps + 1, 3, R, R] round the loop through the w of ``seeds``; the last is the first."""
    network = open_network(path)
    w = network.truncate(network.map(torch.from_numpy(seeds_to_z(seeds, network.z_dim))), psi).numpy()
    loop = ClosedSpline(w)
    ws = np.stack([loop(i / steps) for i in range(steps)]).astype(np.float32)
    parts = track(torch.split(torch.from_numpy(ws), BATCH), description="walking", transient=True)
    images = torch.cat([network.synthesize(part) for part in parts])
    return torch.cat([images, images[:1]]).clamp(-1, 1)


def steps_between(images: Tensor, judge: Lpips | None) -> Tensor:
    """The perceptual distance of every frame to the next: [frames - 1]."""
    compare = judge or structure
    pairs = zip(torch.split(images[:-1], BATCH), torch.split(images[1:], BATCH), strict=True)
    return torch.cat([compare(a, b) for a, b in pairs])


def run(args: argparse.Namespace) -> dict[str, object]:
    """Walk once round the loop, print and return the figures. UserError for a loop of too few points."""
    if len(args.seeds) < 3 or args.steps < 8:
        raise UserError("--seeds needs at least 3 points, --steps at least 8")
    judge = Lpips(args.vgg) if args.vgg else None
    name = "structure" if judge is None else "LPIPS" if judge.weighted else "LPIPS without its linear layers"
    images = frames(args.model, args.seeds, args.steps, args.psi)
    steps = steps_between(images, judge)
    middle = len(images) // 2
    apart = float((judge or structure)(images[:middle], images[middle : 2 * middle]).mean())
    largest, median = float(steps.max()), float(steps.median())
    ratio = float(steps.max() / steps.median())
    print(f"{name}: largest step {largest:.4f}, median {median:.4f}, ratio {ratio:.2f} "
          f"over {args.steps} frames; pictures half a loop apart: {apart:.3f}")  # fmt: skip
    return {"measure": name, "frames": args.steps, "median": median, "max": largest, "ratio": ratio,
            "half_a_loop_apart": apart}  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Run; 2 with one line on bad input."""
    p = command.parser(__doc__)
    p.add_argument("model", type=Path)
    p.add_argument("--seeds", type=int, nargs="+", default=list(range(6)), help="points of the loop")
    p.add_argument("--steps", type=int, default=240, help="frames round the loop")
    p.add_argument("--psi", type=float, default=0.7)
    p.add_argument("--vgg", type=Path, help="VGG16's weights, for LPIPS")
    return command.measure(p, run, argv)


if __name__ == "__main__":
    sys.exit(main())
