"""A contact sheet of the presets: a row each, moments of the built-in song side by side.

Usage: python -m docs.make.preset_sheet -o docs/presets.jpg
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engine.bench.opening import BenchOptions, open_bench
from engine.borders.tick import Tick
from engine.control.presets.preset import load
from engine.loop import perform
from engine.rig import Rig
from engine.show.clock import FixedClock
from engine.show.table import standard
from engine.system import resources

MOMENTS = (5.2, 7.3, 9.6, 11.0, 12.8, 14.3)  # seconds of the built-in song
LATER = {  # seconds; one changes in its second half, the other comes home every 32 beats
    "harvest": (8.1, 14.3, 20.0, 23.2, 26.0, 29.0),
    "portrait": (5.2, 7.3, 9.6, 12.8, 16.8, 18.4),
}
SHRUNK = {"desktop": 5, "portrait": 5}  # times; a desktop has small print, so it is drawn larger and shrunk
FPS = 15.0
MARGIN = 6

Picture = NDArray[np.uint8]


def moments(preset: str, model: str | None, side: int, times: Sequence[float]) -> list[Picture]:
    """Play the preset up to the last of ``times`` and return its pictures [side, side, 3] at those seconds."""
    taken: list[Picture] = []

    def watch(_: object, clock: FixedClock) -> Iterable[Tick]:
        return _watched(clock, times, lambda: taken.append(rig.window.read_rgba()[..., :3]))

    options = BenchOptions(preset=preset, model=model, size=(side, side), fps=FPS, seconds=max(times) + 1 / FPS)
    rig: Rig
    with open_bench(options, watch) as rig:
        perform(rig)
    return taken


def _watched(clock: FixedClock, times: Sequence[float], take: Callable[[], None]) -> Iterator[Tick]:
    """Pass the clock on; after the first frame at or past each time, take a picture."""
    due = sorted(times)
    for tick in clock:
        yield tick
        while due and tick.time >= due[0] - 1e-6:
            take()
            due.pop(0)


def sheet(presets: Sequence[str], model: str | None, side: int) -> Image.Image:
    """Return the contact sheet of shipped presets, name and description above each row."""
    head = 34
    width = len(MOMENTS) * (side + MARGIN) + MARGIN
    picture = Image.new("RGB", (width, len(presets) * (side + head + MARGIN)), "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.truetype(str(resources.resource("shaders", "fonts", "DejaVuSansMono.ttf")), 13)
    for row, name in enumerate(presets):
        top = row * (side + head + MARGIN)
        preset = load(resources.resource("presets", f"{name}.toml"), standard())
        draw.text((MARGIN, top + 12), f"{name}: {preset.description}", fill="black", font=font)
        shots = moments(name, model, side * SHRUNK.get(name, 1), LATER.get(name, MOMENTS))
        for column, shot in enumerate(shots):
            picture.paste(
                Image.fromarray(shot).resize((side, side), Image.Resampling.LANCZOS),
                (MARGIN + column * (side + MARGIN), top + head),
            )
    return picture


def main() -> None:
    """Draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*", help="names of shipped presets (default: all)")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/presets.jpg"))
    parser.add_argument("--model", help="instead of each preset's own")
    parser.add_argument("--side", type=int, default=144, help="pixels of a picture")
    options = parser.parse_args()
    presets = options.presets or resources.names("presets", ".toml")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    sheet(presets, options.model, options.side).save(options.output, quality=88)


if __name__ == "__main__":
    main()
