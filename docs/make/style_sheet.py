"""Write sheets of the styles of a network over pictures of two models: docs/styles.jpg, docs/styles-marks.jpg.

usage: python -m docs.make.style_sheet FACES [--weights marks]      FACES: weights.tar of gan-face-generate 1.1.1
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from PIL import Image, ImageDraw

from engine.borders.options import ModelOptions
from engine.borders.preset import Preset
from engine.generator.points import seeds_to_z
from engine.show.open_style import load_weights
from engine.show.opening import open_model
from engine.stage.style.painter import open_painter
from engine.stage.style.pictures import to_pixels

SIDES, BLOCKS = {"multistyle26": 112, "marks": 160}, 2  # pixels of a tile; columns of styles beside each other
SEEDS = {"fruit": (7, 23), "faces": (4, 13)}
SHEETS = {"multistyle26": "styles.jpg", "marks": "styles-marks.jpg"}


@torch.inference_mode()
def pictures(model: str, seeds: tuple[int, ...], side: int) -> list[torch.Tensor]:
    """Return pictures [1, 3, side, side] of a model, 0..1."""
    player = open_model(ModelOptions(model=model, backend="plain"), Preset("sheet"))
    ws = player.truncate(player.map(seeds_to_z(list(seeds), player.z_dim)), 0.8)
    images = player.image(torch.from_numpy(ws)).clamp(-1.0, 1.0) * 0.5 + 0.5
    small = torch.nn.functional.interpolate(images, (side, side), mode="bilinear", antialias=True)
    return [image[None] for image in small]


@torch.inference_mode()
def main() -> None:
    """Paint and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--weights", choices=list(SHEETS), default="multistyle26")
    a = parser.parse_args()
    side = SIDES[a.weights]
    painter = open_painter(load_weights(a.weights))
    given = pictures("fruit", SEEDS["fruit"], side) + pictures(str(a.faces), SEEDS["faces"], side)
    rows = [("", given)] * BLOCKS + [(name, [painter.paint(x, painter.named(i)) for x in given])
                                     for i, name in enumerate(painter.styles)]  # fmt: skip
    wide, high = len(given) * side, side
    sheet = Image.new("RGB", (BLOCKS * wide + 8 * (BLOCKS - 1), -(-len(rows) // BLOCKS) * high), "white")
    for number, (name, row) in enumerate(rows):
        left, top = number % BLOCKS * (wide + 8), number // BLOCKS * high
        for column, image in enumerate(row):
            sheet.paste(Image.fromarray(to_pixels(image)), (left + column * side, top))
        ImageDraw.Draw(sheet).text((left + 4, top + 4), name, fill="black", stroke_width=2, stroke_fill="white")
    sheet.save(Path(__file__).resolve().parents[1] / SHEETS[a.weights], quality=82, optimize=True)


if __name__ == "__main__":
    main()
