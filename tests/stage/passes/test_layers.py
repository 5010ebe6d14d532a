"""What shows through the picture: alpha through the passes, and the backgrounds behind them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.borders.tick import Tick
from engine.stage.desktop.overlay import Scene
from engine.stage.passes.compositor import Compositor
from engine.stage.video.still import Still
from tests.builders.params import Params
from tests.builders.pictures import flat

CUT = {"picture.matte": 1.0}
BLUE = {"background.blue": 1.0}


def subject(size: int = 32) -> torch.Tensor:
    """A frame as the matte makes it: a red square at half its opacity in the middle, nothing around it."""
    frame = torch.zeros(size, size, 4, dtype=torch.uint8)
    frame[size // 4 : -size // 4, size // 4 : -size // 4] = torch.tensor([100, 0, 0, 128], dtype=torch.uint8)
    return frame


def played(window, passes, knobs, frames=1, footage=None):
    compositor = Compositor(window, passes)
    compositor.show(footage)
    for index in range(frames):
        compositor(subject(), Params({**CUT, **knobs}), (), Tick(index, index / 10, 0.1 if index else 0.0))
    picture = window.read_rgba().astype(int)
    compositor.close()
    return picture


def test_the_target_has_the_pictures_alpha_and_its_light(open_window):
    picture = played(open_window(32, 32), ("grade",), {})
    assert np.abs(picture[16, 16] - [100, 0, 0, 128]).max() <= 1
    assert picture[1, 1].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("name", ["grade", "palette", "grain", "mirror", "trails", "chroma", "edges", "bloom"])
def test_a_pass_leaves_nothing_where_nothing_is(open_window, name):
    knobs = {f"{name}.amount": 0.2} if name != "grade" else {"picture.contrast": 0.5}
    picture = played(open_window(32, 32), (name,), knobs, 3)
    assert picture[1, 1].max() <= 1
    assert 100 <= picture[16, 16, 3] <= 160
    assert (picture[..., :3] <= picture[..., 3:] + 1).all()


def test_without_a_matte_all_of_it_is_opaque(open_window):
    window = open_window(64, 32)
    compositor = Compositor(window, ("grade",))
    compositor(flat((10, 20, 30)), Params())
    picture = window.read_rgba()
    assert (picture[..., 3] == 255).all()  # the bars, too
    assert picture[16, 32].tolist() == [10, 20, 30, 255]


def test_a_colour_shows_through(open_window):
    picture = played(open_window(32, 32), ("grade", "background"), BLUE)
    assert np.abs(picture[16, 16] - [100, 0, 127, 255]).max() <= 1
    assert picture[1, 1].tolist() == [0, 0, 255, 255]


def test_a_colour_shows_in_the_bars_beside_an_opaque_picture(open_window):
    window = open_window(64, 32)
    Compositor(window, ("background",))(flat((10, 20, 30)), Params(BLUE))
    picture = window.read_rgba()
    assert picture[16, 2].tolist() == [0, 0, 255, 255]
    assert picture[16, 32].tolist() == [10, 20, 30, 255]


def test_passes_after_the_background_work_on_both(open_window):
    before = played(open_window(32, 32), ("grade", "background"), {**BLUE, "picture.saturation": 0.0})
    after = played(open_window(32, 32), ("background", "grade"), {**BLUE, "picture.saturation": 0.0})
    assert before[1, 1, 2] == 255
    assert after[1, 1, :3].std() == 0


def test_a_picture_lies_behind_with_its_own_alpha_over_the_colour(open_window):
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[:8] = [0, 200, 0, 255]  # the upper half
    picture = played(open_window(32, 32), ("background",), BLUE, footage=Still(pixels))
    assert np.abs(picture[2, 2] - [0, 200, 0, 255]).max() <= 1
    assert np.abs(picture[29, 2] - [0, 0, 255, 255]).max() <= 1
    assert np.abs(picture[12, 16] - [100, 99, 0, 255]).max() <= 2


def test_feedback_is_behind_the_picture_and_grows(open_window):
    knobs = {"feedback.seconds": 60.0, "feedback.zoom": 4.0}
    one, more = (played(open_window(32, 32), ("feedback",), knobs, frames) for frames in (1, 4))
    assert one[6, 16].max() == 0
    assert more[6, 16, 0] > 60
    assert abs(more[16, 16, 3] - 255) < 80  # what was there shows through the half that is not


@pytest.mark.parametrize(("mode", "seen"), [(1.0, True), (2.0, False)], ids=["wallpaper", "window"])
def test_feedback_is_behind_a_picture_that_is_the_desktops_wallpaper(open_window, mode, seen):
    """It was black there: as if a wallpaper, too, were a window of the desktop, which nothing shows through."""
    window = open_window(320, 180)
    compositor = Compositor(window, ("feedback",))
    bare = {f"desktop.{each}": 0.0 for each in ("terminal", "monitor")}
    knobs = Params({**CUT, **bare, "desktop.mode": mode, "feedback.seconds": 60.0, "feedback.zoom": 4.0})
    for index in range(4):
        compositor(subject(), knobs, Scene(clock="now"), Tick(index, index / 10, 0.1 if index else 0.0))
    left, bottom, width, height = compositor._desktop.area(window.size, knobs)
    row = window.read_rgba()[180 - bottom - height // 2, left : left + width, 0].astype(int)
    around = row[width // 8 : width // 5]  # beside the subject, which has the middle half, and the dock
    assert (around.max() > 60) == seen
    compositor.close()


def test_what_is_behind_a_wallpaper_goes_as_the_picture_glides_into_a_window(open_window):
    window = open_window(320, 180)
    compositor = Compositor(window, ("feedback",))
    bare = {f"desktop.{each}": 0.0 for each in ("terminal", "monitor")}
    brightest = []
    for index in range(12):
        mode = 1.0 if index < 4 else 2.0
        knobs = Params({**CUT, **bare, "desktop.mode": mode, "feedback.seconds": 60.0, "feedback.zoom": 4.0})
        compositor(subject(), knobs, Scene(clock="now"), Tick(index, index / 20, 0.05 if index else 0.0))
        left, bottom, width, height = compositor._desktop.area(window.size, knobs)
        row = window.read_rgba()[180 - bottom - height // 2, left : left + width, 0].astype(int)
        brightest.append(row[width // 8 : width // 5].max())
    assert brightest[3] > 60
    assert brightest[5] > 0.7 * brightest[3]  # a fifth of the way
    assert 0 < brightest[9] < 0.7 * brightest[3]  # three fifths
    compositor.close()


def test_blackout_takes_everything_away(open_window):
    assert played(open_window(32, 32), ("grade", "background"), {**BLUE, "picture.blackout": 1.0})[..., :3].max() == 0
    assert played(open_window(32, 32), ("grade",), {"picture.blackout": 1.0}).max() == 0


def test_a_pass_without_a_word_of_alpha_keeps_it(open_window, tmp_path):
    head = '#version 330 core\n#pragma latentvj once\n#include "lib/pass.glsl"\n'
    (tmp_path / "mine.frag").write_text(head + "vec3 shade(vec2 at) { return source(at); }\n")
    window = open_window(32, 32)
    Compositor(window, ("mine",), (tmp_path,))(subject(), Params(CUT))
    assert np.abs(window.read_rgba()[16, 16].astype(int) - [100, 0, 0, 128]).max() <= 1
