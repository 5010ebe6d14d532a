"""The window that is a video file: read back with PyAV, and never half there."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from engine.audio.songs.song import Song
from engine.borders.errors import UserError
from engine.stage.passes.compositor import Compositor
from engine.stage.recording.movie import Movie
from engine.stage.windows.video_file import VideoWindow
from tests.builders.params import Params
from tests.builders.pictures import still_life
from tests.parts import need

RATE = 44100


def tone(seconds: float, channels: int = 2, rate: int = RATE) -> np.ndarray:
    """A tone that is there in every second half of a second."""
    t = np.arange(round(seconds * rate)) / rate
    wave = 0.5 * np.sin(2 * np.pi * 440 * t) * (np.floor(t * 2) % 2)
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def film(path: Path, frames: int = 24, fps: float = 24, size=(96, 64), sound=None, seconds=None, rate=RATE):
    """Present ``frames`` turning pictures; return what was drawn."""
    need("EGL")
    song = None if sound is None else Song(path, sound, rate)
    window = VideoWindow(path, size, fps, song, seconds=seconds)
    compositor, frame = Compositor(window, guard=False), still_life()
    drawn = []
    try:
        for index in range(frames):
            window.present(compositor(frame, Params({"picture.rotation": index / 48})))
            drawn.append(window.read())
    finally:
        window.close()
    return drawn


def pictures(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as file:
        return [f.to_ndarray(format="rgb24", src_colorspace="ITU709") for f in file.decode(video=0)]


def sound_of(path: Path) -> np.ndarray:
    with av.open(str(path)) as file:
        return np.concatenate([frame.to_ndarray() for frame in file.decode(audio=0)], axis=1)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_pictures_and_sound_come_back(tmp_path, suffix):
    path = tmp_path / f"show{suffix}"
    drawn = film(path, frames=48, sound=tone(5.0), seconds=2.0)
    with av.open(str(path)) as file:
        video, audio = file.streams.video[0], file.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert video.average_rate == 24
        assert (video.width, video.height, video.codec_context.pix_fmt) == (96, 64, "yuv420p")
        context = video.codec_context
        assert [context.colorspace, context.color_primaries, context.color_trc, context.color_range] == [1] * 4
        assert file.duration / 1e6 == pytest.approx(2.0, abs=0.03)
        assert (audio.rate, audio.channels) == (RATE, 2)
    shown = pictures(path)
    assert len(shown) == 48
    errors = [np.abs(a.astype(int) - b).mean() for a, b in zip(shown, drawn, strict=True)]
    assert max(errors) < 4.0
    loud = [np.abs(sound_of(path)[0, i * RATE // 4 : (i + 1) * RATE // 4]).mean() > 0.1 for i in range(8)]
    assert loud == [False, False, True, True] * 2
    assert list(tmp_path.iterdir()) == [path]


def test_colours_are_those_that_were_drawn(tmp_path):
    path = tmp_path / "colours.mp4"
    bars = np.repeat(np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [96, 96, 96]]), 32, axis=0)
    movie = Movie(path, (160, 64), 25)
    for _ in range(5):
        movie.picture(np.broadcast_to(bars.astype(np.uint8), (64, 160, 3)))
    movie.close()
    middle = pictures(path)[2][32, 16::32].astype(int)
    assert np.abs(middle - bars[16::32]).max() <= 6


def test_the_picture_sets_the_length(tmp_path):
    for name, sound in (("short", tone(0.4)), ("long", tone(9.0)), ("none", None)):
        path = tmp_path / f"{name}.mp4"
        film(path, frames=30, fps=30, sound=sound)
        with av.open(str(path)) as file:
            video = file.streams.video[0]
            assert float(video.duration * video.time_base) == pytest.approx(1.0, abs=1e-6)
            assert file.duration / 1e6 == pytest.approx(1.0, abs=0.03)
            assert len(file.streams.audio) == (0 if sound is None else 1)


@pytest.mark.parametrize("fps", [29.97, 23.976, 12.5, 60.0])
def test_the_frame_rate_is_kept(tmp_path, fps):
    path = tmp_path / "rate.mp4"
    film(path, frames=12, fps=fps, size=(32, 32))
    with av.open(str(path)) as file:
        assert float(file.streams.video[0].average_rate) == pytest.approx(fps, rel=1e-4)
        assert len(list(file.decode(video=0))) == 12


@pytest.mark.parametrize(("channels", "rate"), [(1, 22050), (2, 48000), (6, 48000), (2, 192000), (2, 11000)])
def test_any_song_can_be_the_sound(tmp_path, channels, rate):
    path = tmp_path / "sound.mp4"
    sound = tone(1.0, channels, rate)
    sound[rate // 8] = np.nan
    film(path, size=(32, 32), sound=sound, rate=rate)
    heard = sound_of(path)
    half = heard.shape[1] // 2
    assert np.abs(heard[:, : half - 3000]).mean() < 0.02
    assert np.abs(heard[:, half + 3000 :]).mean() > 0.1


def test_the_same_show_gives_the_same_file(tmp_path):
    files = [tmp_path / f"{i}.mp4" for i in range(4)]
    for path in files:
        film(path, frames=30, size=(320, 240), sound=tone(2.0))
    assert len({path.read_bytes() for path in files}) == 1


def test_odd_sides_become_even(tmp_path):
    path = tmp_path / "odd.mp4"
    film(path, frames=3, size=(97, 65))
    assert pictures(path)[0].shape == (64, 96, 3)


def test_a_film_given_up_leaves_the_old_one(tmp_path):
    path = tmp_path / "show.mp4"
    path.write_bytes(b"the old show")
    for end in ("abort", "close"):  # close: 3 frames of the 24 it should have
        window = VideoWindow(path, (32, 32), 24, Song(path, tone(1.0), RATE), seconds=1.0)
        for _ in range(3):
            window.present()
        assert not window.closed
        getattr(window, end)()
        window.close()
        assert path.read_bytes() == b"the old show"
        assert list(tmp_path.iterdir()) == [path]


def test_an_error_while_encoding_leaves_the_old_one(tmp_path):
    path = tmp_path / "show.mp4"
    path.write_bytes(b"the old show")
    window = VideoWindow(path, (32, 32), 24, Song(path, np.zeros((10, 0), np.float32), RATE))
    with pytest.raises((ValueError, IndexError, av.error.FFmpegError)):
        window.present()
    window.close()
    assert path.read_bytes() == b"the old show"
    assert list(tmp_path.iterdir()) == [path]


def test_a_finished_film_replaces_the_old_one_and_then_the_window_is_closed(tmp_path):
    real, link = tmp_path / "real.mp4", tmp_path / "link.mp4"
    real.write_bytes(b"the old show")
    link.symlink_to(real)
    window = VideoWindow(link, (32, 32), 10, seconds=0.5)
    for index in range(5):
        assert not window.closed, index
        window.present()
    assert window.closed
    window.close()
    assert link.is_symlink()
    assert len(pictures(real)) == 5


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("show.avi", r"show\.avi: unknown kind of video '\.avi': end it in \.mp4, \.mov, \.mkv"),
        ("show", "unknown kind of video ''"),
        ("nowhere/show.mp4", r"nowhere/show\.mp4: cannot write there \(No such file or directory\)"),
        ("folder.mp4", "is not a file"),
    ],
)
def test_a_place_that_cannot_be_is_refused_at_once(tmp_path, name, why):
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(UserError, match=why) as caught:
        VideoWindow(tmp_path / name, (32, 32), 24)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.mp4"]
