"""The ISF shaders that ship, which together use everything that the format has: what each draws, by golden pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.borders.features import AudioFeatures
from engine.stage.isf.effect import Effect, Moment
from engine.stage.isf.files import read
from engine.stage.isf.first_picture import DATE, subject
from engine.stage.isf.inputs import KINDS
from engine.stage.isf.sound import Sound, columns_of_spectrum, columns_of_wave
from engine.stage.passes.canvas import Canvas
from engine.stage.passes.source import shipped
from tests.builders.pictures import assert_golden

FILES = {path.stem: path for path in sorted((shipped() / "isf").glob("*.fs"))}
SIZE = (96, 54)
VALUES = {  # by which a picture shows more than by the defaults
    "Clockwork": {"step": 1.0, "byDate": 1.0},
    "Halftone": {"cells": 14.0, "mode": 1.0},
    "Ink": {"progress": 0.5},
    "Slats": {"progress": 0.35, "slats": 5.0},
    "Soft Focus": {"radius": 1.0},
    "Spectrum Ring": {"bars": 12.0},
    "Stipple": {"levels": 2.0},
}


def heard() -> AudioFeatures:
    """A tone of a low and a high note, as ears would hand it over."""
    t = np.arange(2048) / 44100.0
    wave = 0.5 * np.sin(2 * math.pi * 172.0 * t) + 0.2 * np.sin(2 * math.pi * 2067.0 * t)
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(2048))) * 4.0 / 2048
    return AudioFeatures(wave=wave.astype(np.float32), spectrum=spectrum.astype(np.float32))


@pytest.mark.parametrize("name", FILES)
def test_what_ships_draws_as_it_did(open_window, name):
    ctx = open_window(*SIZE).ctx
    effect, canvas, sound = Effect(ctx, read(FILES[name])), Canvas.make(ctx, SIZE), Sound(ctx)
    inputs = effect.shader.header.inputs
    picture = subject(SIZE)
    textures = {"a": picture, "endImage": picture[:, ::-1]}
    shown = {key: ctx.texture(SIZE, 4, each.astype(np.float16).tobytes(), dtype="f2") for key, each in textures.items()}
    for texture in shown.values():
        texture.repeat_x = texture.repeat_y = False
    sound.hear(heard())
    others = {"endImage": shown["endImage"], **{i.name: sound.picture(i) for i in inputs if i.kind.startswith("audio")}}
    params = {f"{effect.shader.prefix}{key}": value for key, value in VALUES.get(name, {}).items()}
    for index in range(3):
        source = shown["endImage"] if index < 2 and name == "Afterglow" else shown["a"]
        effect.draw(source, others, params, Moment(1.0 + index / 4, 0.25, DATE), canvas)
    raw = np.frombuffer(canvas.texture.read(), np.float16).reshape(SIZE[1], SIZE[0], 4)[::-1, :, :3]
    assert_golden((np.clip(raw.astype(np.float32), 0.0, 1.0) * 255.0).round().astype(np.uint8), f"isf_{name}")


def test_together_they_use_everything():
    shaders = [read(path) for path in FILES.values()]
    headers = [shader.header for shader in shaders]
    assert {each.kind for header in headers for each in header.inputs} == set(KINDS)
    targets = [target for header in headers for target in header.targets]
    assert any(t.persistent and t.floating for t in targets)
    assert any(t.width is not None and not t.persistent for t in targets)
    assert any(header.imported for header in headers)
    assert any(header.is_transition for header in headers)
    assert any(header.is_generator for header in headers)
    assert any(shader.vertex for shader in shaders)
    code = "".join(shader.text for shader in shaders)
    words = "IMG_PIXEL IMG_NORM_PIXEL IMG_THIS_PIXEL IMG_SIZE TIME TIMEDELTA DATE FRAMEINDEX PASSINDEX RENDERSIZE"
    assert [word for word in words.split() if word not in code] == []
    assert all(len(shader.header.description) > 10 for shader in shaders)


@pytest.mark.parametrize("columns", [1, 4, 64, 4096])
def test_sound_becomes_as_many_columns_as_are_asked_for(columns):
    wave, spectrum = heard().wave, heard().spectrum
    assert columns_of_wave(wave, columns).shape == columns_of_spectrum(spectrum, columns).shape == (columns,)
    quiet = np.zeros(0, np.float32)
    assert columns_of_wave(quiet, columns) == pytest.approx(0.5)
    assert columns_of_spectrum(quiet, columns) == pytest.approx(0.0)


def test_the_columns_say_what_was_heard():
    wave, spectrum = heard().wave, heard().spectrum
    assert columns_of_wave(wave, 2048) == pytest.approx(0.5 + 0.5 * wave, abs=1e-6)
    loud = columns_of_wave(wave, 1)[0]
    assert loud == pytest.approx(0.5 + 0.5 * math.sqrt(0.5**2 / 2 + 0.2**2 / 2), abs=0.01)  # two sines' RMS
    fft = columns_of_spectrum(spectrum, 1025)
    assert np.argmax(fft) == round(172.0 / 44100.0 * 2048)
    assert fft[round(2067.0 / 44100.0 * 2048)] == pytest.approx(math.sqrt(0.2), abs=0.02)
    assert np.argmax(columns_of_spectrum(spectrum, 16)) == 0
