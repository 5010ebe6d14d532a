"""A test card as a feature map, and warps laid on it."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageDraw

from engine.generator.warps.feature_warps import FeatureWarps
from engine.generator.warps.order import WARPS
from tests.builders.params import Params


def at_layer(layer: int, **values: float) -> Params:
    places = {f"{warp.name}.layer": float(layer) for warp in WARPS}
    return Params({**places, **{k.replace("__", "."): v for k, v in values.items()}})


def card(height: int = 64, width: int = 64) -> torch.Tensor:
    """A test card as a feature map [1, 3, height, width]: squares of changing colour, a circle, two corners."""
    image = Image.new("RGB", (width * 4, height * 4), (30, 30, 40))
    draw = ImageDraw.Draw(image)
    for i in range(0, width * 4, 32):
        for j in range(0, height * 4, 32):
            if (i // 32 + j // 32) % 2:
                colour = (60 + i * 150 // (width * 4), 90, 60 + j * 150 // (height * 4))
                draw.rectangle((i, j, i + 31, j + 31), fill=colour)
    middle = width * 2
    draw.ellipse((middle - height, height, middle + height, height * 3), outline=(255, 220, 60), width=10)
    draw.rectangle((20, 20, 60, 60), fill=(255, 60, 60))
    draw.polygon([(width * 4 - 20, 20), (width * 4 - 70, 20), (width * 4 - 20, 80)], fill=(60, 255, 120))
    pixels = np.asarray(image.resize((width, height), Image.Resampling.BOX), dtype=np.float32)
    x = torch.from_numpy(pixels / 127.5 - 1).permute(2, 0, 1)[None]
    return x.contiguous(memory_format=torch.channels_last)


def warp(x: torch.Tensor, params: Params, layer: int = 64, graphs: bool = False) -> torch.Tensor:
    warps = FeatureWarps((layer,), graphs=graphs)
    warps.begin(params, 0.0, 0.0)
    return warps(layer, x)[0]


def turning(fps: float, seconds: float, axis: float = 0.0, graphs: bool = False) -> torch.Tensor:
    """The last frame of a slit-scan over a turning card."""
    x, warps = card(), FeatureWarps((64,), graphs=graphs)
    scan = at_layer(64, slitscan__strength=1.0, slitscan__seconds=1.0, slitscan__axis=axis)
    for i in range(round(seconds * fps) + 1):
        turned = warp(x, at_layer(64, rotate__turns=i / fps / 4))
        warps.begin(scan, i / fps, 1 / fps if i else 0.0)
        seen = warps(64, turned)[0]
    return seen
