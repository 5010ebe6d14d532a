"""A strip for each attribute of a model: one fruit, the slider from -2 to 2 standard deviations.

Usage: python -m docs.make.attribute_strip -o docs/attributes.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from engine.borders.errors import UserError
from engine.generator.attributes.editing import edit
from engine.generator.attributes.side_file import read_for
from engine.generator.backends.blocks import to_rgba
from engine.generator.checkpoints import checkpoint
from engine.generator.points import seeds_to_z
from engine.show.opening import find_model
from engine.system import resources

SEEDS = (204, 12, 88, 88, 61, 17, 5, 61)  # a fruit for each attribute, in their order
PSI = 0.7
REACH = (-2.0, -1.0, 0.0, 1.0, 2.0)  # standard deviations
SIDE, LEFT, MARGIN = 112, 96, 4  # pixels; a picture, the room for the name, the room around


def strip(model: str, method: str) -> Image.Image:
    """Return the picture, a row for each attribute."""
    path = find_model(model)
    found = checkpoint.load(path)
    network = checkpoint.build(found)
    attributes = read_for(path, found.sha256, network.num_ws, network.w_dim)
    if not attributes.each:
        raise UserError(f"{model}: the model has no attributes")
    step, names = SIDE + MARGIN, list(attributes.each)
    sheet = Image.new("RGB", (LEFT + step * len(REACH) + MARGIN, step * len(names) + MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.truetype(str(resources.resource("shaders", "fonts", "DejaVuSansMono.ttf")), 13)
    for row, name in enumerate(names):
        z = torch.from_numpy(seeds_to_z([SEEDS[row % len(SEEDS)]], network.z_dim))
        with torch.inference_mode():
            ws = network.truncate(network.map(z), PSI).double().numpy()
        draw.text((MARGIN, row * step + SIDE // 2), name, fill="black", font=font)
        for column, amount in enumerate(REACH):
            moved = edit(ws, attributes, {name: amount}, method, ())
            with torch.inference_mode():
                image = network.synthesize(torch.from_numpy(moved.astype(np.float32)))[0]
            shot = Image.fromarray(to_rgba(image).numpy()[..., :3]).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
            sheet.paste(shot, (LEFT + column * step, MARGIN + row * step))
    return sheet


def main() -> None:
    """Draw the strips."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/attributes.jpg"))
    parser.add_argument("--model", default="fruit")
    parser.add_argument("--method", choices=("boundary", "mapper"), default="mapper")
    options = parser.parse_args()
    strip(options.model, options.method).save(options.output, quality=88)


if __name__ == "__main__":
    main()
