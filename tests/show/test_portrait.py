"""The preset `portrait` comes home to a picture that was projected."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from engine.borders.tick import Tick
from engine.control.presets.preset import load
from engine.generator.checkpoints import checkpoint
from engine.generator.inversion.pictures import mean_square, psnr, to_bytes
from engine.generator.plain import PlainPlayer
from engine.show.open_path import open_path
from engine.show.opening import find_model
from engine.system import resources
from tests.builders.params import TABLE, Params


def test_the_way_leads_through_the_projected_picture_and_elsewhere() -> None:
    network = checkpoint.build(checkpoint.load(find_model("fruit")))
    preset = load(resources.resource("presets", "portrait.toml"), TABLE)
    model = PlainPlayer(network)
    path = open_path(model, preset)
    with Image.open(resources.resource("presets", "portraits", "peach.png")) as file:
        photograph = np.asarray(file.convert("RGB"))

    def likeness(ws: np.ndarray) -> float:
        with torch.no_grad():
            return psnr(mean_square(to_bytes(network.synthesize(torch.from_numpy(ws)[None])), photograph))

    at_home = path(Params({**preset.params, "speed": 0.0}), Tick(0, 0.0, 0.0))
    assert likeness(at_home) > 35.0
    away = path(Params({**preset.params, "speed": 0.15}), Tick(1, 1.0, 1.0))
    assert likeness(away) < 30.0
