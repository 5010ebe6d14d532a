"""A film behind the show: which frame is seen when, and with which alpha."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from engine.borders.errors import UserError
from engine.stage.recording.codecs import ALPHA
from engine.stage.recording.movie import Movie
from engine.stage.video.film import Film

LEVELS = (20, 80, 140, 200)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a film of four grey frames, ten a second."""
    path = tmp_path_factory.mktemp("film") / "grey.mp4"
    movie = Movie(path, (32, 16), 10.0)
    for level in LEVELS:
        movie.picture(np.full((16, 32, 3), level, np.uint8))
    movie.close()
    return path


def test_every_moment_has_its_frame_round_and_round(film):
    opened = Film(film, 1280, exact=True)
    seen = [int(opened.at(each / 10 + 0.01)[8, 16, 0]) for each in (0, 1, 3, 4, 6, 9)]
    opened.close()
    assert np.abs(np.array(seen) - np.array(LEVELS)[[0, 1, 3, 0, 2, 1]]).max() <= 3


def test_a_show_that_was_away_goes_on_where_the_film_is_by_now(film):
    opened = Film(film, 1280, exact=True)
    assert abs(int(opened.at(400.21)[8, 16, 0]) - LEVELS[2]) <= 3
    opened.close()


def test_the_same_frame_is_the_same_array_and_no_larger_than_asked(film):
    opened = Film(film, 16, exact=True)
    assert opened.at(0.01) is opened.at(0.05)
    assert opened.at(0.0).shape == (8, 16, 4)
    opened.close()


def test_on_stage_a_thread_brings_the_frames(film):
    opened = Film(film, 1280, exact=False)
    deadline = time.monotonic() + 30.0
    while abs(int(opened.at(0.31)[8, 16, 0]) - LEVELS[3]) > 3:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    opened.close()
    opened.close()


@pytest.mark.parametrize("name", sorted(ALPHA))
def test_a_film_with_alpha_keeps_it_premultiplied(tmp_path, name):
    path = tmp_path / f"a{ALPHA[name].suffix}"
    movie = Movie(path, (32, 32), 10.0, alpha=ALPHA[name])
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[:, :16] = 100, 50, 0, 128
    movie.picture(pixels)
    movie.close()
    opened = Film(path, 1280, exact=True)
    seen = opened.at(5.0).astype(int)
    opened.close()
    assert np.abs(seen[16, 4] - [100, 50, 0, 128]).max() <= 4
    assert seen[16, 28].max() <= 4


def test_what_is_no_film_is_refused(tmp_path):
    (tmp_path / "a.mp4").write_text("no film")
    with pytest.raises(UserError, match=r"a\.mp4: cannot be read as a film"):
        Film(tmp_path / "a.mp4", 1280, exact=True)
    with pytest.raises(UserError, match=r"b\.mp4: there is no such file"):
        Film(tmp_path / "b.mp4", 1280, exact=True)
