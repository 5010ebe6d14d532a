"""A golden picture of every warp.

They are made anew by ``UPDATE_GOLDEN=1 pytest tests/generator/warps/test_golden.py``: look at them first.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.generator.warps.feature_warps import FeatureWarps
from engine.generator.warps.order import WARPS
from engine.generator.warps.warp import Warp
from tests.builders.warps import at_layer, card, turning, warp

GOLDEN = Path(__file__).parent / "golden"

GOLDENS: dict[str, tuple[tuple[int, int], dict[str, float]]] = {
    "translate": ((64, 64), {"translate__x": 0.3, "translate__y": 0.1, "warp__border": 0}),
    "zoom_in": ((64, 64), {"zoom__octaves": 1.0}),
    "zoom_out": ((64, 112), {"zoom__octaves": -1.6}),
    "rotate": ((64, 112), {"rotate__turns": 0.1}),
    "shear": ((64, 64), {"shear__x": 0.4}),
    "swirl": ((64, 112), {"swirl__turns": 0.4}),
    "ripple": ((64, 64), {"ripple__amplitude": 0.03}),
    "slice": ((64, 64), {"slice__offset": 0.1}),
    "slice_diagonal": ((64, 112), {"slice__offset": 0.1, "slice__turns": 0.1}),
    "mirror": ((64, 64), {"kaleidoscope__strength": 1.0}),
    "kaleidoscope": ((112, 64), {"kaleidoscope__strength": 1.0, "kaleidoscope__segments": 6.0}),
    "pixelate": ((64, 64), {"pixelate__strength": 0.4}),
    "channels": ((64, 64), {"channels__gain": -1.0, "channels__share": 0.34, "channels__like": 1.0}),
    "inject": ((64, 64), {"inject__strength": 0.3}),
    "together": (
        (64, 112),
        {
            "rotate__turns": 0.1,
            "zoom__octaves": -0.5,
            "swirl__turns": 0.3,
            "slice__offset": 0.1,
            "ripple__amplitude": 0.02,
            "kaleidoscope__strength": 1.0,
            "kaleidoscope__segments": 3.0,
        },
    ),
}


def compare(name: str, seen: torch.Tensor) -> None:
    pixels = ((seen[0].permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255).byte().numpy()
    path = GOLDEN / f"warp_{name}.png"
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path, optimize=True)
    golden = np.asarray(Image.open(path).convert("RGB"), dtype=np.int16)
    assert golden.shape == pixels.shape
    off = np.abs(golden - pixels).max(axis=2)
    assert (off > 2).mean() < 0.01, f"{name}: {100 * (off > 2).mean():.1f} % of the pixels differ"


@pytest.mark.parametrize("name", GOLDENS)
def test_golden(name: str) -> None:
    shape, values = GOLDENS[name]
    compare(name, warp(card(*shape), at_layer(64, **values)))


@pytest.mark.parametrize("axis", ["rows", "columns", "rings", "cloud"])
def test_golden_slit_scan(axis: str) -> None:
    compare(f"slitscan_{axis}", turning(30, 1.5, ["rows", "columns", "rings", "cloud"].index(axis)))


@pytest.mark.parametrize("warped", WARPS, ids=lambda warped: warped.name)
def test_golden_of_its_example(warped: Warp) -> None:
    """The last frame of a card that turns, as twelve channels of which every third is one colour."""
    warps, params = FeatureWarps((64,)), at_layer(64, **warped.example)
    for i in range(6):
        turned = warp(card(), at_layer(64, rotate__turns=i / 40)).repeat(1, 4, 1, 1)
        warps.begin(params, i / 10, 1 / 10 if i else 0.0)
        seen = warps(64, turned)[0]
    assert not torch.equal(seen, turned)
    compare(f"{warped.name}_example", seen.view(1, 4, 3, 64, 64).mean(1))
