"""The video in of a show: behind the picture, as a mask, in ISF shaders, as sources of routes, in renders."""

from __future__ import annotations

import json

import numpy as np
import pytest

from engine.borders.controls import Controls
from engine.borders.tick import Tick
from engine.cli.main import main
from engine.show.latch import touched
from engine.stage.recording.movie import Movie
from tests.parts import need

PRESET = """name = "seen"
passes = ["mask"]
[params.mask]
amount = 1
[params.picture]
matte = 0
[background]
source = "video"
[params.background]
amount = 0
[[routes]]
source = "video.red"
target = "speed"
mode = "set"
range = [0.0, 0.4]
"""


@pytest.fixture
def film(tmp_path):
    """Return a film that is red, then black: white on its right half throughout."""
    path = tmp_path / "seen.mp4"
    movie = Movie(path, (64, 64), 10.0)
    for red in (255, 0):
        picture = np.zeros((64, 64, 3), np.uint8)
        picture[..., 0] = red
        picture[:, 32:] = 255
        movie.picture(picture)
    movie.close()
    return path


def render(tmp_path, *words: str) -> list[dict]:
    """Render a moment of it; return the trace."""
    need("EGL")
    preset, trace = tmp_path / "seen.toml", tmp_path / "t.jsonl"
    preset.write_text(PRESET)
    draw = ("--size", "64x64", "--resolution", "8", "--backend", "plain", "--seconds", "0.4", "--fps", "10")
    out = ("-o", str(tmp_path / "o.mkv" if "--frames" in words else tmp_path / "o.mp4"))
    asked = ["render", "demo", *out, "--preset", str(preset), "--trace", str(trace), "--trace-pictures", *draw, *words]
    assert main(asked) == 0
    return [json.loads(line) for line in trace.read_text().splitlines()]


def test_a_render_reads_the_film_by_the_shows_clock(tmp_path, film):
    rows = render(tmp_path, "--video-in", str(film))
    red = [row["controls"]["video.red"] for row in rows]
    assert red[0] > 0.9 > 0.6 > red[1]
    assert red[2] == pytest.approx(red[0], abs=0.02)  # round and round
    assert rows[0]["params"]["speed"] > rows[1]["params"]["speed"]
    again = render(tmp_path, "--video-in", str(film))
    assert [row["picture_hash"] for row in again] == [row["picture_hash"] for row in rows]
    part = render(tmp_path, "--video-in", str(film), "--frames", "2:4")
    assert [row["picture_hash"] for row in part] == [row["picture_hash"] for row in rows[2:]]


def test_without_a_video_the_preset_plays_and_hides_nothing(tmp_path):
    assert len({row["picture_hash"] for row in render(tmp_path)}) >= 1


def test_what_a_camera_sees_does_not_hurry_the_show():
    seen, touched_too = Controls(values={"video.red": 0.5}), Controls(values={"video.red": 0.5, "key.A": 1.0})
    assert not touched(Controls(values={"video.red": 0.2}), seen)
    assert touched(seen, touched_too)
    assert Tick(0, 0.0, 0.0).index == 0


def test_another_film_is_another_part(tmp_path, film, capsys):
    other = tmp_path / "other.mp4"
    movie = Movie(other, (64, 64), 10.0)
    movie.picture(np.full((64, 64, 3), 80, np.uint8))
    movie.close()
    parts = []
    for path, frames in ((film, "0:2"), (other, "2:4")):
        render(tmp_path, "--video-in", str(path), "--frames", frames)
        parts.append(tmp_path / f"{frames[0]}.mkv")
        (tmp_path / "o.mkv").rename(parts[-1])
    assert main(["join", *map(str, parts), "-o", str(tmp_path / "whole.mp4")]) == 2
    assert "video" in capsys.readouterr().err
