"""The presets that play a model's own sliders name sliders that the model has."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from engine.borders.params import Table
from engine.control.presets import preset as presets
from engine.generator.attributes import side_file
from engine.generator.attributes.sliders import Sliders
from engine.generator.checkpoints.cache import sha256
from engine.show.opening import find_model
from engine.show.table import standard
from engine.system.resources import resource

W_DIM = {"fruit": 256, "garden": 460}  # by model; both have 14 of them


@functools.cache
def table_of(name: str) -> Table:
    model = find_model(name)
    attributes = side_file.read_for(model, sha256(model, remember=False), 14, W_DIM[name])
    return standard().grown(Sliders(attributes).rows)


PLAYING = [path for path in sorted(resource("presets").glob("*.toml")) if "attribute." in path.read_text("utf-8")]


@pytest.mark.parametrize("path", PLAYING, ids=lambda path: path.stem)
def test_a_shipped_preset_names_sliders_of_its_model(path: Path):
    preset = presets.load(path, standard())
    presets.check(preset, table_of(preset.model))
    played = {route.target for route in preset.routes if route.source.startswith(("audio.", "beat", "lfo."))}
    assert len([name for name in played if name.startswith("attribute.")]) >= 2


def test_presets_play_sliders_with_sound():
    assert {"ripening", "sway", "unfold", "petals", "orchids", "breath"} <= {path.stem for path in PLAYING}
