"""Films that keep alpha: each codec is read back and laid over colours."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from engine.borders.contracts import Pixels
from engine.borders.errors import UserError
from engine.stage.recording.codecs import ALPHA, layer, with_alpha
from engine.stage.recording.movie import Movie

SIDE = 64
OVER = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0]])


def ball() -> Pixels:
    """Return a soft orange ball, premultiplied, over nothing."""
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE * 2.0 - 1.0
    alpha = np.clip((0.7 - np.hypot(x, y)) * 12.0, 0.0, 1.0)[..., None]
    light = np.array([230.0, 120.0, 20.0]) * (0.7 + 0.3 * x[..., None])
    return np.concatenate([light * alpha, 255.0 * alpha], 2).round().astype(np.uint8)


def read(path: Path) -> list[NDArray[np.uint8]]:
    """Return the film's pictures, straight RGBA [H, W, 4], with the decoder that knows the codec's alpha."""
    with av.open(str(path)) as film:
        if path.suffix != ".webm":
            return [frame.to_ndarray(format="rgba") for frame in film.decode(video=0)]
        decoder = av.CodecContext.create("libvpx-vp9", "r")  # FFmpeg's own decoder knows no alpha
        frames = [frame for packet in film.demux(video=0) for frame in decoder.decode(packet)]
    return [frame.to_ndarray(format="rgba") for frame in frames]


@pytest.mark.parametrize("name", sorted(ALPHA))
def test_a_film_keeps_what_shows_through(tmp_path, name):
    path, sent = tmp_path / f"film{ALPHA[name].suffix}", ball()
    film = Movie(path, (SIDE, SIDE), 25.0, 48000, alpha=ALPHA[name])
    for _ in range(3):
        film.picture(sent)
        film.sound(np.zeros((1920, 2), np.float32))
    film.close()
    got = read(path)
    assert len(got) == 3
    alpha = got[1][..., 3:] / 255.0
    wanted_alpha = sent[..., 3:] / 255.0
    for colour in OVER:
        seen = got[1][..., :3] * alpha + (1.0 - alpha) * colour
        wanted = sent[..., :3] + (1.0 - wanted_alpha) * colour
        assert np.abs(seen - wanted).max() <= (2.0 if name == "qtrle" else 8.0)


def test_the_suffix_or_the_name_says_which_codec():
    assert with_alpha(Path("a.mov")) is ALPHA["prores"]
    assert with_alpha(Path("a.MOV"), "qtrle") is ALPHA["qtrle"]
    assert with_alpha(Path("a.webm")) is ALPHA["vp9"]
    with pytest.raises(UserError, match=r"a\.mp4: --alpha needs a film that has alpha: end it in \.mov or \.webm"):
        with_alpha(Path("a.mp4"))
    with pytest.raises(UserError, match=r"--codec vp9 is written to a \.webm file"):
        with_alpha(Path("a.mov"), "vp9")


def test_colours_reach_over_the_edge_and_alpha_does_not():
    sent = ball()
    made = layer(sent)
    assert np.array_equal(made[..., 3], sent[..., 3])
    assert made[SIDE // 2, 4, 0] > 100  # outside the ball
    opaque = np.full((4, 4, 4), 255, np.uint8)
    assert layer(opaque) is opaque
