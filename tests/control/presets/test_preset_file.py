"""What is written is what is read, and what hands hold is kept without touching anything."""

from pathlib import Path

import pytest

from engine.borders.controls import Controls
from engine.borders.errors import UserError
from engine.borders.features import AudioFeatures
from engine.borders.options import ShowOptions
from engine.borders.tick import Tick
from engine.control.presets import preset as presets
from engine.control.presets.preset_file import save, write
from engine.control.routing.desk import Desk
from engine.show import opening
from engine.system import resources
from engine.system import user_folders as settings
from engine.system.user_folders import save as put
from tests.builders.params import TABLE

SHIPPED = sorted(resources.resource("presets").glob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_preset_survives_being_written(path: Path) -> None:
    preset = presets.load(path, TABLE)
    assert presets.parse(write(preset, TABLE), path, TABLE) == preset


def hold(desk: Desk, controls: Controls, features: AudioFeatures | None = None) -> dict[str, float]:
    for index in range(3):
        params = desk(features or AudioFeatures(), controls, Tick(index, index / 60, 1 / 60))
    return dict(params)


TEXT = """
name = "tide"
description = 'a "quoted" tide'
[latent]
seeds = [3, "point.npy"]
constant_speed = true
[params]
speed = 0.25
[params.picture]
zoom = 1.5
[[routes]]
source = "midi.knob_1"
target = "picture.zoom"
mode = "set"
range = [0.5, 4.5]
[[routes]]
source = "audio.rms"
target = "picture.brightness"
"""


def test_the_knobs_are_saved_and_the_sound_is_not(tmp_path: Path) -> None:
    file = tmp_path / "tide.toml"
    file.write_text(TEXT, encoding="utf-8")
    (tmp_path / "point.npy").write_bytes(b"")
    desk = Desk(presets.load(file, TABLE), TABLE)
    for knob in (0.0, 0.75):  # a knob that was just learned is taken over where its parameter stands
        controls = Controls(
            {"midi.knob_1": 0.5, "midi.knob_2": knob},
            overrides={"noise.strength": 2.0},
            bindings={"grain.amount": "midi.knob_2"},
        )
        loud = hold(desk, controls, AudioFeatures(rms=1.0))
    assert loud["picture.brightness"] == 2.0
    path = save(desk.preset, desk.held(), TABLE, tmp_path / "own", put)
    saved = presets.load(path, TABLE)
    assert (path.name, saved.name) == ("tide-1.toml", "tide-1")
    assert saved.params == {"speed": 0.25, "picture.zoom": 2.5, "noise.strength": 2.0, "grain.amount": 0.75}
    assert saved.routes == desk.preset.routes
    assert saved.latent.seeds == (3, str((tmp_path / "point.npy").absolute()))


def test_what_was_saved_is_found_by_its_name_and_goes_over_what_is_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "data", lambda *parts: tmp_path.joinpath(*parts))
    shipped = opening.find_preset(ShowOptions(preset="tidal"), TABLE)
    path = save(shipped, {"speed": 0.5}, TABLE, tmp_path / "presets", put)
    assert opening.find_preset(ShowOptions(preset="tidal-1"), TABLE).path == path
    path.rename(path.with_name("tidal.toml"))
    assert opening.find_preset(ShowOptions(preset="tidal"), TABLE).params == {"speed": 0.5}
    (tmp_path / "presets" / "mine.toml").write_text(TEXT)
    with pytest.raises(UserError, match="market, mine, neon"):
        opening.find_preset(ShowOptions(preset="tidal-1"), TABLE)


def test_nothing_is_overwritten_and_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    preset = presets.parse(TEXT, tmp_path / "tide.toml", TABLE)
    first, second = (save(preset, {}, TABLE, tmp_path, put) for _ in range(2))
    assert (first.name, second.name) == ("tide-1.toml", "tide-2.toml")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file"):
        save(preset, {}, TABLE, tmp_path / "file", put)
