"""What a style costs the show: frames with and without it, in turns: ``python -m benchmarks.style_show``.

The very loop of ``vj bench``, headless, 480 by 480, of one preset at strength 1 and at strength 0, some frames of each
in turns. A figure is the median over the turns of the ratio of the two medians: by the clock, which is what the
audience sees, and by the processor's time of this process, which other programs on the machine do not lengthen.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from engine.bench.opening import BenchOptions, open_bench
from engine.borders.tick import Tick
from engine.generator.player import Player
from engine.loop import perform
from engine.show.clock import FixedClock

WANTED = 0.6  # of the frames a second without a style
WARM_UP = 3  # frames of a turn that are not counted
PRESET = """
model = "fruit"
[latent]
seeds = [17, 88, 204, 5]
[style]
weights = "{weights}"
size = {size}
[params.style]
strength = {strength}
"""
Frames = list[tuple[float, float]]  # seconds of the clock and of the processor, a frame each


def turn(preset: Path, frames: int) -> Frames:
    """Play ``frames`` frames, and return what each took."""
    took: Frames = []

    def between(_: Player, clock: FixedClock) -> Iterator[Tick]:
        for tick in clock:
            begun = time.perf_counter(), time.process_time()
            yield tick
            took.append((time.perf_counter() - begun[0], time.process_time() - begun[1]))

    options = BenchOptions(preset=str(preset), size=(480, 480), frames=frames + WARM_UP)
    with open_bench(options, between) as rig:
        perform(rig)
    return took[WARM_UP:]


def compared(weights: str, size: int, rounds: int, frames: int) -> dict[str, float]:
    """Return the figures of one network at one size."""
    with tempfile.TemporaryDirectory() as folder:
        presets = {}
        for name, strength in (("plain", 0.0), ("styled", 1.0)):
            presets[name] = Path(folder) / f"{name}.toml"
            presets[name].write_text(PRESET.format(weights=weights, size=size, strength=strength), encoding="utf-8")
        turns = [{name: np.median(turn(preset, frames), 0) for name, preset in presets.items()} for _ in range(rounds)]
    plain, styled = (np.array([each[name] for each in turns]) for name in ("plain", "styled"))
    ratios = np.median(plain / styled, 0)
    best = plain[:, 0].min(), styled[:, 0].min()
    return {
        "of_the_frames_without": round(float(ratios[0]), 3),
        "by_processor_time": round(float(ratios[1]), 3),
        "by_the_quickest_turns": round(float(best[0] / best[1]), 3),
        "plain_ms": round(1e3 * float(np.median(plain[:, 0])), 2),
        "styled_ms": round(1e3 * float(np.median(styled[:, 0])), 2),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--weights", nargs="+", default=["multistyle26", "marks"])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--note", default="", help="what else the machine was doing")
    a = parser.parse_args()
    found = {name: compared(name, a.size, a.rounds, a.frames) for name in a.weights}
    figures = {
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 1),
        "note": a.note,
        "size": a.size,
        "wanted": WANTED,
        "show": found,
    }
    print(json.dumps(figures, indent=1))
    if a.json is not None:
        a.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
