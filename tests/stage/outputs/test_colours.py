"""The colours of a picture: those that are there, the most first, steady, and read from a real context."""

from __future__ import annotations

import numpy as np
import pytest

from engine.stage.outputs.dominant import COLOURS, Dominant, to_lab, to_rgb
from engine.stage.outputs.small_picture import SIZE, SmallPicture
from engine.stage.windows.headless import HeadlessWindow
from tests.parts import need

WALL = {(200, 30, 40): 300, (20, 40, 180): 150, (240, 220, 30): 80, (0, 0, 0): 30, (250, 250, 250): 16}


def picture(parts: dict[tuple[int, int, int], int], noise: int = 6, seed: int = 0) -> np.ndarray:
    dice = np.random.default_rng(seed)
    pixels = np.repeat(np.array(list(parts)), list(parts.values()), 0)
    return np.clip(dice.permutation(pixels) + dice.integers(-noise, noise + 1, pixels.shape), 0, 255).astype(np.uint8)


def test_colours_are_what_they_were() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4096, 3)).astype(np.uint8)
    assert np.abs(to_rgb(to_lab(pixels)).astype(int) - pixels).max() <= 1


def test_the_colours_that_are_there_the_most_first() -> None:
    dominant = Dominant()
    for seed in range(6):
        found = dominant(picture(WALL, seed=seed))
    assert len(found) == COLOURS
    for colour, meant in zip(found, WALL, strict=True):
        assert np.abs(np.subtract(colour, meant)).max() <= 10, (found, meant)


def test_they_stay_in_their_places_while_the_picture_trembles() -> None:
    dominant = Dominant()
    for seed in range(20):
        nearly = {(200, 30, 40): 150 + seed % 3, (20, 40, 180): 151, (240, 220, 30): 80}
        found = dominant(picture(nearly, seed=seed))
        if seed == 3:
            first = found[:2]
    assert np.abs(np.subtract(found[:2], first)).max() <= 12


@pytest.mark.parametrize("pixels", [np.zeros((576, 3), np.uint8), np.full((576, 3), 255, np.uint8)])
def test_a_wall_of_one_colour_is_that_colour(pixels: np.ndarray) -> None:
    dominant = Dominant()
    for _ in range(3):
        assert set(dominant(pixels)) == {tuple(pixels[0].tolist())}


def test_the_wall_is_read_small_and_one_picture_later() -> None:
    need("EGL")
    window = HeadlessWindow((320, 200))
    small = SmallPicture(window)
    window.target.clear(1.0, 0.0, 0.0)
    assert small() is None
    window.target.clear(0.0, 0.0, 1.0, viewport=(0, 0, 160, 200))
    first = small()
    assert first is not None
    assert first.shape == (SIZE[0] * SIZE[1], 3)
    assert (first == (255, 0, 0)).all()
    second = small()
    assert second is not None
    halves = second.reshape(SIZE[1], SIZE[0], 3)
    assert (halves[:, :16] == (0, 0, 255)).all()
    assert (halves[:, 16:] == (255, 0, 0)).all()
    small.close()
    window.close()
