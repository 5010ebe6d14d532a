"""Fréchet Inception distance of two sets of pictures. It needs the Inception weights.

    python -m tools.judge.fid presets/models/fruit.safetensors fruit --inception inception-2015-12-05.pt --count 10000

The weights are a TorchScript file or a state_dict of Inception-v3 as FID uses it; see networks.py.
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
from tools.judge.command import told
from tools.judge.exhibits import gather, resolution_of
from tools.judge.measures import Matrix, frechet
from tools.judge.networks import Inception


def features(judge: Inception, pictures: Tensor, batch: int = 16) -> Matrix:
    """Return the features of pictures [N,3,R,R]: [N, D] in fp64."""
    parts = track(torch.split(pictures, batch), description="looking", transient=True)
    return np.concatenate([judge(part).double().numpy() for part in parts])


def run(args: argparse.Namespace) -> None:
    """Compare and print. UserError for sets that cannot be compared."""
    if args.count < 2:
        raise UserError("--count: at least 2")
    judge = Inception(args.inception)
    resolution = resolution_of([args.a, args.b], args.resolution)
    seen = [features(judge, gather(name, args.count, resolution, args.psi)) for name in (args.a, args.b)]
    print(f"FID of {args.count} pictures: {frechet(*seen):.3f}")


def main(argv: list[str] | None = None) -> int:
    """Run; 2 with one line on bad input."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("a", help="a folder, zip, model, shards, or: fruit, garden")
    p.add_argument("b", help="the same")
    p.add_argument("--inception", type=Path, required=True, help="the weights")
    p.add_argument("--count", type=int, default=10_000, help="pictures in a set; figures of fewer are larger")
    p.add_argument("--resolution", type=int, help="a model's own without this")
    p.add_argument("--psi", type=float, default=1.0, help="truncation of models")
    args = p.parse_args(argv)
    return told(run, args)


if __name__ == "__main__":
    sys.exit(main())
