"""The README's moving picture: twenty seconds of the demo's show, four of each of five of its looks.

Usage: python -m docs.make.show_film -o docs/show.webp
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from benchmarks.art_play import Heard, Painters, Passage, Pictures, play, ticks

LOOKS = (
    ("neon", 1.0),
    ("rosette", 12.0),
    ("gather", 24.0),
    ("tunnel", 32.0),
    ("prism", 61.0),
)  # and seconds of the song
SIZE, FPS = (640, 360), 15.0
RESOLUTION = 256  # pixels that the model paints
BEFORE, SECONDS = 1.0, 4.0  # a look begins that much earlier, and is shown that long
QUALITY = 62


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/show.webp"))
    output = parser.parse_args().output
    frames, painters = list[Image.Image](), Painters(RESOLUTION)
    for preset, begin in LOOKS:
        heard, played = Heard(Passage("show", begin - BEFORE, BEFORE + SECONDS)), list[Image.Image]()

        def see(picture: Pictures, _: bool, kept: list[Image.Image] = played) -> None:
            kept.append(Image.fromarray(picture))

        play(preset, heard, painters.of(preset), see, ticks(BEFORE + SECONDS - 0.1, FPS), SIZE)
        frames += played[round(BEFORE * FPS) :]
        print(preset, len(frames), flush=True)
    frames[0].save(
        output, save_all=True, append_images=frames[1:], duration=round(1000 / FPS), loop=0, quality=QUALITY, method=4
    )
    print(f"{output}: {output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
