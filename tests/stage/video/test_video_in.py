"""A video in: films, pipes and FFmpeg's test pattern, lost and back again, and what is measured of them."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.borders.errors import Trouble, UserError
from engine.borders.video import VIDEO_SOURCES
from engine.stage.recording.movie import Movie
from engine.stage.video import cameras, place
from engine.stage.video.measures import SMALL, Measures
from engine.stage.video.video_in import FilmIn, VideoIn

PATIENCE = 60.0  # seconds; this machine may be busy
RED, GREEN = (200, 30, 30), (30, 200, 30)


def made(path: Path, colours: list[tuple[int, int, int]], size: tuple[int, int] = (64, 48), fps: float = 10.0) -> Path:
    """Write a film of plain frames."""
    movie = Movie(path, size, fps)
    for colour in colours:
        movie.picture(np.full((size[1], size[0], 3), colour, np.uint8))
    movie.close()
    return path


def until(seen: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Show:
    """A video in with a show's clock."""

    def __init__(self, text: str, must_exist: bool = True) -> None:
        self.lines: list[str] = []
        self.began = time.monotonic()
        self.video = VideoIn(place.parse(text), self.lines.append, must_exist=must_exist)

    def colour(self) -> tuple[int, ...] | None:
        """Return the middle of what is seen now."""
        pixels = self.video.at(time.monotonic() - self.began)
        return None if pixels is None else tuple(int(each) for each in pixels[len(pixels) // 2, pixels.shape[1] // 2])

    def shows(self, colour: tuple[int, int, int]) -> bool:
        """Return whether that is seen now."""
        found = self.colour()
        return found is not None and max(abs(a - b) for a, b in zip(found, colour, strict=False)) < 12


def test_a_film_of_another_rate_and_size_is_seen_and_measured(tmp_path):
    show = Show(str(made(tmp_path / "a.mp4", [RED] * 3, (200, 100), 7.0)))
    until(lambda: show.shows(RED))
    values = show.video.values(0.0)
    assert set(values) == set(VIDEO_SOURCES)
    assert values["video.red"] > 0.7 > 0.2 > values["video.green"]
    assert values["video.hue"] == pytest.approx(0.0, abs=0.02) or values["video.hue"] > 0.98
    until(lambda: show.colour() is not None and "200x100" in show.video.line())
    show.video.close()
    show.video.close()


def test_a_film_that_is_taken_away_is_told_and_comes_back(tmp_path):
    path = made(tmp_path / "a.mp4", [RED] * 3)
    other = made(tmp_path / "b.mp4", [GREEN] * 3)
    show = Show(str(path))
    until(lambda: show.shows(RED))
    path.unlink()
    until(lambda: bool(show.lines) and "is lost" in show.lines[0] and show.colour() is not None)
    assert isinstance(show.lines[0], Trouble)
    assert show.shows(RED)  # the last picture stays
    assert show.video.values(1e3)["video.motion"] == 0.0
    assert show.video.line() == "lost"
    shutil.move(other, path)
    until(lambda: show.shows(GREEN))
    until(lambda: any("is back" in line for line in show.lines))
    show.video.close()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_waits_for_its_writer_and_for_the_next_one(tmp_path):
    film, pipe = made(tmp_path / "a.mkv", [GREEN] * 5).read_bytes(), tmp_path / "pipe"
    os.mkfifo(pipe)
    show = Show(str(pipe))
    assert "waiting" in show.lines[0]
    assert show.colour() is None

    def ended() -> int:  # on a crowded machine it is lost for other reasons, too
        return sum("it has ended" in line for line in show.lines)

    for films in (1, 2):
        threading.Thread(target=pipe.write_bytes, args=(film,), daemon=True).start()
        until(lambda films=films: ended() == films)
        assert show.shows(GREEN)
    assert any("is back" in line for line in show.lines)
    show.video.close()


def test_the_pattern_moves_and_the_loop_never_waits():
    show = Show(place.PATTERN)
    until(lambda: show.video.values(time.monotonic() - show.began).get("video.motion", 0.0) > 0.0)
    begun = time.thread_time()
    for _ in range(200):
        show.colour()
    assert time.thread_time() - begun < 1.0  # nothing is decoded in this thread
    show.video.close()


def test_what_is_remembered_is_waited_for(tmp_path):
    path = tmp_path / "later.mp4"
    show = Show(str(path), must_exist=False)
    assert show.lines == [f"video: waiting for {path}"]
    made(tmp_path / "b.mp4", [RED] * 3).rename(path)
    until(lambda: show.shows(RED))
    until(lambda: show.lines[-1] == f"video: {path} is there")
    show.video.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("none.mp4", "none.mp4: there is no such file"),
        (".", "is a folder"),
        ("udp://127.0.0.1:5000", "addresses in the network are not opened"),
        ("no such camera", "no camera"),
        ("spout:x", "not installed"),
        ("syphon:x", "not installed"),
    ],
)
def test_what_is_not_there_is_refused_in_a_line(tmp_path, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=said) as error:
        VideoIn(place.parse(text), lambda line: None)
    assert "\n" not in str(error.value)


def test_a_render_has_films_only(tmp_path):
    path = made(tmp_path / "a.mp4", [RED, GREEN])
    assert place.film_of(str(path)) == path
    for text in ("ndi:x", place.PATTERN, "some camera"):
        with pytest.raises(UserError, match="a render reads the file of a film"):
            place.film_of(text)


def test_a_render_sees_the_same_whatever_moments_it_asked_for_before(tmp_path):
    path = made(tmp_path / "a.mp4", [RED, GREEN, RED, RED, GREEN], fps=20.0)
    one, other = FilmIn(path), FilmIn(path)
    for index in range(12):
        one.values(index / 30)
        one.at(index / 30)
    other.values(11 / 30)
    assert np.array_equal(one.at(11 / 30), other.at(11 / 30))
    assert one.values(11 / 30) == other.values(11 / 30)
    one.close()
    other.close()


def test_motion_is_the_same_at_25_and_60_frames_a_second():
    said = {}
    for fps in (25, 60):
        measures, found = Measures(), []
        for index in range(2 * fps):
            at = int(SMALL[0] * (index / fps * 0.5 % 1.0))  # half the picture a second
            small = np.zeros((SMALL[1], SMALL[0], 3), np.uint8)
            small[:, at : at + 8] = 255
            measures.take(small, index / fps)
            found.append(measures.values["video.motion"])
        said[fps] = np.mean(found[fps // 2 :])
    assert 0.1 < said[25] < 0.9
    assert said[25] == pytest.approx(said[60], rel=0.2)


def test_a_cameras_grain_is_no_motion():
    rng, measures = np.random.default_rng(0), Measures()
    for index in range(50):
        measures.take((120 + rng.normal(0, 2, (SMALL[1], SMALL[0], 3))).astype(np.uint8), index / 25)
        assert measures.values["video.motion"] < 0.02


def test_cameras_are_found_by_number_name_and_device(monkeypatch):
    two = (cameras.Camera("HD Webcam C270", "/dev/video0"), cameras.Camera("Cam Link 4K", "/dev/video2"))
    monkeypatch.setattr(place, "cameras", lambda: two)
    assert [place.find_camera(name) for name in ("0", "link", "/dev/video2")] == [two[0], two[1], two[1]]
    with pytest.raises(UserError, match="did you mean 'Cam Link 4K'"):
        place.find_camera("Cam Lnk 4K")
    assert place.lasting(place.parse("link")) == "Cam Link 4K"
