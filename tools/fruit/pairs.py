"""Renders and the w that the fruit model was taught for them: what its encoder learns beside the model's own samples.

    python -m tools.fruit.pairs data/lessons/*.npz --out data/pairs.npz

The model's w is affine in the renderer's parameters (`mapping`); the matrix is found again by regression on the
model's own z, whose parameters are known.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.generator.checkpoints import checkpoint
from engine.show.opening import find_model
from engine.system.files import write_whole
from tools.fruit.mapping import parameters_of
from tools.fruit.render import THETA

DRAWN = 20_000  # z that the matrix is found with


@torch.no_grad()
def matrix() -> Tensor:
    """Return [THETA + 1, w_dim]: w of the parameters and a one."""
    network = checkpoint.build(checkpoint.load(find_model("fruit")))
    z = torch.randn(DRAWN, THETA, generator=torch.Generator().manual_seed(0))
    theta = torch.cat((parameters_of(z).float(), torch.ones(DRAWN, 1)), 1)
    found: Tensor = torch.linalg.lstsq(theta, network.map(z)[:, 0]).solution
    return found


def w_of(theta: np.ndarray, found: Tensor) -> Tensor:
    """Return w [N, w_dim] of parameters [N, THETA]."""
    given = torch.from_numpy(theta).float()
    return torch.cat((given, torch.ones(len(given), 1)), 1) @ found


def main() -> None:
    """Write the pairs of lessons (`tools.recognise.lessons`)."""
    parser = argparse.ArgumentParser(prog="tools.fruit.pairs", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("lessons", type=Path, nargs="+", help="theta [N, THETA] and pictures [N, 64, 64, 3] uint8")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.npz")
    a = parser.parse_args()
    found, ws, pictures = matrix(), [], []
    for path in a.lessons:
        with np.load(path) as lesson:
            ws.append(w_of(lesson["theta"], found).numpy())
            pictures.append(lesson["pictures"].transpose(0, 3, 1, 2))

    def save(part: Path) -> None:
        with part.open("wb") as file:
            np.savez(file, ws=np.concatenate(ws), pictures=np.concatenate(pictures))

    write_whole(a.out, save)


if __name__ == "__main__":
    main()
