"""The README's moving picture: twenty seconds of the demo's show, four of each of five of its looks.

Usage: python -m docs.make.show_film -o docs/show.webp
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from PIL import Image

from benchmarks.art import passage, play

LOOKS = (
    ("neon", 1.0),
    ("rosette", 12.0),
    ("gather", 24.0),
    ("tunnel", 32.0),
    ("prism", 61.0),
)  # and seconds of the song
SIZE, FPS = (640, 360), 15.0
BEFORE, SECONDS = 1.0, 4.0  # a look begins that much earlier, and is shown that long
QUALITY = 62


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/show.webp"))
    output = parser.parse_args().output
    frames = list[Image.Image]()
    with tempfile.TemporaryDirectory() as folder:
        for preset, begin in LOOKS:
            song = passage("show", begin - BEFORE, BEFORE + SECONDS, Path(folder) / f"{preset}.wav")
            played = play(preset, song, BEFORE + SECONDS - 0.1, FPS, SIZE)
            frames += [Image.fromarray(p) for p in played.pictures[round(BEFORE * FPS) :]]
            print(preset, len(frames), flush=True)
    frames[0].save(
        output, save_all=True, append_images=frames[1:], duration=round(1000 / FPS), loop=0, quality=QUALITY, method=4
    )
    print(f"{output}: {output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
