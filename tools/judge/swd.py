"""Sliced Wasserstein distance of two sets of pictures per scale: a figure of quality that needs no trained network.

    python -m tools.judge.swd presets/models/fruit.safetensors fruit
    python -m tools.judge.swd photos/ others.zip --resolution 128

B gives two disjoint sets: how far A is from the first, and, as what to hold that against, how far the second is.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from engine.borders.errors import UserError
from tools.judge import command
from tools.judge.exhibits import gather, resolution_of
from tools.judge.measures import swd


def compare(a: str, b: str, count: int, resolution: int, psi: float) -> dict[int, dict[str, float]]:
    """Return, by scale, the distance of A to B ("distance"), of two halves of B ("baseline"), and their ratio."""
    ours, theirs = gather(a, count, resolution, psi), gather(b, 2 * count, resolution, psi)
    first, second = theirs[:count], theirs[count:]
    distance, baseline = swd(ours, first), swd(second, first)
    return {
        scale: {"distance": distance[scale], "baseline": baseline[scale], "ratio": distance[scale] / baseline[scale]}
        for scale in distance
    }


def run(args: argparse.Namespace) -> dict[str, object]:
    """Compare, print and return the figures. UserError for sets that cannot be compared."""
    if args.count < 2:
        raise UserError("--count: at least 2")
    resolution = resolution_of([args.a, args.b], args.resolution)
    found = compare(args.a, args.b, args.count, resolution, args.psi)
    print("| scale | SWD x 1000 | two sets of B | ratio |\n|---|---|---|---|")
    for scale, row in found.items():
        print(f"| {scale} | {row['distance']:.1f} | {row['baseline']:.1f} | {row['ratio']:.2f} |")
    return {"a": Path(args.a).name, "b": Path(args.b).name, "count": args.count, "psi": args.psi,
            "scales": {str(scale): row for scale, row in found.items()}}  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Run; 2 with one line on bad input."""
    p = command.parser(__doc__)
    p.add_argument("a", help="a folder, zip, model, shards, or: fruit, garden")
    p.add_argument("b", help="the same; must hold twice as many")
    p.add_argument("--count", type=int, default=512, help="pictures in a set")
    p.add_argument("--resolution", type=int, help="a model's own without this")
    p.add_argument("--psi", type=float, default=1.0, help="truncation of models")
    return command.measure(p, run, argv)


if __name__ == "__main__":
    sys.exit(main())
