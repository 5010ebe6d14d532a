"""ISF shaders among the passes of a show: switched, edited, broken."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from engine.borders.errors import Trouble
from engine.borders.faults import Faults
from engine.borders.params import Params
from engine.borders.tick import Tick
from engine.control.presets.preset import parse
from engine.show.open_background import drawn_passes
from engine.show.table import standard
from engine.stage.isf import effects
from engine.stage.isf.files import rows_of
from engine.stage.passes.compositor import LOOK_EVERY, Compositor
from engine.stage.passes.source import ShaderError
from tests.builders.isf import IMAGE, write
from tests.builders.pictures import flat, quadrants

LEVEL = {"NAME": "level", "TYPE": "float", "DEFAULT": 1.0}
CODE = "void main() { gl_FragColor = vec4(IMG_THIS_PIXEL(inputImage).rgb * level, 1.0); }"


class NoRoom:
    """A trial that everything passes; the real one has its own test."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def try_out(self, shader, size):
        return True


@pytest.fixture
def show(open_window, tmp_path, monkeypatch):
    """A window of 8 pixels with one ISF shader as its pass, on stage; the lines that were told."""
    monkeypatch.setattr(effects, "TrialRoom", NoRoom)
    path, window, told = write(tmp_path, CODE, INPUTS=[IMAGE, LEVEL]), open_window(8, 8), []
    name = f"isf:{path}"
    compositor = Compositor(window, (name,), notify=told.append, faults=Faults(told.append, on_stage=True))

    def draw(times=1, frame=None, **values):
        params = Params({f"isf.try.{key}": value for key, value in values.items()}, standard().grown(rows_of((name,))))
        for _ in range(times):
            compositor(flat((200, 100, 50)) if frame is None else frame, params)
        return window.read()[4, 4].tolist()

    yield path, compositor, draw, told
    compositor.close()


def save(path, code):
    write(path.parent, code, INPUTS=[IMAGE, LEVEL])
    long_ago = time.time() - 10.0
    os.utime(path, (long_ago, long_ago))


def until(said, draw, told):
    deadline = time.monotonic() + 30.0
    while not any(said in line for line in told) and time.monotonic() < deadline:
        draw(LOOK_EVERY)
    return [line for line in told if said in line]


def test_it_draws_from_the_frame_in_its_place_and_zero_mix_is_off(show):
    _, compositor, draw, _ = show
    assert draw(level=0.5) == pytest.approx([100, 50, 25], abs=1)
    assert draw(level=0.5, mix=0.0) == [200, 100, 50]
    draw(frame=quadrants(8), level=1.0)
    assert np.abs(compositor.window.read()[1, 1].astype(int) - (200, 40, 30)).max() <= 1  # the first row is the top


def test_a_saved_file_is_taken_and_a_broken_one_leaves_the_last_good_one(show):
    path, _, draw, told = show
    assert draw(level=1.0) == [200, 100, 50]
    save(path, CODE.replace("vec4(", "vec4(1.0 - "))
    assert until("taken anew", draw, told)
    assert draw(level=1.0) == pytest.approx([55, 155, 205], abs=1)
    save(path, CODE + "\nbroken")
    (line,) = until("plays on", draw, told)
    assert isinstance(line, Trouble)
    assert line.startswith(f"{path}:")
    assert "\n" not in line
    assert draw(level=1.0) == pytest.approx([55, 155, 205], abs=1)


def test_what_was_not_tried_is_told_apart(show, tmp_path):
    path, compositor, draw, _ = show
    other = f"isf:{write(tmp_path, CODE, 'other', INPUTS=[IMAGE, LEVEL])}"
    assert compositor.effects.untried(("grade", f"isf:{path}", other)) == (other,)
    compositor.effects.try_out((other,))
    assert not compositor.effects.untried((other,))
    compositor.change((other,))
    assert draw() == [200, 100, 50]


def test_a_transition_leads_from_the_picture_it_holds_to_the_one_that_goes_on(show, tmp_path):
    _, compositor, draw, told = show
    images = [{"NAME": "startImage", "TYPE": "image"}, {"NAME": "endImage", "TYPE": "image"}]
    code = "void main() { gl_FragColor = mix(IMG_THIS_PIXEL(startImage), IMG_THIS_PIXEL(endImage), progress); }"
    path = write(tmp_path, code, "lead", INPUTS=[*images, {"NAME": "progress", "TYPE": "float"}])
    name = f"isf:{path}"
    assert draw() == [200, 100, 50]
    assert not compositor.cross(name, 1.0)  # on stage nothing is compiled for it
    assert "is new in this show" in told[-1]
    compositor.load((name,))
    assert compositor.cross(name, 1.0)
    params = Params({}, standard())
    compositor(flat((200, 100, 50)), params, (), Tick(0, 0.0, 0.0))  # the old picture once more, which it holds
    compositor.change(("grade",))
    reds = []
    for index in range(1, 12):
        compositor(flat((0, 100, 50)), params, (), Tick(index, index / 10, 0.1))
        reds.append(int(compositor.window.read()[4, 4, 0]))
    assert reds == pytest.approx([180, 160, 140, 120, 100, 80, 60, 40, 20, 0, 0], abs=1)


def test_a_file_that_is_no_transition_is_refused(show):
    path, compositor, *_ = show
    with pytest.raises(ShaderError, match="no transition"):
        compositor.effects.progress_of(f"isf:{path}")


def test_a_preset_names_a_file_beside_it_and_its_parameters(tmp_path):
    path = write(tmp_path, CODE, INPUTS=[IMAGE, LEVEL])
    text = 'passes = ["isf:try.fs", "isf:Elsewhere.fs"]\n[params.isf.try]\nlevel = 0.5\n'
    preset = parse(text, tmp_path / "p.toml", standard())
    assert preset.passes == (f"isf:{path}", "isf:Elsewhere.fs")
    assert preset.params == {"isf.try.level": 0.5}


def test_a_generator_shows_through_the_picture_as_its_background(show, tmp_path):
    _, compositor, _, _ = show
    write(tmp_path, "void main() { gl_FragColor = vec4(0.0, 0.0, 1.0, 1.0); }", "sky")
    preset = parse('passes = ["grade"]\n[background]\nsource = "isf:sky.fs"\n', tmp_path / "p.toml", standard())
    passes = drawn_passes(preset)
    assert passes == ("grade", f"isf:behind:{tmp_path / 'sky.fs'}", "crossfade")
    assert [row.name for row in rows_of(passes)] == ["isf.sky.mix"]
    compositor.load(passes)
    compositor.change(passes)
    half = flat((200, 0, 0))
    half[:, :8] = 0  # transparent on the left
    compositor(half, Params({}, standard()))
    assert compositor.window.read()[4, 1].tolist() == [0, 0, 255]
    assert compositor.window.read()[4, 6].tolist() == [200, 0, 0]
    with pytest.raises(ShaderError, match="no generator"):
        compositor.effects.try_out((f"isf:behind:{tmp_path / 'try.fs'}",))


def test_an_unknown_file_is_refused_at_the_start(open_window):
    with pytest.raises(ShaderError, match=r"no ISF file 'Nowhere\.fs'"):
        Compositor(open_window(8, 8), ("isf:Nowhere.fs",))
