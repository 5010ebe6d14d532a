"""What each feature warp costs, as a share of the frame it is in.

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
from torch import Tensor

from engine.control.params import Params
from engine.generator.network import Hook
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


class Timed:
    """A hook that passes on to the warps and adds up the seconds that takes."""

    def __init__(self, warps: FeatureWarps, wait: Callable[[], None]) -> None:
        """``wait`` returns when the device has caught up."""
        self._warps, self._wait = warps, wait
        self.seconds = 0.0

    def begin(self, params: Params, time: float, dt: float) -> None:
        """Start a frame."""
        self.seconds = _seconds(lambda: self._warps.begin(params, time, dt), self._wait)

    def __call__(self, resolution: int, x: Tensor, img: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Warp, against the clock."""
        if not self._warps.active(resolution):
            return x, img
        self._wait()
        start = time.perf_counter()
        seen = self._warps(resolution, x, img)
        self._wait()
        self.seconds += time.perf_counter() - start
        return seen


def measure(
    frame: Callable[[Hook], object],
    warps: FeatureWarps,
    layer: int,
    rounds: int = 25,
    wait: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Return each row's cost as a share of the rest of its frame (0.05 is 5 %).

    ``frame(hook)`` renders one frame and waits for it; ``wait`` waits for the device (CUDA's synchronize).
    What the warps take is timed inside the very frames that they are compared with, so that what else the
    machine does falls on both.
    """
    costs = {}
    for name, params in settings(layer).items():
        warps.reset()
        hook, shares = Timed(warps, wait), []
        for i in range(rounds + 5):
            hook.begin(params, i / 30, 1 / 30)
            spent = hook.seconds
            whole = spent + _seconds(lambda hook=hook: frame(hook), wait)  # type: ignore[misc]
            shares.append(hook.seconds / (whole - hook.seconds))
        costs[name] = median(shares[5:])
    warps.reset()
    return costs


def _seconds(run: Callable[[], object], wait: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    wait()
    return time.perf_counter() - start


def main() -> None:
    """Print the table, and write it as JSON when asked to."""
    import torch

    from engine.generator.network import Config, StyleGAN2

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a shipped name or a file (default: random weights of the fruit's size)")
    parser.add_argument("--layer", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    network: StyleGAN2
    if options.model:
        from engine.generator import checkpoint
        from engine.rig import find_model

        network = checkpoint.build(checkpoint.load(find_model(options.model)))
    else:
        channels = tuple(min(4096 // r, 192) for r in (4, 8, 16, 32, 64, 128))
        network = StyleGAN2.random(Config(img_resolution=128, z_dim=64, w_dim=256, channels=channels))
    network.eval().requires_grad_(False)
    config = network.config
    synthesis = network.synthesis
    synthesis.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    ws = torch.from_numpy(np.random.RandomState(0).randn(1, config.num_ws, config.w_dim)).float()
    with torch.inference_mode():
        costs = measure(
            lambda hook: synthesis(ws, hook=hook),
            FeatureWarps(config.resolutions),
            options.layer,
            options.rounds,
        )
    for name, cost in costs.items():
        print(f"{name:14} {100 * cost:6.1f} %")
    if options.json:
        options.json.write_text(json.dumps(costs, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
