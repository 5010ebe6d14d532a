"""The video in in the picture: behind it, as a mask, as an image of ISF shaders."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from engine.borders.params import Params
from engine.show.table import standard
from engine.stage.isf.files import rows_of
from engine.stage.passes.compositor import Compositor
from engine.stage.video.behind import Behind
from engine.stage.windows.headless import HeadlessWindow
from tests.parts import need

SIZE = (64, 48)
WHITE, BLUE = (255, 255, 255, 255), (0, 0, 255, 255)


class Shown:
    """A video whose upper half is white and whose lower half is black, wider than the window."""

    def __init__(self, alpha: int = 255) -> None:
        self.pixels = np.zeros((40, 120, 4), np.uint8)
        self.pixels[:20] = 255
        self.pixels[20:, :, 3] = alpha

    def at(self, seconds: float) -> np.ndarray | None:
        """See Seen."""
        return self.pixels

    def values(self, seconds: float) -> dict[str, float]:
        """See Seen."""
        return {}

    def close(self) -> None:
        """See Seen."""


@pytest.fixture
def window():
    """Return a window of its own."""
    need("EGL")
    opened = HeadlessWindow(SIZE)
    yield opened
    opened.close()


def played(window, passes, knobs, video, behind=False, shaders=(), rows=()) -> np.ndarray:
    """Return the wall [H, W, 4], top row first: a blue picture with the video in."""
    table = standard() if not rows else standard().grown(rows)
    compositor = Compositor(window, passes, shaders)
    compositor.see(video)
    if behind:
        compositor.show(Behind(video))
    frame = torch.tensor(BLUE, dtype=torch.uint8).expand(48, 64, 4).contiguous()
    compositor(frame, Params(knobs, table))
    seen = window.read_rgba().astype(int)
    compositor.close()
    return seen


def test_a_mask_shows_the_picture_where_the_video_is_bright(window):
    seen = played(window, ("grade", "mask"), {"mask.amount": 1.0}, Shown())
    assert tuple(seen[8, 32]) == BLUE
    assert tuple(seen[40, 32, :3]) == (0, 0, 0)
    upside_down = played(window, ("mask",), {"mask.amount": 1.0, "mask.low": 0.6, "mask.high": 0.1}, Shown())
    assert tuple(upside_down[40, 32]) == BLUE
    assert tuple(upside_down[8, 32, :3]) == (0, 0, 0)


def test_a_mask_by_alpha(window):
    seen = played(window, ("mask",), {"mask.amount": 1.0, "mask.alpha": 1.0}, Shown(alpha=0))
    assert tuple(seen[8, 32]) == BLUE
    assert tuple(seen[40, 32, :3]) == (0, 0, 0)
    opaque = played(window, ("mask",), {"mask.amount": 1.0, "mask.alpha": 1.0}, Shown())
    assert tuple(opaque[40, 32]) == BLUE


def test_a_masked_picture_shows_its_background(window):
    knobs = {"mask.amount": 1.0, "background.red": 1.0, "background.image": 0.0}
    seen = played(window, ("mask", "background"), knobs, Shown())
    assert tuple(seen[8, 32]) == BLUE
    assert tuple(seen[40, 32, :3]) == (255, 0, 0)


def test_without_a_video_a_mask_hides_nothing(window):
    seen = played(window, ("grade", "mask"), {"mask.amount": 1.0}, None)
    assert tuple(seen[40, 32]) == BLUE


def test_the_video_lies_behind_what_is_cut_out(window):
    knobs = {"mask.amount": 1.0, "mask.low": 0.6, "mask.high": 0.1}
    seen = played(window, ("mask", "background"), knobs, Shown(), behind=True)
    assert tuple(seen[8, 32]) == WHITE
    assert tuple(seen[40, 32]) == BLUE


@pytest.mark.parametrize("name", ["inputImage", "other"])
def test_an_image_of_an_isf_shader_is_wired_to_the_video(window, tmp_path, name):
    said = {"INPUTS": [{"NAME": each, "TYPE": "image"} for each in dict.fromkeys(("inputImage", name))]}
    code = f"void main() {{ gl_FragColor = IMG_THIS_PIXEL({name}); }}"
    (tmp_path / "Wired.fs").write_text(f"/*{json.dumps(said)}*/\n{code}\n")
    passes = ("isf:Wired.fs",)
    rows = rows_of(passes, (tmp_path,))
    assert f"isf.Wired.{name}.video" in {row.name for row in rows}
    plain = played(window, passes, {}, Shown(), shaders=(tmp_path,), rows=rows)
    assert tuple(plain[8, 32]) == BLUE
    wired = played(window, passes, {f"isf.Wired.{name}.video": 1.0}, Shown(), shaders=(tmp_path,), rows=rows)
    assert tuple(wired[8, 32]) == WHITE
    assert tuple(wired[40, 32, :3]) == (0, 0, 0)
    assert (
        tuple(played(window, passes, {f"isf.Wired.{name}.video": 1.0}, None, shaders=(tmp_path,), rows=rows)[8, 32])
        == BLUE
    )


def test_an_isf_shader_leaves_the_background_its_picture(window, tmp_path):
    said = {"INPUTS": [{"NAME": "inputImage", "TYPE": "image"}]}
    (tmp_path / "Same.fs").write_text(
        f"/*{json.dumps(said)}*/\nvoid main() {{ gl_FragColor = IMG_THIS_PIXEL(inputImage); }}\n"
    )
    passes = ("mask", "isf:Same.fs", "background")
    knobs = {"mask.amount": 1.0, "mask.low": 0.6, "mask.high": 0.1}
    rows = rows_of(passes, (tmp_path,))
    seen = played(window, passes, knobs, Shown(), behind=True, shaders=(tmp_path,), rows=rows)
    assert tuple(seen[8, 32]) == WHITE
