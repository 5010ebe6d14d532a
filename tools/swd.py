"""Sliced Wasserstein distance of two sets of pictures per scale: a figure of quality that needs no trained network.

    python -m tools.swd presets/models/fruit.safetensors fruit
    python -m tools.swd photos/ others.zip --resolution 128

B gives two disjoint sets: how far A is from the first, and, as what to hold that against, how far the second is.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

from engine.errors import UserError
from engine.files import write_whole
from tools.exhibits import gather, resolution_of
from tools.measures import swd


def compare(a: str, b: str, count: int, resolution: int, psi: float) -> dict[int, dict[str, float]]:
    """Return, by scale, the distance of A to B ("distance"), of two halves of B ("baseline"), and their ratio."""
    ours, theirs = gather(a, count, resolution, psi), gather(b, 2 * count, resolution, psi)
    first, second = theirs[:count], theirs[count:]
    distance, baseline = swd(ours, first), swd(second, first)
    return {
        scale: {"distance": distance[scale], "baseline": baseline[scale], "ratio": distance[scale] / baseline[scale]}
        for scale in distance
    }


def main(argv: list[str] | None = None) -> int:
    """Run; 2 with one line on bad input."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("a", help="a folder, zip, model, shards, or: fruit")
    p.add_argument("b", help="the same; must hold twice as many")
    p.add_argument("--count", type=int, default=512, help="pictures in a set")
    p.add_argument("--resolution", type=int, help="a model's own without this")
    p.add_argument("--psi", type=float, default=1.0, help="truncation of models")
    p.add_argument("--json", type=Path)
    p.add_argument("--threads", type=int, default=0)
    args = p.parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        if args.count < 2:
            raise UserError("--count: at least 2")
        resolution = resolution_of([args.a, args.b], args.resolution)
        found = compare(args.a, args.b, args.count, resolution, args.psi)
        print("| scale | SWD x 1000 | two sets of B | ratio |\n|---|---|---|---|")
        for scale, row in found.items():
            print(f"| {scale} | {row['distance']:.1f} | {row['baseline']:.1f} | {row['ratio']:.2f} |")
        if args.json:
            result = {"a": Path(args.a).name, "b": Path(args.b).name, "count": args.count, "psi": args.psi,
                      "scales": {str(scale): row for scale, row in found.items()}}  # fmt: skip
            write_whole(args.json, lambda part: part.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8"))
    except UserError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
