"""The presets' thumbnails, cut from their contact sheet: one moment of each, small.

Usage: python -m docs.make.preset_sheet && python -m docs.make.thumbnails
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from engine.system import resources

SHEET = Path("docs/presets.jpg")
SIDE, HEAD, MARGIN = 144, 34, 6  # pixels; a picture of the sheet, the text above it, the room around
SMALL = 96  # pixels; a thumbnail
MOMENT = 2  # of a row, from 0
OTHER = {"harvest": 4, "ripening": 3, "shutter": 3}  # by preset: the moment that shows best what it is


def main() -> None:
    """Write presets/thumbnails."""
    formatter = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=__doc__, formatter_class=formatter).parse_args()
    folder = resources.resource("presets", "thumbnails")
    folder.mkdir(exist_ok=True)
    sheet = Image.open(SHEET)
    for row, name in enumerate(resources.names("presets", ".toml")):
        left = MARGIN + OTHER.get(name, MOMENT) * (SIDE + MARGIN)
        top = row * (SIDE + HEAD + MARGIN) + HEAD
        shot = sheet.crop((left, top, left + SIDE, top + SIDE)).resize((SMALL, SMALL), Image.Resampling.LANCZOS)
        shot.save(folder / f"{name}.jpg", quality=85, optimize=True)


if __name__ == "__main__":
    main()
