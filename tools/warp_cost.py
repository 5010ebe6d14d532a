"""What each feature warp costs: frames with it and without, timed in turns so that a busy machine is fair to both.

Usage: python -m tools.warp_cost --model fruit --layer 32
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import numpy as np

from engine.control.params import Params
from engine.generator.warp import FeatureWarps
from engine.generator.warp_values import WARPS

# One setting per warp that surely does something; every warp that moves pixels is in GEOMETRY.
SETTINGS: Mapping[str, Mapping[str, float]] = {
    "slitscan": {"slitscan.strength": 1.0},
    "freeze": {"freeze.strength": 0.7},
    "translate": {"translate.x": 0.13},
    "zoom": {"zoom.octaves": 0.4},
    "rotate": {"rotate.turns": 0.13},
    "shear": {"shear.x": 0.05},
    "swirl": {"swirl.turns": 0.02},
    "ripple": {"ripple.amplitude": 0.003},
    "slice": {"slice.offset": 0.1},
    "kaleidoscope": {"kaleidoscope.strength": 1.0, "kaleidoscope.segments": 6.0},
    "pixelate": {"pixelate.strength": 0.3},
    "channels": {"channels.gain": 0.0},
    "inject": {"inject.strength": 0.5},
}
GEOMETRY = ("translate", "zoom", "rotate", "shear", "swirl", "ripple", "slice", "kaleidoscope")


def settings(layer: int) -> dict[str, Params]:
    """Return the parameters of every row: each warp alone at ``layer`` px, then all geometry together."""
    places = {f"{name}.layer": float(layer) for name in WARPS}
    rows = {name: Params({**places, **values}) for name, values in SETTINGS.items()}
    together = {k: v for name in GEOMETRY for k, v in SETTINGS[name].items()}
    return {**rows, "all geometry": Params({**places, **together})}


def measure(
    frame: Callable[[FeatureWarps], object], warps: FeatureWarps, layer: int, rounds: int = 15
) -> dict[str, float]:
    """Return each row's cost as a share of the plain frame (0.05 is 5 %).

    ``frame(warps)`` renders one frame with ``warps`` as its hook and waits for it. Plain and warped frames
    take turns and the median of their differences counts, so that what else the machine does cancels out.
    """
    plain = Params()
    costs = {}
    for name, params in settings(layer).items():
        warps.reset()
        for i in range(3):
            warps.begin(params, i / 30, 1 / 30)
            frame(warps)
        gaps, plains = [], []
        for i in range(rounds):
            warps.begin(params, (i + 3) / 30, 1 / 30)  # the ring goes on; the plain frame below has its own warps
            warped = _seconds(lambda: frame(warps))
            alone = FeatureWarps(warps.resolutions, warps.device)
            alone.begin(plain, 0.0, 0.0)
            still = _seconds(lambda alone=alone: frame(alone))  # type: ignore[misc]
            gaps.append(warped - still)
            plains.append(still)
        costs[name] = median(gaps) / median(plains)
    warps.reset()
    return costs


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    """Print the table, and write it as JSON when asked to."""
    import torch

    from engine.generator.network import Config, StyleGAN2

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a shipped name or a file (default: random weights of the fruit's size)")
    parser.add_argument("--layer", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.model:
        from engine.generator import checkpoint
        from engine.rig import find_model

        network = checkpoint.build(checkpoint.load(find_model(options.model)))
    else:
        channels = tuple(min(4096 // r, 192) for r in (4, 8, 16, 32, 64, 128))
        network = StyleGAN2.random(Config(img_resolution=128, z_dim=64, w_dim=256, channels=channels))
    synthesis = network.eval().requires_grad_(False).synthesis.to(memory_format=torch.channels_last)
    ws = torch.from_numpy(np.random.RandomState(0).randn(1, network.config.num_ws, network.config.w_dim)).float()
    with torch.inference_mode():
        costs = measure(
            lambda warps: synthesis(ws, hook=warps),
            FeatureWarps(network.config.resolutions),
            options.layer,
            options.rounds,
        )
    for name, cost in costs.items():
        print(f"{name:14} {100 * cost:6.1f} %")
    if options.json:
        options.json.write_text(json.dumps(costs, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
