"""A preset's [background], and what is known of the background that a model paints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from engine.borders.errors import UserError
from engine.borders.keying import Keying
from engine.borders.preset import Background, Preset
from engine.control.presets import preset as presets
from engine.control.presets.preset_file import write
from engine.show.open_background import drawn_passes, open_footage
from engine.show.open_keying import keying_of
from tests.builders.params import TABLE

HEAD = 'name = "x"\n[background]\n'


@pytest.mark.parametrize(
    ("source", "passes"),
    [
        (None, ("grade", "crossfade")),
        ("colour", ("grade", "background", "crossfade")),
        ("feedback", ("grade", "feedback", "crossfade")),
        ("sky.png", ("grade", "background", "crossfade")),
    ],
)
def test_a_background_brings_its_pass(source, passes):
    assert drawn_passes(Preset("x", background=None if source is None else Background(source))) == passes


def test_a_preset_that_lists_the_pass_decides_its_place():
    preset = Preset("x", passes=("background", "grade"), background=Background("colour"))
    assert drawn_passes(preset) == ("background", "grade", "crossfade")


def test_a_file_lies_beside_its_preset_and_is_premultiplied(tmp_path):
    Image.new("RGBA", (4, 4), (200, 100, 0, 128)).save(tmp_path / "sky.png")
    path = tmp_path / "x.toml"
    preset = presets.parse(HEAD + 'source = "sky.png"\n', path, TABLE)
    footage = open_footage(preset)
    assert footage is not None
    assert np.abs(footage.at(0.0)[0, 0].astype(int) - [100, 50, 0, 128]).max() <= 1
    assert presets.parse(write(preset, TABLE), path, TABLE).background == preset.background


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('sauce = "colour"', "x.toml:3: in [background]: unknown key 'sauce'"),
        ('source = "color"', "none of colour, feedback"),
        ('source = "none.png"', "none.png: there is no such file"),
        ('source = "x.toml"', "cannot be read as a film"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, said):
    path = tmp_path / "x.toml"
    path.write_text(HEAD + text)
    with pytest.raises(UserError, match=r".") as caught:
        open_footage(presets.load(path, TABLE))
    assert said in str(caught.value)
    assert "x.toml" in str(caught.value)


def test_a_file_beside_the_model_says_what_its_background_is(tmp_path):
    model, known = tmp_path / "m.safetensors", Keying(own=True)
    assert keying_of(model, known) is known
    side = tmp_path / "m.matte.toml"
    side.write_text('background = "#ff8000"\nshadow = 0.25\n')
    assert keying_of(model, known) == replace(known, background=(1.0, 128 / 255, 0.0), shadow=0.25)
    for text, said in (
        ('background = "white"', ":1: in the top level: 'background' must be a colour"),
        ("margin = 2", "margin = 2 is outside 0 to 0.25"),
        ("depth = 2", "unknown key 'depth'"),
    ):
        side.write_text(text)
        with pytest.raises(UserError, match=r"m\.matte\.toml") as caught:
            keying_of(model, known)
        assert said in str(caught.value)
