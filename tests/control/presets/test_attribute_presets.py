"""The presets that play a model's own sliders name sliders that the model has."""

from __future__ import annotations

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


@pytest.fixture(scope="module")
def table() -> Table:
    fruit = find_model("fruit")
    attributes = side_file.read_for(fruit, sha256(fruit, remember=False), 14, 256)
    return standard().grown(Sliders(attributes).rows)


PLAYING = [path for path in sorted(resource("presets").glob("*.toml")) if "attribute." in path.read_text("utf-8")]


@pytest.mark.parametrize("path", PLAYING, ids=lambda path: path.stem)
def test_a_shipped_preset_names_sliders_of_its_model(path: Path, table: Table):
    preset = presets.load(path, standard())
    presets.check(preset, table)
    played = {route.target for route in preset.routes if route.source.startswith(("audio.", "beat", "lfo."))}
    assert len([name for name in played if name.startswith("attribute.")]) >= 2


def test_two_presets_play_sliders_with_sound():
    assert {"ripening", "sway"} <= {path.stem for path in PLAYING}
