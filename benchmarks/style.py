"""What a style costs beside the generator's own frame, and how calm it is.

    python -m benchmarks.style --json benchmarks/style.json

Times are medians of one run, interleaved with the fruit's own frame of 256 px: by the clock, and by the processor's
time of this process, which other programs on the machine do not lengthen. Flicker is the mean change between two
frames of a still scene under grain; a jump is the largest step of a travelling loop over its median step. Each stands
beside the same of the pictures as they were generated.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.borders.errors import UserError
from engine.borders.options import ModelOptions
from engine.borders.params import Params
from engine.borders.preset import Preset, Styling
from engine.borders.tick import Tick
from engine.generator.player import Player
from engine.generator.points import seeds_to_z
from engine.show.open_style import open_look
from engine.show.opening import open_model
from engine.show.table import standard
from engine.stage.style.stage import StyleStage

SIZES = (64, 128, 256)  # pixels that a style paints
CALM = 0.08  # seconds, as the shipped presets have it
GRAIN = 5.0  # deviation of the grain, of 255 levels
SEEDS = (204, 12, 61, 88)  # of the loop
STILL = Tick(0, 0.0, 1 / 30)


def scenes(player: Player, params: Params, frames: int) -> tuple[list[Tensor], list[Tensor]]:
    """Return a still scene under grain, and a stretch of a loop: frames uint8 [H, W, 4]."""
    corners = player.truncate(player.map(seeds_to_z(list(SEEDS), player.z_dim)), 0.8)
    random = torch.Generator().manual_seed(1)
    still = player(corners[0], params, STILL).clone()
    grained = []
    for _ in range(frames):
        noise = torch.randn(*still.shape[:2], 3, generator=random) * GRAIN
        each = still.clone()
        each[..., :3] = (still[..., :3].float() + noise).clamp(0, 255).to(torch.uint8)
        grained.append(each)
    loop = []
    for i in range(frames):
        share = np.float32(i / frames)
        loop.append(player(corners[0] * (1 - share) + corners[1] * share, params, STILL).clone())
    return grained, loop


def steps(frames: list[Tensor]) -> np.ndarray:
    """Return the mean change from each frame to the next, of 255 levels."""
    pairs = pairwise(frames)
    return np.array([(b[..., :3].float() - a[..., :3].float()).abs().mean().item() for a, b in pairs])


def interleaved(cases: dict[str, Callable[[], object]], rounds: int) -> dict[str, tuple[float, float]]:
    """Return the median milliseconds of every case, by the clock and by the processor, in turns in each round."""
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    for _ in range(rounds + 2):
        for name, run in cases.items():
            begun = time.perf_counter(), time.process_time()
            run()
            took[name].append((time.perf_counter() - begun[0], time.process_time() - begun[1]))
    medians = {name: 1e3 * np.median(each[2:], 0) for name, each in took.items()}
    return {name: (round(float(clock), 2), round(float(processor), 2)) for name, (clock, processor) in medians.items()}


def measure(player: Player, weights: list[str], rounds: int, frames: int) -> dict[str, object]:
    """Return the figures of every network that is here."""
    params = Params({"style.calm": CALM}, standard())
    corners = player.truncate(player.map(seeds_to_z(list(range(8)), player.z_dim)), 0.8)
    grained, loop = scenes(player, params, frames)
    plain_flicker, plain_loop = steps(grained), steps(loop)
    turn = iter(range(1 << 30))
    cases: dict[str, Callable[[], object]] = {"generator": lambda: player(corners[next(turn) % 8], params, STILL)}
    stages: dict[str, tuple[StyleStage, int]] = {}
    calm: dict[str, dict[str, float]] = {}
    for name in weights:
        for size in SIZES:
            try:
                look = open_look(Preset("bench", style=Styling(name, (), size)), player)
            except UserError as error:
                print(error)
                continue
            stage = StyleStage()
            stage.take(look, 0.0)
            stages[f"{name} {size}"] = stage, size
            cases[f"{name} {size}"] = lambda stage=stage: stage(grained[0], params, STILL)  # type: ignore[misc]
            flicker = steps([stage(each, params, STILL) for each in grained])
            moved = steps([stage(each, params, STILL) for each in loop])
            calm[f"{name} {size}"] = {
                "flicker": round(float(flicker.mean() / plain_flicker.mean()), 3),
                "jump": round(float(moved.max() / np.median(moved)), 3),
            }
    times = interleaved(cases, rounds)
    own = times["generator"]
    return {
        "backend": player.backend,
        "precision": player.precision,
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 1),
        "generator_ms": own[0],
        "generator_processor_ms": own[1],
        "unstyled_jump": round(float(plain_loop.max() / np.median(plain_loop)), 3),
        "styles": {
            name: {
                "ms": times[name][0],
                "of_the_generator": round(times[name][0] / own[0], 3),
                "by_processor_time": round(times[name][1] / own[1], 3),
                **calm[name],
            }
            for name in calm
        },
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--weights", nargs="+", default=["multistyle26", "marks"])
    parser.add_argument("--backend", default="plain", help="of the generator: plain is fp32 PyTorch")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--frames", type=int, default=12)
    a = parser.parse_args()
    player = open_model(ModelOptions(backend=a.backend), Preset("bench"))
    player.settle()
    found = measure(player, a.weights, a.rounds, a.frames)
    print(json.dumps(found, indent=1))
    if a.json is not None:
        a.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
